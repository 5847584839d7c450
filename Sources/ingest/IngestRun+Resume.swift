// Where a run goes on: behind the last pair of shards whose sidecars fit the options, whose part of the manifest is
// still the same, and whose part of rejects.jsonl is still there.

import PipelineKit

extension IngestRun {
    /// A finished pair of shards.
    typealias FinishedShard = (state: ResumeState, samples: MDSShardInfo)

    /// The finished shards, from the first on, that an undisturbed run would have written alike.
    func resumableShards() throws -> [FinishedShard] {
        var finished = try output.finishedShards(input: input)
        finished.removeLast(
            finished.count - (try RejectLog.verified(finished.map(\.state.rejects), path: rejectsPath).count))
        let reader = try ManifestReader(path: options.manifest)
        for (number, shard) in finished.enumerated() {
            try Interrupt.check()
            // A shard that ended with the manifest is only whole where the manifest still ends there.
            guard try reader.advance(to: shard.state.position), shard.state.isFull || shard.state.position == survey.end
            else { return Array(finished[..<number]) }
        }
        return finished
    }

    /// Puts the run into the state behind these shards.
    func resume(behind shards: [FinishedShard]) throws {
        counts = shards.last?.state.counts ?? IngestCounts()
        ids = SeenIDs()
        output.resume(at: shards.count)
        guard !shards.isEmpty else { return }
        let reader = MDSReader(directory: output.samples.directory, shards: shards.map(\.samples))
        for number in shards.indices {
            try Interrupt.check()
            let shard = try reader.shard(number)
            for sample in 0..<shard.count { ids.insert(try shard.sample(sample).string("id")) }
        }
        for line in try rejectsPrefix(shards.last?.state).split(separator: 0x0A) {
            if let id = try JSONValue(parsing: line)["id"]?.stringValue { ids.insert(id) }
        }
    }

    /// The rejects of an earlier run up to a state.
    func rejectsPrefix(_ state: ResumeState?) throws -> [UInt8] {
        guard let state else { return [] }
        return try RejectLog.verified([state.rejects], path: rejectsPath).prefix
    }
}
