// A number that is not finite ends the run: which step, which rows, which tensor.

import PipelineKit

/// A loss, gradient or parameter that is NaN or infinite. The step that found it is not applied, nothing is saved.
struct Divergence: PersonReadable, Equatable {
    /// What is not finite, such as `the loss` or `the gradient's norm`.
    var what: String
    /// From 0.
    var step: Int
    /// Ids of the rows of the batch, or of the step.
    var rows: [String]
    /// The first tensor, in the order of the checkpoint, that holds such a value; nil where none does.
    var tensor: String?
    /// The newest whole checkpoint of the run; nil without any.
    var lastCheckpoint: String?

    var failure: Failure {
        let names = rows.prefix(8).map { "'\($0.escapedForTerminal)'" }.joined(separator: ", ")
        let shown = rows.isEmpty ? "" : ", rows \(names)" + (rows.count > 8 ? " and \(rows.count - 8) more" : "")
        let place = tensor.map { ", first in \($0)" } ?? ""
        let kept = lastCheckpoint.map { "\($0) is kept" } ?? "no checkpoint was written yet"
        return Failure(
            .failed, "\(what) is not finite\(place)\(shown)", at: "step \(step)",
            remedy: "\(kept); lower learning_rate or look at these rows")
    }
}

extension ParameterStore {
    /// The first gradient, else the first parameter, that is not finite.
    func firstNonFiniteTensor() -> String? {
        func isBad(_ values: UnsafeMutableBufferPointer<Float>) -> Bool { !values.allSatisfy(\.isFinite) }
        if let entry = entries.first(where: { gradients($0).map(isBad) ?? false }) {
            return "the gradient of \(entry.name)"
        }
        return firstNonFiniteParameter()
    }

    /// The first parameter that is not finite.
    func firstNonFiniteParameter() -> String? {
        entries.first { entry in
            var isBad = false
            forEachPiece(of: entry) { if !$0.allSatisfy(\.isFinite) { isBad = true } }
            return isBad
        }?.name
    }

    /// The first trained parameter that is not finite; the others do not change.
    func firstNonFiniteTrainedParameter() -> String? {
        entries.first { $0.isTrained && !values($0).allSatisfy(\.isFinite) }?.name
    }
}
