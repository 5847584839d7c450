// The weights of the loss: text_loss_weight · text + audio_loss_weight · Σw·l/Σw over codebooks.

import PipelineKit

/// How the terms of the loss are weighed.
struct LossOptions: Sendable, Equatable {
    var textLossWeight: Float = 1
    var audioLossWeight: Float = 1
    /// One weight a codebook, at least one above 0; nil weighs all alike.
    var codebookWeights: [Float]?
    /// ε of label smoothing, 0 ..< 1: (1 − ε) · cross-entropy + ε · the mean over all classes, as in PyTorch.
    var labelSmoothing: Float = 0

    /// w/Σw · audio_loss_weight for each codebook.
    func codebookScales(count: Int) -> [Float] {
        let weights = codebookWeights ?? Array(repeating: 1, count: count)
        precondition(weights.count == count, "\(weights.count) codebook weights for \(count) codebooks")
        let total = weights.reduce(0, +)
        precondition(total > 0, "codebook weights add up to 0")
        return weights.map { audioLossWeight * $0 / total }
    }

    /// The names of the terms that weigh something but have no label; training on them would be a mistake.
    func termsWithoutLabels(_ counts: LabelCounts) -> [String] {
        var terms: [String] = []
        if textLossWeight != 0, counts.text == 0 { terms.append("text") }
        for (k, scale) in codebookScales(count: counts.codebooks.count).enumerated()
        where scale != 0 && counts.codebooks[k] == 0 {
            terms.append("codebook \(k)")
        }
        return terms
    }
}
