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
