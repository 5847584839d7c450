// The one place where the shift happens: position p of the merged sequence predicts what stands at p + 1, text and audio
// alike, and never across a sequence's end.

import PipelineKit

/// Which rows predict something, and what.
struct ShiftedTargets: Sendable, Equatable {
    /// Positions from which a text id is predicted, ascending.
    private(set) var textRows: [Int32] = []
    /// The ids.
    private(set) var textLabels: [Int32] = []  // one a text row
    /// Positions from which a code of at least one codebook is predicted, ascending.
    private(set) var audioRows: [Int32] = []
    /// The codes, row by row; `ignoredLabel` where a codebook has no label.
    private(set) var audioLabels: [Int32] = []  // (audio rows, Q)
    /// The column of the batch's `labelAudioIDs` that each audio row predicts: the way back from predictions to clips.
    private(set) var audioColumns: [Int32] = []  // (audio rows)

    init(_ batch: PackedBatch) {
        let codebooks = batch.codebooks
        let columns = batch.labelAudioIDs.count / codebooks
        var column = 0
        for (start, end) in zip(batch.starts, batch.starts.dropFirst()) {
            for position in start..<end {
                if position > start, batch.labelIDs[position] != ignoredLabel {
                    textRows.append(Int32(position - 1))
                    textLabels.append(batch.labelIDs[position])
                }
                guard batch.kinds[position] == .audioOut else { continue }
                let labels = (0..<codebooks).map { batch.labelAudioIDs[$0 * columns + column] }
                if position > start, labels.contains(where: { $0 != ignoredLabel }) {
                    audioRows.append(Int32(position - 1))
                    audioLabels += labels
                    audioColumns.append(Int32(column))
                }
                column += 1
            }
        }
    }
}
