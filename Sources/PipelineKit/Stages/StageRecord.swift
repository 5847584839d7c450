// stage.json: what a finished directory was made by, with which options, from what.

import Foundation

/// The content of a stage.json.
public struct StageRecord: Sendable {
    public static let basename = "stage.json"

    public var identity: StageIdentity
    /// What the directory holds, summed over its shards.
    public var counts: JSONObject

    public init(identity: StageIdentity, counts: JSONObject) {
        self.identity = identity
        self.counts = counts
    }

    /// Reads the stage.json of a directory; nil where it has none (shards that another program wrote).
    /// - Throws: a `Failure` (bad data) if the file is not a stage record, `FileError`.
    public init?(directory: String) throws {
        try self.init(path: directory + "/" + Self.basename)
    }

    init?(path: String) throws {
        guard access(path, F_OK) == 0 else { return nil }
        let file = try MappedFile(path: path)
        let json: JSONValue? = file.withBytes { try? JSONValue(parsing: $0) }
        guard let json, let identity = StageIdentity(json: json) else {
            throw Failure(
                .badData, "not a stage record", at: path.escapedForTerminal,
                remedy: "make the directory anew with --replace")
        }
        self.identity = identity
        counts = json["counts"]?.objectValue ?? [:]
    }

    /// The digest of the input's index.json, in 16 hexadecimal digits; nil where the stage has no such input.
    public var inputDigest: String? { identity.input["digest"]?.stringValue }

    /// A record by its name, such as `text` or `codec`.
    public func record(_ name: String) -> JSONValue? { identity.records[name] }

    /// The bytes of the file, readable as it lies.
    var bytes: [UInt8] {
        var json = identity.json
        json["counts"] = .object(counts)
        return Array((JSONValue.object(json).pretty() + "\n").utf8)
    }
}

extension JSONObject {
    /// Adds counts: numbers by name, lists by place (the longer one's tail stays), objects by member.
    ///
    /// Anything else in the place of a count is a programmer's error.
    public mutating func add(counts other: JSONObject) {
        for (name, value) in other.members {
            self[name] = self[name].map { Self.sum($0, value, name) } ?? value
        }
    }

    private static func sum(_ a: JSONValue, _ b: JSONValue, _ name: String) -> JSONValue {
        switch (a, b) {
        case (.int(let a), .int(let b)): return .int(a + b)
        case (.object(var a), .object(let b)):
            a.add(counts: b)
            return .object(a)
        case (.array(let a), .array(let b)):
            let (long, short) = a.count >= b.count ? (a, b) : (b, a)
            return .array(zip(long, short).map { sum($0, $1, name) } + long.dropFirst(short.count))
        default:
            guard let a = a.doubleValue, let b = b.doubleValue else {
                preconditionFailure("the count '\(name)' is not a number, list or object")
            }
            return .double(a + b)
        }
    }
}
