// --verify, what is not in the rows: that records, sidecars and indexes say the same, that samples/ and audio/ come from one
// ingest, and that every row of the manifest is a sample or a reject.

import Foundation
import PipelineKit

/// Checks what stage.json, sidecars and rejects.jsonl say of the directories that sawt made.
func checkRecords(_ work: Work, into findings: inout Findings) throws {
    for (_, report) in work.parts { try checkSidecars(report, into: &findings) }
    guard let samples = work.report("samples"), let made = samples.stage,
        made.identity.stage.utf8.elementsEqual("ingest".utf8)
    else { return }
    if let audio = work.report("audio"), let other = audio.stage {
        try findings.check("samples/ and audio/ are of one ingest") {
            try checkSameIngest(samples, made, audio, other, at: work.directory)
        }
    }
    try findings.check("every row is a sample or a reject") {
        try checkRows(work.directory, made, samples)
    }
}

/// Checks sidecars, keys, counts and the index against each other. Where a directory was brought here without any sidecar,
/// which reading it does not need, there is nothing to compare.
func checkSidecars(_ report: ShardsReport, into findings: inout Findings) throws {
    guard report.stage != nil, hasSidecars(report) else { return }
    try findings.check("records: sidecars, their keys and counts, the index") {
        let directory = report.reader.directory
        guard try IndexRepair.recordedShards(directory) == report.reader.shards else {
            throw Failure(
                .badData, "index.json is not what the sidecars say", at: directory.escapedForTerminal,
                remedy: "run its stage again")
        }
    }
}

private func hasSidecars(_ report: ShardsReport) -> Bool {
    report.reader.shards.indices.contains { number in
        FileManager.default.fileExists(atPath: "\(report.reader.directory)/\(ShardSidecar.basename(number))")
    }
}

private func checkSameIngest(
    _ samples: ShardsReport, _ made: StageRecord, _ audio: ShardsReport, _ other: StageRecord, at work: String
) throws {
    let differences = JSONValue.differences(
        from: .object(made.identity.input), to: .object(other.identity.input), of: "input")
    guard differences.isEmpty else {
        throw Failure(
            .badData, "made from different manifests (\(differences.joined(separator: ", ")))",
            at: work.escapedForTerminal,
            remedy: "run ingest again")
    }
    guard hasSidecars(samples), hasSidecars(audio) else { return }
    for number in samples.reader.shards.indices.prefix(audio.reader.shards.count) {
        let paths = [samples, audio].map { "\($0.reader.directory)/\(ShardSidecar.basename(number))" }
        let states = try paths.map { try ShardSidecar(path: $0)?.resume }
        guard let mine = states[0], let theirs = states[1], JSONValue.object(mine) == .object(theirs) else {
            throw Failure(
                .badData, "the shard ends elsewhere in the manifest than that of audio/",
                at: paths[0].escapedForTerminal,
                remedy: "run ingest again")
        }
    }
}

/// read = kept + rejected, in the counts, in rejects.jsonl and in the sidecar of the last shard.
private func checkRows(_ work: String, _ stage: StageRecord, _ samples: ShardsReport) throws {
    let path = "\(work)/rejects.jsonl"
    func refuse(_ what: String, at place: String) -> Failure {
        Failure(.badData, what, at: place.escapedForTerminal, remedy: "run ingest again")
    }
    let rejected = (stage.counts["rejected"]?.objectValue?.members ?? []).reduce(0) {
        $0 + ($1.value["rows"]?.intValue ?? 0)
    }
    guard let rows = stage.counts["rows"]?.intValue, let kept = stage.counts["samples"]?.intValue,
        rows == kept + rejected, kept == samples.reader.sampleCount
    else {
        throw refuse(
            "the counts do not add up: \(stage.counts["rows"]?.pythonDump() ?? "no") rows, \(samples.reader.sampleCount) "
                + "samples, \(rejected) rejected", at: "\(samples.reader.directory)/\(StageRecord.basename)")
    }
    var content: [UInt8] = []
    if FileManager.default.fileExists(atPath: path) { content = try MappedFile(path: path).withBytes { Array($0) } }
    let lines = content.count { $0 == 0x0A }
    guard lines == rejected else { throw refuse("\(lines) lines, \(rejected) rows were rejected", at: path) }
    // The sidecar of the last shard speaks of the whole run.
    let last = samples.reader.shards.indices.last.map { "\(samples.reader.directory)/\(ShardSidecar.basename($0))" }
    guard let digest = try last.flatMap({ try ShardSidecar(path: $0) })?.resume["rejects_digest"]?.stringValue else {
        return
    }
    let actual = XXH64.hash(content).hexDigits
    guard actual.utf8.elementsEqual(digest.utf8) else {
        throw refuse("is not what ingest wrote: its xxh64 is \(actual), it was \(digest.escapedForTerminal)", at: path)
    }
}
