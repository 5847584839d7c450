// From predictions at the rows of the loss back to clips: the shift and the delay undone. Which cell a row predicts is
// ShiftedTargets' word, where a clip's codes stand in the grid is DelayPattern's; nothing is aligned here a second time.

import PipelineKit

/// The clips of one sample, the answer's as a model predicts them.
struct PredictedClips: Sendable, Equatable {
    /// One a placeholder, in order: targets as predicted, references and context as they were.
    private(set) var clips: [RawCodes]
    /// The numbers of the targets in `clips`.
    private(set) var targets: [Int] = []

    /// - Parameters:
    ///   - batch: the sample alone, expanded.
    ///   - labels: what `HiggsModel.predict` says of the batch.
    /// - Throws: `DataError.row` for a code of a target that no row predicts, or whose label is another: labels off the
    ///   delay.
    init(_ sample: TrainingSample, batch: PackedBatch, labels: LabelLosses, format: SequenceFormat) throws {
        precondition(batch.sequences.count == 1, "\(batch.sequences.count) sequences, expected one sample's")
        let codebooks = format.delay.codebooks, columns = batch.audioOutColumns
        // Cells that nothing predicts stay ignored.
        var grid = Array(repeating: ignoredLabel, count: codebooks * columns)  // (Q, columns)
        for (row, column) in labels.targets.audioColumns.enumerated() {
            for cell in row * codebooks..<(row + 1) * codebooks
            where labels.targets.audioLabels[cell] != ignoredLabel {
                grid[cell % codebooks * columns + Int(column)] = labels.codes[cell]
            }
        }
        clips = sample.clips
        let placeholders = sample.inputIDs.filter { $0 == format.audioInID || $0 == format.audioOutID }
        let answers = placeholders.indices.filter { placeholders[$0] == format.audioOutID }
        var start = 0
        for (clip, own) in zip(answers, batch.sequences[0].audioLabels) {
            defer { start += own.positions }
            guard own.values.contains(where: { $0 != ignoredLabel }) else { continue }
            func cut(_ cells: [Int32]) -> DelayedCodes {
                DelayedCodes(
                    codebooks: codebooks, positions: own.positions,
                    values: (0..<codebooks).flatMap {
                        cells[$0 * columns + start..<$0 * columns + start + own.positions]
                    })
            }
            let expected = format.delay.labels(clips[clip]), labelled = cut(batch.labelAudioIDs), predicted = cut(grid)
            for (cell, label) in expected.values.enumerated() where label != ignoredLabel {
                let got = labelled.values[cell]
                if got == label, predicted.values[cell] != ignoredLabel { continue }
                let found = got == label ? "is predicted from nowhere" : "has the label \(got), expected \(label)"
                throw DataError.row(
                    id: sample.id,
                    problem: "the labels of clip \(clip) are off the delay: codebook \(cell / own.positions), column "
                        + "\(cell % own.positions) \(found)", remedy: "do not train: this is a fault of the program")
            }
            clips[clip] = format.delay.undelay(predicted)
            targets.append(clip)
        }
    }
}
