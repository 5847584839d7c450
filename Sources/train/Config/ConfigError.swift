// What can be wrong with a config, told with the key, what stands there, what is expected, and the line.

import PipelineKit

/// A config that cannot be used. Every case ends the program with exit status 2, before any work.
enum ConfigError: PersonReadable, Equatable {
    /// The file is not YAML, or its root is not a mapping.
    case syntax(location: String, problem: String)
    /// `--set` without `key.path=value`.
    case malformedOverride(String)
    /// A key that no program reads, with the nearest one that is.
    case unknownKey(String, nearest: String, location: String)
    case illTyped(key: String, got: String, expected: String, location: String)
    case outOfRange(key: String, got: String, expected: String, location: String)
    case missingKey(String, file: String, remedy: String)
    /// Two keys that exclude or need each other.
    case contradiction(String, location: String, remedy: String)

    var failure: Failure {
        switch self {
        case .syntax(let location, let problem):
            Failure(.badUsage, "not a config: \(problem)", at: location, remedy: "correct the YAML")
        case .malformedOverride(let text):
            Failure(
                .badUsage, "--set \(text.escapedForTerminal) is not KEY=VALUE",
                remedy: "write it as --set training.learning_rate=1e-4")
        case .unknownKey(let key, let nearest, let location):
            Failure(
                .badUsage, "unknown key \(key.escapedForTerminal)", at: location,
                remedy: "the nearest known key is \(nearest)")
        case .illTyped(let key, let got, let expected, let location):
            Failure(
                .badUsage, "\(key) is \(got.escapedForTerminal), expected \(expected)", at: location,
                remedy: "correct the value")
        case .outOfRange(let key, let got, let expected, let location):
            Failure(
                .badUsage, "\(key) is \(got.escapedForTerminal), expected \(expected)", at: location,
                remedy: "choose a value in that range")
        case .missingKey(let key, let file, let remedy):
            Failure(.badUsage, "\(key) is missing", at: file, remedy: remedy)
        case .contradiction(let problem, let location, let remedy):
            Failure(.badUsage, problem, at: location, remedy: remedy)
        }
    }
}
