// Losses that would mean nothing.

import PipelineKit

/// Why a loss cannot be computed.
enum LossError: PersonReadable, Equatable {
    /// Terms that weigh something, but have no label in the whole optimizer step.
    case noLabels(terms: [String])
    case noTextHead
    /// The loss is not a number, in a batch of these samples.
    case notFinite(term: String, samples: [String])

    var failure: Failure {
        switch self {
        case .noLabels(let terms):
            Failure(
                .badData, "no labels for \(terms.joined(separator: ", ")) in an optimizer step",
                remedy: "set the term's weight to 0, or train on samples that have such labels")
        case .noTextHead:
            Failure(
                .badUsage, "the model has no text head, but text_loss_weight is not 0",
                remedy: "set loss.text_loss_weight to 0")
        case .notFinite(let term, let samples):
            Failure(
                .failed, "the loss of \(term) is not a number",
                at: "samples " + samples.prefix(4).map { "'\($0.escapedForTerminal)'" }.joined(separator: ", "),
                remedy: "lower the learning rate, or look at these samples")
        }
    }
}
