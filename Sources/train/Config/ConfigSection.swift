// Reads one mapping of a config by typed keys: the only place where texts become numbers, flags and lists.

import PipelineKit

/// The keys of one section. Raw values are the names in the file.
protocol ConfigKey: RawRepresentable<String>, CaseIterable, Sendable {}

/// One mapping of a config whose keys are all known. An absent section reads as an empty one.
struct ConfigSection<Key: ConfigKey> {
    /// The section's own path, such as `training`; empty for the root.
    let path: String
    /// The file, for errors about what is absent.
    let file: String
    private let entries: [ConfigEntry]

    /// Checks that `node` is a mapping (or absent) and knows each key.
    ///
    /// - Parameter known: the paths of all keys of the config, among which the nearest is looked for.
    init(_ node: ConfigNode?, path: String, file: String, known: [String]) throws {
        self.path = path
        self.file = file
        guard let node, !node.isNull else {
            entries = []
            return
        }
        guard case .mapping(let entries) = node.content else {
            throw ConfigError.illTyped(
                key: path.isEmpty ? "the config" : path, got: node.quoted, expected: "a mapping of keys",
                location: node.origin.location)
        }
        for entry in entries where Key(rawValue: entry.key) == nil {
            let key = Self.join(path, entry.key)
            throw ConfigError.unknownKey(
                key, nearest: nearestKey(to: key, among: known), location: entry.origin.location)
        }
        self.entries = entries
    }

    static func join(_ path: String, _ key: String) -> String { path.isEmpty ? key : path + "." + key }

    /// The full path of a key.
    func name(_ key: Key) -> String { Self.join(path, key.rawValue) }

    /// The value of a key; nil where it is absent or null.
    func node(_ key: Key) -> ConfigNode? {
        let node = entries.last { $0.key.utf8.elementsEqual(key.rawValue.utf8) }?.value
        return node.flatMap { $0.isNull ? nil : $0 }
    }

    func illTyped(_ key: Key, _ node: ConfigNode, expected: String) -> ConfigError {
        .illTyped(key: name(key), got: node.quoted, expected: expected, location: node.origin.location)
    }

    func outOfRange(_ key: Key, _ node: ConfigNode, expected: String) -> ConfigError {
        .outOfRange(key: name(key), got: node.quoted, expected: expected, location: node.origin.location)
    }

    /// A whole number, in decimal digits.
    func int(_ key: Key, in range: ClosedRange<Int>) throws -> Int? {
        guard let node = node(key) else { return nil }
        guard let value = Self.wholeNumber(node) else { throw illTyped(key, node, expected: "a whole number") }
        guard range.contains(value) else {
            let expected =
                range.upperBound == .max ? "at least \(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
            throw outOfRange(key, node, expected: expected)
        }
        return value
    }

    /// A finite number that `isValid` accepts; `expected` says in words which are.
    func number(_ key: Key, _ expected: String, where isValid: (Double) -> Bool) throws -> Double? {
        guard let node = node(key) else { return nil }
        guard let value = Self.number(node) else { throw illTyped(key, node, expected: "a number") }
        guard isValid(value) else { throw outOfRange(key, node, expected: expected) }
        return value
    }

    /// `true` or `false` (also YAML 1.1's yes, no, on, off).
    func flag(_ key: Key) throws -> Bool? {
        guard let node = node(key) else { return nil }
        guard case .scalar(let text, isQuoted: false) = node.content else {
            throw illTyped(key, node, expected: "true or false")
        }
        switch text.lowercased() {
        case "true", "yes", "on": return true
        case "false", "no", "off": return false
        default: throw illTyped(key, node, expected: "true or false")
        }
    }

    /// A text that is not empty.
    func text(_ key: Key, expected: String = "a text") throws -> String? {
        guard let node = node(key) else { return nil }
        guard case .scalar(let text, _) = node.content, !text.isEmpty else {
            throw illTyped(key, node, expected: expected)
        }
        return text
    }

    /// One of a few words.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(_ key: Key, of type: Choice.Type) throws -> Choice? {
        guard let node = node(key) else { return nil }
        let expected = "one of " + Choice.allCases.map(\.rawValue).joined(separator: ", ")
        guard case .scalar(let text, _) = node.content, let choice = Choice(rawValue: text) else {
            throw illTyped(key, node, expected: expected)
        }
        return choice
    }

    /// A list, each element read by `read` (nil: ill-typed).
    func list<Element>(_ key: Key, expected: String, read: (ConfigNode) -> Element?) throws -> [Element]? {
        guard let node = node(key) else { return nil }
        guard case .list(let nodes) = node.content else { throw illTyped(key, node, expected: expected) }
        return try nodes.map { element in
            guard let value = read(element) else { throw illTyped(key, element, expected: expected) }
            return value
        }
    }

    /// A plain scalar of decimal digits, perhaps signed, without leading zeros (YAML 1.1 would read those as octal).
    static func wholeNumber(_ node: ConfigNode) -> Int? {
        guard case .scalar(let text, isQuoted: false) = node.content else { return nil }
        let digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
        guard digits.count == 1 || !digits.hasPrefix("0") else { return nil }
        return Int(text)
    }

    /// A plain scalar that is a finite decimal number: `0.1`, `1e-4`, `3`.
    static func number(_ node: ConfigNode) -> Double? {
        guard case .scalar(let text, isQuoted: false) = node.content,
            text.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }),
            let value = Double(text), value.isFinite
        else { return nil }
        return value
    }

    /// A scalar's text.
    static func string(_ node: ConfigNode) -> String? {
        guard case .scalar(let text, _) = node.content, !text.isEmpty else { return nil }
        return text
    }
}
