// A WORK as a whole: what each directory holds, hours, speakers, sample rates, what was rejected, and whether the
// directories belong together.

import Foundation
import PipelineKit

/// What a WORK holds.
struct WorkReport: Report {
    let work: Work
    let audio: AudioStatistics?
    let rejects: [(code: String, count: Int)]

    init(directory: String) throws {
        work = try Work(directory: directory)
        guard !work.parts.isEmpty else { throw Work.nothingFinished(directory) }
        audio = try work.reader("samples").map { try AudioStatistics(samples: $0) }
        rejects = try Self.rejects(in: directory)
    }

    /// Rows of rejects.jsonl by code, most frequent first.
    private static func rejects(in directory: String) throws -> [(code: String, count: Int)] {
        let path = "\(directory)/rejects.jsonl"
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        var counts: [String: Int] = [:]
        for (number, line) in try jsonLines(path: path).enumerated() {
            guard let code = line["code"]?.stringValue else {
                throw Failure(.badData, "a reject without a code", at: "\(path.escapedForTerminal), line \(number + 1)")
            }
            counts[code, default: 0] += 1
        }
        return counts.map { (code: $0.key, count: $0.value) }.sorted { ($1.count, $0.code) < ($0.count, $1.code) }
    }

    var text: String {
        var sections = ["\(work.directory.escapedForTerminal): \(counted(work.sampleCount, "sample"))"]
        var table = Table([
            ("directory", .left), ("shards", .right), ("samples", .right), ("raw", .right), ("stored", .right),
            ("compression", .left), ("made by", .left),
        ])
        for (name, report) in work.parts {
            table.add([
                name, countText(report.reader.shards.count), countText(report.reader.sampleCount),
                bytesText(report.rawBytes), bytesText(report.storedBytes), report.compression,
                report.stage.map { "\($0.identity.stage) (output version \($0.identity.outputVersion))" } ?? "unknown",
            ])
        }
        sections.append(table.rendered(indent: 2))
        if let audio { sections.append(audio.text) }
        if let text = work.report("samples")?.stage?.textReport { sections.append(text.lines.joined(separator: "\n")) }
        let records = [
            ("vocabulary", work.report("samples")?.stage?.record("text")),
            ("codec", work.report("codes")?.stage?.record("codec")),
        ]
        for case (let name, let record?) in records { sections.append(Self.describe(record, name)) }
        sections.append(rejects.isEmpty ? "rejected  nothing" : rejectsText)
        sections.append(provenance)
        return sections.joined(separator: "\n\n")
    }

    private var rejectsText: String {
        var table = Table([("rejected", .left), ("rows", .right)])
        for (code, count) in rejects { table.add([code, countText(count)]) }
        return table.rendered() + "\n(why: \(work.directory.escapedForTerminal)/rejects.jsonl)"
    }

    private static func describe(_ record: JSONValue, _ name: String) -> String {
        let scalars = (record.objectValue?.members ?? []).filter {
            $0.value.objectValue == nil && $0.value.arrayValue == nil
        }
        return "\(name)  "
            + scalars.map { key, value in
                "\(key) \(value.stringValue ?? value.pythonDump())"
            }.joined(separator: ", ").escapedForTerminal
    }

    private var provenance: String {
        var lines = work.unfinished.map { "✗ \($0) has no index: the stage that writes it has not finished" }
        lines += work.staleParts.map { "✗ \($0.name) was made from other audio; \($0.remedy)" }
        lines += work.stepDifferences.map { "✗ not in step: \($0)" }
        if lines.isEmpty { lines = ["✓ all directories were made from this audio and are in step"] }
        return lines.joined(separator: "\n")
    }

    var json: JSONObject {
        var object: JSONObject = ["kind": "work", "samples": .int(work.sampleCount)]
        object["directories"] = .object(JSONObject(work.parts.map { (key: $0.name, value: .object($0.report.json)) }))
        object["audio"] = audio.map { .object($0.json) }
        object["text"] = work.report("samples")?.stage?.counts["text"]
        object["rejects"] = .object(JSONObject(rejects.map { (key: $0.code, value: .int($0.count)) }))
        object["unfinished"] = .array(work.unfinished.map { .string($0) })
        object["stale"] = .array(work.staleParts.map { .string($0.name) })
        object["out_of_step"] = .array(work.stepDifferences.map { .string($0) })
        return object
    }
}
