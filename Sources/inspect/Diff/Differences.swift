// What differs between two things: sections of lines for people, the same as JSON for scripts.

import PipelineKit

/// Two subjects compared.
struct Differences: Report {
    /// A part that was compared.
    struct Section {
        var name: String
        /// What differs, one an entry, escaped. Empty: nothing does.
        var lines: [String]
        /// The same for scripts.
        var json: JSONObject
    }

    /// What is compared: `work`, `shards`, `checkpoint`.
    let kind: String
    let a: String
    let b: String
    private(set) var sections: [Section] = []

    init(kind: String, _ a: String, _ b: String) {
        (self.kind, self.a, self.b) = (kind, a, b)
    }

    /// Whether nothing differs.
    var areEqual: Bool { sections.allSatisfy(\.lines.isEmpty) }

    mutating func add(_ name: String, _ lines: [String], json: JSONObject = [:]) {
        sections.append(Section(name: name, lines: lines, json: json))
    }

    /// Adds the sections of a part under its name.
    mutating func add(_ other: Differences, as name: String) {
        for section in other.sections { add("\(name): \(section.name)", section.lines, json: section.json) }
    }

    var text: String {
        var lines = ["\(areEqual ? "=" : "≠") \(a.escapedForTerminal)  \(b.escapedForTerminal)"]
        for section in sections {
            lines.append("\(section.lines.isEmpty ? "=" : "≠") \(section.name.escapedForTerminal)")
            lines += section.lines.prefix(24).map { "    \($0)" }
            if section.lines.count > 24 { lines.append("    … and \(section.lines.count - 24) more") }
        }
        return lines.joined(separator: "\n")
    }

    var json: JSONObject {
        [
            "kind": "diff", "of": .string(kind), "a": .string(a), "b": .string(b), "equal": .bool(areEqual),
            "sections": .array(
                sections.map { section in
                    var object: JSONObject = ["name": .string(section.name), "equal": .bool(section.lines.isEmpty)]
                    object["differences"] = .array(section.lines.map { .string($0) })
                    for (key, value) in section.json.members { object[key] = value }
                    return .object(object)
                }),
        ]
    }

    /// Adds what two JSON documents have differently, a leaf an entry.
    mutating func add(_ name: String, comparing a: JSONValue?, with b: JSONValue?) {
        add(name, JSONValue.differences(from: a, to: b, of: name))
    }
}
