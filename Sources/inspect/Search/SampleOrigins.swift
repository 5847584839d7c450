// Which row of the manifest each sample comes from. No column says so: the sidecars of samples/ do, as runs of rows
// (`notes.rows`), and rejects.jsonl lists the rows that went nowhere.

import Foundation
import PipelineKit

/// The rows behind the samples of a WORK.
struct SampleOrigins {
    /// A sample and where it comes from and lies.
    struct Origin: Equatable {
        var sample: Int
        var shard: Int
        /// Within the shard, from 0.
        var place: Int
        /// In the manifest, from 1.
        var row: Int
        /// Where the row starts, from 1.
        var line: Int
    }

    private let reader: MDSReader
    private let shards: [ManifestRuns]

    /// Reads the sidecars.
    /// - Throws: `Failure` (bad data) where one is missing or does not fit its shard.
    init(samples reader: MDSReader) throws {
        self.reader = reader
        shards = try reader.shards.enumerated().map { number, shard in
            let path = "\(reader.directory)/\(ShardSidecar.basename(number))"
            guard let runs = ManifestRuns(json: try ShardSidecar(path: path)?.notes["rows"]),
                runs.count == shard.sampleCount
            else {
                throw Failure(
                    .badData, "does not say which rows of the manifest the shard's samples are",
                    at: path.escapedForTerminal, remedy: "run ingest again")
            }
            return runs
        }
    }

    /// Where a sample comes from.
    func origin(ofSample sample: Int) -> Origin? {
        guard let shard = shards.indices.first(where: { reader.samples(ofShard: $0).contains(sample) }) else {
            return nil
        }
        let place = sample - reader.samples(ofShard: shard).lowerBound
        return shards[shard][place].map {
            Origin(sample: sample, shard: shard, place: place, row: $0.row, line: $0.line)
        }
    }

    /// The sample that a row became; nil where it became none.
    func origin(ofRow row: Int) -> Origin? { origin { $0.sample(ofRow: row) } }

    /// The sample whose row starts in a line; nil where none does.
    func origin(ofLine line: Int) -> Origin? { origin { $0.sample(ofLine: line) } }

    private func origin(_ find: (ManifestRuns) -> Int?) -> Origin? {
        for (shard, runs) in shards.enumerated() {
            guard let place = find(runs), let (row, line) = runs[place] else { continue }
            let sample = reader.samples(ofShard: shard).lowerBound + place
            return Origin(sample: sample, shard: shard, place: place, row: row, line: line)
        }
        return nil
    }
}
