// A WORK as one thing: its directories opened side by side.

import Foundation
import PipelineKit

/// The finished directories of a WORK.
struct Work {
    let directory: String
    /// The reports of the directories that are finished, in the order of the pipeline.
    let parts: [(name: String, report: ShardsReport)]
    /// Directories that exist without an index.
    let unfinished: [String]

    init(directory: String) throws {
        self.directory = directory
        var parts: [(name: String, report: ShardsReport)] = []
        var unfinished: [String] = []
        for name in Subject.workDirectories {
            let path = "\(directory)/\(name)"
            if FileManager.default.fileExists(atPath: "\(path)/\(MDSIndex.basename)") {
                parts.append((name, try ShardsReport(directory: path)))
            } else if FileManager.default.fileExists(atPath: path) {
                unfinished.append(name)
            }
        }
        self.parts = parts
        self.unfinished = unfinished
    }

    /// The reader of `samples`, `audio`, `features` or `codes`; nil where it is not finished.
    func reader(_ name: String) -> MDSReader? { report(name)?.reader }

    /// The report of a directory; nil where it is not finished.
    func report(_ name: String) -> ShardsReport? { parts.first { $0.name == name }?.report }

    /// How many samples there are: what every directory should hold.
    var sampleCount: Int { parts.first?.report.reader.sampleCount ?? 0 }

    /// Directories that do not hold the same samples in the same shards as the first one, with what differs.
    var stepDifferences: [String] {
        guard let first = parts.first else { return [] }
        let expected = first.report.reader.shards.map(\.sampleCount)
        return parts.dropFirst().compactMap { name, report in
            let got = report.reader.shards.map(\.sampleCount)
            guard got != expected else { return nil }
            return
                "\(name): \(got.count) shards with \(got.reduce(0, +)) samples, \(first.name) has \(expected.count) with "
                + "\(expected.reduce(0, +)), or they split elsewhere"
        }
    }

    /// Directories that were made from other audio than `audio/`, with the stage to run again.
    var staleParts: [(name: String, remedy: String)] {
        guard let audio = reader("audio") else { return [] }
        return [("features", "featurize"), ("codes", "tokenize encode")].compactMap { name, stage in
            guard let record = report(name)?.stage, record.inputDigest != audio.indexDigest else { return nil }
            return (name, "run \(stage) again")
        }
    }

    /// Whether a directory was made from other audio than `audio/`.
    func isStale(_ name: String) -> Bool { staleParts.contains { $0.name == name } }

    /// The sample with a number in every finished directory, and its id.
    ///
    /// - Throws: `Failure` (bad usage) for a number out of range; (bad data) for directories that are not in step.
    func rows(ofSample number: Int) throws -> (id: String, rows: [String: MDSSample]) {
        guard let first = parts.first else { throw Self.nothingFinished(directory) }
        guard (0..<sampleCount).contains(number) else {
            throw outOfRange(number, count: sampleCount, directory: directory)
        }
        func outOfStep(_ what: String, _ part: String) -> Failure {
            Failure(
                .badData, "sample \(number) \(what)", at: directory.escapedForTerminal,
                remedy: "run the stage of \(part) again")
        }
        let id = try first.report.reader.sample(number).string("id")
        var rows: [String: MDSSample] = [:]
        for (name, report) in parts {
            guard number < report.reader.sampleCount else {
                throw outOfStep("is not in \(name), which has \(report.reader.sampleCount) samples", name)
            }
            let row = try report.reader.sample(number), other = try row.string("id")
            guard other.utf8.elementsEqual(id.utf8) else {
                throw outOfStep(
                    "is '\(other.escapedForTerminal)' in \(name), '\(id.escapedForTerminal)' in \(first.name)", name)
            }
            rows[name] = row
        }
        return (id, rows)
    }

    /// The number of the sample with `id`.
    ///
    /// - Throws: `Failure` (bad usage) where no sample has the id.
    func sampleNumber(ofID id: String) throws -> Int {
        guard let first = parts.first else { throw Self.nothingFinished(directory) }
        return try first.report.sampleNumber(ofID: id)
    }

    static func nothingFinished(_ directory: String) -> Failure {
        Failure(
            .badData, "no finished shard directory", at: directory.escapedForTerminal,
            remedy: "run ingest, or go on with the stage that was stopped")
    }
}
