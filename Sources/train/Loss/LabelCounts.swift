// How many labels a batch, or a whole optimizer step, has: the normalisers of the loss.

import PipelineKit

/// Labels by term: text, and each codebook.
struct LabelCounts: Sendable, Equatable {
    var text = 0
    var codebooks: [Int]  // (Q)

    init(codebooks count: Int) { codebooks = Array(repeating: 0, count: count) }

    /// Labels of one sequence: those at position 0 have no predecessor that could learn them.
    init(_ sequence: MergedSequence, codebooks count: Int) {
        self.init(codebooks: count)
        text = sequence.labelIDs.dropFirst().count { $0 != ignoredLabel }
        // The bos column comes first in every grid and has no label, so position 0 never matters for codes.
        for grid in sequence.audioLabels {
            for k in 0..<count {
                codebooks[k] += grid.values[k * grid.positions..<(k + 1) * grid.positions].count { $0 != ignoredLabel }
            }
        }
    }

    static func += (a: inout LabelCounts, b: LabelCounts) {
        precondition(a.codebooks.count == b.codebooks.count, "label counts of different codebooks")
        a.text += b.text
        for k in a.codebooks.indices { a.codebooks[k] += b.codebooks[k] }
    }
}
