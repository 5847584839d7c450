// Everything that the command line says, checked, and which of it shapes the output.

import ArgumentParser
import Foundation
import PipelineKit

/// A number of bytes on the command line: `65536`, `512KiB`, `64MiB`, `1GiB`.
struct ByteCount: ExpressibleByArgument, Equatable, Sendable, CustomStringConvertible {
    var bytes: Int

    init(bytes: Int) { self.bytes = bytes }

    init?(argument: String) {
        let units: [(name: String, shift: Int)] = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("", 0)]
        guard let unit = units.first(where: { argument.hasSuffix($0.name) }),
            let number = Int(argument.dropLast(unit.name.count)), number >= 0, number <= Int.max >> unit.shift
        else { return nil }
        bytes = number << unit.shift
    }

    var description: String {
        for (name, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] where bytes > 0 && bytes % (1 << shift) == 0 {
            return "\(bytes >> shift)\(name)"
        }
        return String(bytes)
    }
}

/// The options of a run.
struct IngestOptions: Sendable {
    /// Raised when the bytes change that the same options and input give.
    static let outputVersion = 2
    /// Raw bytes of a shard at most.
    static let largestShard = 1 << 30

    var manifest: String
    var output: String
    var audioRoot: String?
    var tokenizer: String?
    var minDuration = 0.5
    var maxDuration = 30.0
    var text = TextLimits(minimum: 1, maximum: 2_000)
    var keepTextOnly = false
    /// Part of the text record, and so of the identity of samples/.
    var normalization = TextNormalization.none
    var shardSize = 64 << 20
    var maxRejectFraction = 0.5
    var limit: Int?
    var exclude: String?
    var workers = 1
    var replace = false
    var samplesCompression = ShardCompression.zstd(level: 3)
    var audioCompression = ShardCompression.zstd(level: 1)
    var isQuiet = false

    /// The options that shape the output, but for the compression.
    ///
    /// - Parameter excluded: the XXH64 of the excluded ids; nil where there are none.
    func shaping(excluded: String?) -> JSONObject {
        [
            "min_duration": .double(minDuration), "max_duration": .double(maxDuration),
            "min_text": .int(text.minimum), "max_text": .int(text.maximum), "keep_text_only": .bool(keepTextOnly),
            "shard_size": .int(shardSize), "limit": limit.map(JSONValue.int) ?? .null,
            "exclude": excluded.map(JSONValue.string) ?? .null,
        ]
    }
}

/// The ids that `--exclude` names.
struct ExcludedIDs {
    private var ids = ByteStringTable()
    /// The XXH64 of the ids; nil where there are none.
    private(set) var digest: String?

    /// Whether an id is to be left out.
    func contains(_ id: String) -> Bool { ids.contains(Array(id.utf8)) }

    /// Reads a file of one id a line, each as a JSON string; blank lines do not count.
    /// - Throws: `Failure` (bad usage) that names the line.
    init(path: String?) throws {
        guard let path else { return }
        guard access(path, F_OK) == 0 else {
            throw Failure(.badUsage, "no such file", at: path.escapedForTerminal, remedy: "check --exclude")
        }
        let file = try MappedFile(path: path)
        let lines = file.withBytes { Array($0) }.split(separator: 0x0A, omittingEmptySubsequences: false)
        var all: [[UInt8]] = []
        for (number, line) in lines.enumerated()
        where !line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) {
            guard let id = (try? JSONValue(parsing: line))?.stringValue else {
                throw Failure(
                    .badUsage, "not an id as a JSON string", at: "\(path.escapedForTerminal), line \(number + 1)",
                    remedy: #"write one id a line, such as "row-17""#)
            }
            if ids.insert(Array(id.utf8)) { all.append(Array(id.utf8)) }
        }
        all.sort { $0.lexicographicallyPrecedes($1) }
        if !all.isEmpty { digest = XXH64.hash(all.joined(separator: [0])).hexDigits }
    }
}
