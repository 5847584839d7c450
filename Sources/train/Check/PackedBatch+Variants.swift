// A batch with some of its inputs exchanged, some of its labels masked, or its boundaries moved: what the probes, and
// the bugs that are planted to test them, are made of. Never trained on.

import PipelineKit

extension PackedBatch {
    /// The cells of one code column: the codes of all codebooks at one position of kind audioOut.
    struct CodeColumn: Sendable, Equatable {
        /// The position in the batch.
        var position: Int
        /// The column in `audioOutIDs` and `labelAudioIDs`.
        var column: Int
    }

    /// T of kind audioOut.
    var audioOutColumns: Int { audioOutIDs.count / codebooks }

    /// All columns of kind audioOut, in order.
    var codeColumns: [CodeColumn] {
        kinds.indices.filter { kinds[$0] == .audioOut }.enumerated().map { CodeColumn(position: $1, column: $0) }
    }

    /// Positions of text whose label is predicted from the position before, in the same sequence.
    var labelledTextPositions: [Int] {
        let firsts = Set(starts)
        return labelIDs.indices.filter { labelIDs[$0] != ignoredLabel && !firsts.contains($0) }
    }

    /// Columns of which every codebook has a label.
    var fullyLabelledColumns: [CodeColumn] {
        codeColumns.filter { column in
            (0..<codebooks).allSatisfy { labelAudioIDs[$0 * audioOutColumns + column.column] != ignoredLabel }
        }
    }

    /// The same batch with other arrays. Lengths must stay.
    func replacing(
        starts: [Int]? = nil, inputIDs: [Int32]? = nil, labelIDs: [Int32]? = nil, audioInIDs: [Int32]? = nil,
        audioOutIDs: [Int32]? = nil, labelAudioIDs: [Int32]? = nil
    ) -> PackedBatch {
        PackedBatch(
            self, starts: starts ?? self.starts, inputIDs: inputIDs ?? self.inputIDs,
            labelIDs: labelIDs ?? self.labelIDs, audioInIDs: audioInIDs ?? self.audioInIDs,
            audioOutIDs: audioOutIDs ?? self.audioOutIDs, labelAudioIDs: labelAudioIDs ?? self.labelAudioIDs)
    }

    private init(
        _ batch: PackedBatch, starts: [Int], inputIDs: [Int32], labelIDs: [Int32], audioInIDs: [Int32],
        audioOutIDs: [Int32], labelAudioIDs: [Int32]
    ) {
        precondition(
            inputIDs.count == batch.inputIDs.count && labelIDs.count == batch.labelIDs.count
                && audioInIDs.count == batch.audioInIDs.count && audioOutIDs.count == batch.audioOutIDs.count
                && labelAudioIDs.count == batch.labelAudioIDs.count && starts.last == batch.starts.last,
            "a variant of a batch has its extents")
        self.sequences = batch.sequences
        self.starts = starts
        self.inputIDs = inputIDs
        self.labelIDs = labelIDs
        self.kinds = batch.kinds
        self.audioInIDs = audioInIDs
        self.audioOutIDs = audioOutIDs
        self.labelAudioIDs = labelAudioIDs
        self.codebooks = batch.codebooks
        var counts = LabelCounts(codebooks: batch.codebooks)
        counts.text = labelIDs.count { $0 != ignoredLabel }
        let columns = labelAudioIDs.count / batch.codebooks
        for k in 0..<batch.codebooks {
            counts.codebooks[k] = labelAudioIDs[k * columns..<(k + 1) * columns].count { $0 != ignoredLabel }
        }
        self.labelCounts = counts
    }

    /// Only these labels; all others are masked.
    func keepingLabels(text: Set<Int> = [], columns: Set<Int> = []) -> PackedBatch {
        let count = audioOutColumns
        return replacing(
            labelIDs: labelIDs.enumerated().map { text.contains($0) ? $1 : ignoredLabel },
            labelAudioIDs: labelAudioIDs.enumerated().map { columns.contains($0 % max(1, count)) ? $1 : ignoredLabel })
    }

    /// Other inputs at these positions: the next text id (placeholders stay), the next code of each codebook.
    ///
    /// Text ids wrap within `vocabulary` and skip `reserved`; codes wrap within `codebookSize` + 2.
    func exchangingInputs(at positions: Set<Int>, format: SequenceFormat) -> PackedBatch {
        var ids = inputIDs, codesIn = audioInIDs, codesOut = audioOutIDs
        let reserved = [format.audioInID, format.audioOutID].compactMap(\.self)
        let classes = Int32(format.codebookSize + 2)
        let (columnsIn, columnsOut) = (audioInIDs.count / codebooks, audioOutColumns)
        var nextIn = 0, nextOut = 0
        for position in kinds.indices {
            let isExchanged = positions.contains(position)
            switch kinds[position] {
            case .text where isExchanged:
                repeat {
                    ids[position] = (ids[position] + 1) % Int32(format.vocabularySize)
                } while reserved.contains(
                    ids[position])
            case .audioIn:
                if isExchanged {
                    for k in 0..<codebooks {
                        codesIn[k * columnsIn + nextIn] = (codesIn[k * columnsIn + nextIn] + 1) % classes
                    }
                }
                nextIn += 1
            case .audioOut:
                if isExchanged {
                    for k in 0..<codebooks {
                        codesOut[k * columnsOut + nextOut] = (codesOut[k * columnsOut + nextOut] + 1) % classes
                    }
                }
                nextOut += 1
            case .text, .feature: break
            }
        }
        return replacing(inputIDs: ids, audioInIDs: codesIn, audioOutIDs: codesOut)
    }
}
