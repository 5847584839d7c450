// Answers on both sides of the split. A corpus of cloned voices often has one recording as the target of several rows, each
// with another reference. Where one of them is trained on and another kept aside, the validation loss is that of something
// known: lower than it should be, and it falls where the model only learns by heart.

import PipelineKit

/// Which validation rows have an answer that is trained on. Recordings are told by their codes.
struct SharedAnswers: Sendable, Equatable {
    /// The numbers of these rows in the data set, in order.
    private(set) var rows: [Int] = []

    /// The hashes of a row's targets: clips that have labels.
    static func digests(_ sequence: MergedSequence) -> [UInt64] {
        sequence.audioLabels.filter { $0.values.contains { $0 != ignoredLabel } }
            .map { grid in grid.values.withUnsafeBytes { XXH64.hash($0) } }
    }

    /// - Parameters:
    ///   - answers: of each row.
    ///   - isValidation: whether each row is kept aside.
    init(_ answers: [[UInt64]], isValidation: [Bool]) {
        precondition(answers.count == isValidation.count, "a side for every row")
        let kept = isValidation.indices.filter { isValidation[$0] }
        // Only what a kept row asks for is held.
        var asked = Set(kept.flatMap { answers[$0] })
        var trained: Set<UInt64> = []
        for row in isValidation.indices where !isValidation[row] {
            for answer in answers[row] where asked.remove(answer) != nil { trained.insert(answer) }
        }
        rows = kept.filter { row in answers[row].contains(where: trained.contains) }
    }

    /// One sentence; nil where there is none.
    func finding(of count: Int) -> String? {
        guard !rows.isEmpty else { return nil }
        return
            "\(rows.count) of \(count) validation rows: the answer is trained on, too, so that the validation loss is lower than "
            + "that of unknown speech (training.validation_by: speaker keeps a voice on one side)"
    }
}
