// What can be wrong with a Higgs tokenizer checkpoint, a clip given to it, or codes given to it.

import PipelineKit

/// An error of the Higgs tokenizer, with the place it is about.
struct HiggsError: PersonReadable, Equatable {
    enum Reason: Sendable, Equatable {
        /// The directory lacks `model.safetensors`; `found` names weights in a form that is not read: those of PyTorch's
        /// pickle, or sharded ones.
        case noWeights(found: String?)
        /// `config.json` is about another model.
        case otherModel(key: String, got: String, expected: String)
        /// A variant of the architecture that is not computed.
        case unsupported(key: String, got: String, supported: String)
        /// A value of `config.json` that no model can have.
        case config(key: String, String)
        /// Everything that is wrong with the tensors, together.
        case tensors(TensorProblems)
        /// A weight that is NaN or infinite.
        case notFinite(tensor: String)
        /// A clip that is shorter than one frame.
        case tooShort(samples: Int, minimum: Int)
        /// A clip that is longer than what one encoding may take.
        case tooLong(seconds: Double, limitSeconds: Double)
        /// A sample that is NaN or infinite.
        case badSample(index: Int)
        /// The network's values left the range of Float.
        case overflow(String)
        /// Codes that this codec cannot have made.
        case codes(String)
    }

    /// A path; "" where the error is about a clip or codes, which the caller names.
    var location: String
    var reason: Reason

    init(_ reason: Reason, at location: String = "") {
        self.location = location
        self.reason = reason
    }

    var failure: Failure {
        let (status, what, remedy) = told
        return Failure(status, what, at: location.isEmpty ? nil : location.escapedForTerminal, remedy: remedy)
    }

    private var told: (ExitStatus, String, String?) {
        switch reason {
        case .noWeights(let found?):
            (
                .badUsage, "there is no model.safetensors, but \(found.escapedForTerminal), which is not read here",
                "load the model with transformers and call save_pretrained(DIRECTORY, max_shard_size=\"20GB\")"
            )
        case .noWeights(nil):
            (.badUsage, "there is no model.safetensors", "name a checkpoint directory in the layout of Hugging Face")
        case .otherModel(let key, let got, let expected):
            (.badUsage, "\(key) is \(got.escapedForTerminal), expected \(expected)", "name another checkpoint")
        case .unsupported(let key, let got, let supported):
            (.badUsage, "\(key) \(got.escapedForTerminal) is not supported, only \(supported)", nil)
        case .config(let key, let text):
            (.badUsage, "\(key): \(text.escapedForTerminal)", "check config.json")
        case .tensors(let problems):
            (.badData, problems.description, "the weights do not belong to this config.json")
        case .notFinite(let tensor):
            (.badData, "tensor '\(tensor.escapedForTerminal)' holds NaN or infinity", "download the checkpoint again")
        case .tooShort(let samples, let minimum):
            (.badData, "\(samples) samples are less than one frame of \(minimum)", "leave this clip out")
        case .tooLong(let seconds, let limit):
            (.badData, "a clip of \(seconds) s exceeds the limit of \(limit) s for one encoding", "cut the clip")
        case .badSample(let index): (.badData, "sample \(index) is NaN or infinite", "leave this clip out")
        case .overflow(let place):
            (.badData, "values beyond the range of Float in \(place)", "check that the weights are whole")
        case .codes(let text): (.badData, text, "decode with the codec that made the codes")
        }
    }
}

/// What is wrong with the tensors of a checkpoint, in the order of their names.
struct TensorProblems: Sendable, Equatable, CustomStringConvertible {
    struct Mismatch: Sendable, Equatable {
        var name: String
        var got: String
        var expected: String
    }

    var missing: [String] = []
    var unexpected: [String] = []
    var misShaped: [Mismatch] = []

    var isEmpty: Bool { missing.isEmpty && unexpected.isEmpty && misShaped.isEmpty }

    var description: String {
        func list(_ title: String, _ items: [String]) -> String? {
            if items.isEmpty { return nil }
            let shown = items.prefix(20).map(\.escapedForTerminal).joined(separator: ", ")
            return "\(title) \(items.count): \(shown)\(items.count > 20 ? ", …" : "")"
        }
        return [
            list("missing", missing), list("unexpected", unexpected),
            list("of another shape or type", misShaped.map { "\($0.name) is \($0.got), expected \($0.expected)" }),
        ].compactMap { $0 }.joined(separator: "; ")
    }
}
