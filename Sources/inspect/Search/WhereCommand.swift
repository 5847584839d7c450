// inspect where: from a sample to its shard and its row in the manifest, and back.

import ArgumentParser
import Foundation
import PipelineKit

struct WhereCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "where",
        abstract: "Says where a sample lies and which row of the manifest it was, or what became of a row.",
        discussion: """
            Samples count from 0, rows and lines of the manifest from 1.

            EXAMPLES
              inspect where work --sample 12
              inspect where work --id amal-00
              inspect where work --row 17        a sample, or why the row was rejected
              inspect where work --line 18
            """)

    @Argument(help: "A WORK.")
    var work: String

    @Option(help: ArgumentHelp("A sample by its number, from 0.", valueName: "n"))
    var sample: Int?

    @Option(help: "A sample by its id.")
    var id: String?

    @Option(help: ArgumentHelp("A row of the manifest, from 1.", valueName: "n"))
    var row: Int?

    @Option(help: ArgumentHelp("The row that starts in a line of the manifest, from 1.", valueName: "n"))
    var line: Int?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard [sample != nil, id != nil, row != nil, line != nil].count(where: { $0 }) == 1 else {
            throw ValidationError("Give one of --sample, --id, --row and --line.")
        }
    }

    func run() throws {
        let work = try Work(holdingSamples: work)
        try report(work).print(asJSON: json)
    }

    private func report(_ work: Work) throws -> any Report {
        let reader = try work.samplesReader()
        if sample != nil || id != nil {
            let number = try sample ?? work.sampleNumber(ofID: id ?? "")
            guard let origin = try SampleOrigins(samples: reader).origin(ofSample: number) else {
                throw outOfRange(number, count: reader.sampleCount, directory: work.directory)
            }
            return try WhereReport(work: work, origin: origin)
        }
        let origins = try SampleOrigins(samples: reader)
        if let origin = row.map({ origins.origin(ofRow: $0) }) ?? line.map({ origins.origin(ofLine: $0) }) ?? nil {
            return try WhereReport(work: work, origin: origin)
        }
        let (key, number) = row.map { ("row", $0) } ?? ("line", line ?? 0)
        let path = "\(work.directory)/rejects.jsonl"
        if FileManager.default.fileExists(atPath: path),
            let reject = try jsonLines(path: path).first(where: { $0[key]?.intValue == number })
        {
            return RejectReport(reject: reject)
        }
        let rows = work.report("samples")?.stage?.counts["rows"]?.intValue
        throw Failure(
            .badUsage, "no row \(key == "row" ? "" : "starts in line ")\(number) was read",
            at: work.directory.escapedForTerminal,
            remedy: rows.map { "ingest read \(counted($0, "row")); rows and lines count from 1" })
    }
}

/// Where a sample lies, and which row it was.
struct WhereReport: Report {
    let origin: SampleOrigins.Origin
    let id: String
    /// The shard's file in each directory.
    let files: [(directory: String, file: String)]
    let shardSamples: Int
    /// XXH64 of the manifest that ingest read; nil where the record does not say.
    let manifestDigest: String?

    init(work: Work, origin: SampleOrigins.Origin) throws {
        let reader = try work.samplesReader()
        self.origin = origin
        id = try reader.sample(origin.sample).string("id")
        shardSamples = reader.shards[origin.shard].sampleCount
        files = work.parts.filter { $0.report.reader.shards.indices.contains(origin.shard) }.map { name, report in
            (name, report.reader.shards[origin.shard].stored.basename)
        }
        manifestDigest = work.report("samples")?.stage?.inputDigest
    }

    var text: String {
        """
        sample \(origin.sample): id \(id.escapedForTerminal)
          manifest  row \(origin.row), line \(origin.line)\(manifestDigest.map { " (of xxh64 \($0.escapedForTerminal))" } ?? "")
          shard     \(origin.shard), row \(origin.place) of \(shardSamples): \
        \(files.map { "\($0.directory)/\($0.file)" }.joined(separator: ", ").escapedForTerminal)
        """
    }

    var json: JSONObject {
        [
            "kind": "where", "sample": .int(origin.sample), "id": .string(id), "shard": .int(origin.shard),
            "shard_row": .int(origin.place), "row": .int(origin.row), "line": .int(origin.line),
            "manifest_digest": manifestDigest.map { .string($0) } ?? .null,
            "files": .object(JSONObject(files.map { (key: $0.directory, value: .string($0.file)) })),
        ]
    }
}

/// A row that became no sample.
struct RejectReport: Report {
    let reject: JSONObject

    private func text(_ key: String) -> String {
        let value = reject[key] ?? .null
        return (value.stringValue ?? value.pythonDump(ascii: false)).escapedForTerminal
    }

    var text: String {
        "row \(text("row")), line \(text("line")): rejected as \(text("code")): \(text("detail"))"
            + (reject["id"]?.stringValue.map { " (id \($0.escapedForTerminal))" } ?? "")
    }

    var json: JSONObject {
        var object = reject
        object["kind"] = "reject"
        return object
    }
}
