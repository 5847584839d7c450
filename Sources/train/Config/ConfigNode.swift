// A config as a tree that knows where each value was written. YAML becomes this tree through Yams' node API, and
// `--set` changes it; what the keys mean is not known here, see TrainConfig+Parsing.swift.

import PipelineKit
import Yams

/// Where a value was written: in a line of the file, or on the command line.
enum ConfigOrigin: Sendable, Equatable {
    case line(file: String, Int)
    case flag(String)

    /// As errors show it: `configs/tiny.yaml:12` or `--set training.seed=x`.
    var location: String {
        switch self {
        case .line(let file, let line): "\(file.escapedForTerminal):\(line)"
        case .flag(let text): "--set \(text.escapedForTerminal)"
        }
    }
}

/// A value of a config.
struct ConfigNode: Sendable {
    enum Content: Sendable {
        /// A scalar's text. Quoted ones are strings, whatever they look like.
        case scalar(String, isQuoted: Bool)
        case list([ConfigNode])
        case mapping([ConfigEntry])
    }

    var content: Content
    var origin: ConfigOrigin

    /// Whether the value is absent: `null`, `~` or nothing.
    var isNull: Bool {
        guard case .scalar(let text, isQuoted: false) = content else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }

    /// The value as errors quote it.
    var quoted: String {
        switch content {
        case .scalar(let text, let isQuoted): isQuoted ? "\"\(text)\"" : text.isEmpty ? "empty" : text
        case .list: "a list"
        case .mapping: "a mapping"
        }
    }
}

/// A key and its value.
struct ConfigEntry: Sendable {
    var key: String
    var origin: ConfigOrigin
    var value: ConfigNode
}

extension ConfigNode {
    /// Parses a YAML document.
    ///
    /// - Parameter file: the path that errors name.
    /// - Throws: `ConfigError.syntax` with the line.
    init(yaml: String, file: String) throws {
        if let line = lineOfFirstAlias(yaml: yaml) {
            throw ConfigError.syntax(
                location: ConfigOrigin.line(file: file, line).location, problem: "an alias; write its value out")
        }
        do {
            let node = try compose(yaml: yaml)
            self = try Self(node ?? Node("", .implicit, .plain)) { .line(file: file, $0) }
        } catch let error as YamlError {
            throw ConfigError.syntax(location: Self.location(of: error, file: file), problem: Self.problem(of: error))
        }
    }

    private init(_ node: Node, origin: (Int) -> ConfigOrigin) throws {
        self.origin = origin(node.mark?.line ?? 1)
        switch node {
        case .scalar(let scalar):
            content = .scalar(scalar.string, isQuoted: scalar.style != .plain && scalar.style != .any)
        case .sequence(let sequence):
            content = .list(try sequence.map { try ConfigNode($0, origin: origin) })
        case .mapping(let mapping):
            content = .mapping(
                try mapping.map { key, value in
                    let line = origin(key.mark?.line ?? 1)
                    guard case .scalar(let scalar) = key else {
                        throw ConfigError.syntax(location: line.location, problem: "a key that is not a word")
                    }
                    return ConfigEntry(
                        key: scalar.string, origin: line, value: try ConfigNode(value, origin: origin))
                })
        case .alias:
            throw ConfigError.syntax(location: self.origin.location, problem: "an alias without its anchor")
        }
    }

    private static func location(of error: YamlError, file: String) -> String {
        switch error {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _):
            ConfigOrigin.line(file: file, mark.line).location
        case .duplicatedKeysInMapping(_, let context):
            ConfigOrigin.line(file: file, context.mark.line).location
        default: file.escapedForTerminal
        }
    }

    private static func problem(of error: YamlError) -> String {
        switch error {
        case .scanner(_, let problem, _, _), .parser(_, let problem, _, _), .composer(_, let problem, _, _),
            .reader(let problem, _, _, _):
            problem
        case .duplicatedKeysInMapping(let keys, _):
            "the key \(keys.joined(separator: ", ").escapedForTerminal) stands twice in one mapping"
        default: String(describing: error).escapedForTerminal
        }
    }
}

extension ConfigNode {
    /// Applies `--set key.path=value`. The value is YAML: `1e-4`, `true`, `[1, 2]`, `"text"`, or nothing for null.
    mutating func apply(override text: String) throws {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw ConfigError.malformedOverride(text)
        }
        let path = text[..<equals].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard path.allSatisfy({ !$0.isEmpty }) else { throw ConfigError.malformedOverride(text) }
        let origin = ConfigOrigin.flag(text)
        let value: ConfigNode
        let yaml = String(text[text.index(after: equals)...])
        guard lineOfFirstAlias(yaml: yaml) == nil else {
            throw ConfigError.syntax(location: origin.location, problem: "an alias; write its value out")
        }
        do {
            let node = try compose(yaml: yaml)
            value = try ConfigNode(node ?? Node("", .implicit, .plain)) { _ in origin }
        } catch let error as YamlError {
            throw ConfigError.syntax(location: origin.location, problem: Self.problem(of: error))
        }
        try set(value, at: path[...], origin: origin, under: "")
    }

    private mutating func set(
        _ value: ConfigNode, at path: ArraySlice<String>, origin: ConfigOrigin, under parent: String
    ) throws {
        guard let key = path.first else {
            self = value
            return
        }
        if isNull { self = ConfigNode(content: .mapping([]), origin: origin) }
        guard case .mapping(var entries) = content else {
            throw ConfigError.illTyped(
                key: parent, got: quoted, expected: "a mapping, to set \(key) in it", location: origin.location)
        }
        let child = parent.isEmpty ? key : parent + "." + key
        let empty = ConfigNode(content: .mapping([]), origin: origin)
        if let place = entries.firstIndex(where: { $0.key.utf8.elementsEqual(key.utf8) }) {
            entries[place].origin = origin
            try entries[place].value.set(value, at: path.dropFirst(), origin: origin, under: child)
        } else {
            var entry = ConfigEntry(key: key, origin: origin, value: empty)
            try entry.value.set(value, at: path.dropFirst(), origin: origin, under: child)
            entries.append(entry)
        }
        content = .mapping(entries)
    }
}
