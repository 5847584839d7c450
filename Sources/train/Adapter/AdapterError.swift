// What can be wrong with an adapter. Every case but a failed proof ends the program with exit status 2, before any work.

import PipelineKit

/// An adapter, or a wish for one, that cannot be used.
enum AdapterError: PersonReadable, Equatable {
    /// `target_modules` or `modules_to_save` means no module of the model.
    case noSuchModule(String, nearest: [String], location: String)
    case pattern(String, location: String)
    /// A module that no adapter can be put on.
    case noLinearLayer(String, location: String)
    /// A key of adapter_config.json that is absent or ill-typed.
    case config(key: String, problem: String, location: String)
    /// A variant of LoRA that is not computed here.
    case unsupported(key: String, got: String, location: String)
    /// Trained on another base.
    case otherBase(path: String, recorded: String, got: String)
    /// Recorded numbers that do not come out again, or a change that should not be zero.
    case notProven(path: String, problem: String, remedy: String)

    var failure: Failure {
        switch self {
        case .noSuchModule(let text, let nearest, let location):
            Failure(
                .badUsage, "\(text.escapedForTerminal) means no module of the model", at: location,
                remedy:
                    "the nearest names are \(nearest.joined(separator: ", ")); a list has ends of names, a text is a "
                    + "regular expression for whole names")
        case .pattern(let text, let location):
            Failure(
                .badUsage, "\(text.escapedForTerminal) is not a regular expression", at: location,
                remedy: "correct it, or give a list of names")
        case .noLinearLayer(let module, let location):
            Failure(
                .badUsage, "\(module.escapedForTerminal) is no linear layer: an adapter cannot be put on it",
                at: location,
                remedy: "leave it out, or train it whole with modules_to_save")
        case .config(let key, let problem, let location):
            Failure(
                .badUsage, "'\(key)' \(problem)", at: location,
                remedy: "name a directory that peft or train has written")
        case .unsupported(let key, let got, let location):
            Failure(
                .badUsage, "'\(key)' is \(got.escapedForTerminal): this variant of LoRA is not supported", at: location,
                remedy: "merge it with peft first")
        case .otherBase(let path, let recorded, let got):
            Failure(
                .badUsage,
                "the adapter was trained on another base: its fingerprint is \(recorded), of this one \(got)",
                at: path.escapedForTerminal, remedy: "name the base that it was trained on with --model")
        case .notProven(let path, let problem, let remedy):
            Failure(.failed, problem, at: path.escapedForTerminal, remedy: remedy)
        }
    }
}
