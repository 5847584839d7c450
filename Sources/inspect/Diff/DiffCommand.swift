// inspect diff: two of a kind, and what differs.

import ArgumentParser
import Foundation
import PipelineKit

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Compares two WORKs, shard directories or checkpoints.",
        discussion: """
            Rows are compared by id and column by column, tensors by name and value by value, records and configs by \
            their leaves. Exit code 0: equal, 1: something differs, 2 and 3: one of them cannot be read.

            EXAMPLES
              inspect diff work other/work
              inspect diff work/codes other/codes --json
              inspect diff runs/a/final runs/b/final
            """)

    @Argument(help: "A WORK, a shard directory or a checkpoint.")
    var a: String

    @Argument(help: "Another one of the same kind.")
    var b: String

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let differences = try compare()
        differences.print(asJSON: json)
        if !differences.areEqual { throw ExitCode(1) }
    }

    private func compare() throws -> Differences {
        switch (try Subject(of: a), try Subject(of: b)) {
        case (.work, .work): return try compareWorks()
        case (.shards, .shards):
            return try ShardsDiff(ShardsReport(directory: a), ShardsReport(directory: b)).differences
        case (.checkpoint, .checkpoint), (.codec, .codec): return try CheckpointDiff(a, b).differences
        case (let one, let other):
            throw Failure(
                .badUsage, "\(one.name) and \(other.name) cannot be compared", at: "\(a) and \(b)".escapedForTerminal,
                remedy: "name two WORKs, two shard directories or two checkpoints")
        }
    }

    private func compareWorks() throws -> Differences {
        let mine = try Work(directory: a), theirs = try Work(directory: b)
        var differences = Differences(kind: "work", a, b)
        for name in Subject.workDirectories {
            switch (mine.report(name), theirs.report(name)) {
            case (let one?, let other?): differences.add(try ShardsDiff(one, other).differences, as: name)
            case (nil, nil): break
            case (let one, _):
                differences.add(name, ["finished only in \((one == nil ? b : a).escapedForTerminal)"])
            }
        }
        func rejects(_ work: String) throws -> [[UInt8]] {
            let path = "\(work)/rejects.jsonl"
            guard FileManager.default.fileExists(atPath: path) else { return [] }
            return try MappedFile(path: path).withBytes { $0.split(separator: 0x0A).map { Array($0) } }
        }
        let (here, there) = try (rejects(a), rejects(b))
        let (onlyHere, onlyThere) = (Set(here).subtracting(there), Set(there).subtracting(here))
        let count = onlyHere.count + onlyThere.count
        differences.add(
            "rejects.jsonl",
            count == 0
                ? []
                : [
                    "\(counted(onlyHere.count, "line")) only in \(a.escapedForTerminal), \(onlyThere.count) only in "
                        + b.escapedForTerminal
                ])
        return differences
    }
}

extension Subject {
    /// What it is, for messages.
    var name: String {
        switch self {
        case .work: "a WORK"
        case .shards: "a shard directory"
        case .unfinishedShards: "an unfinished shard directory"
        case .run: "a run"
        case .checkpoint: "a checkpoint"
        case .codec: "a codec"
        }
    }
}
