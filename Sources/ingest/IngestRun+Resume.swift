// Where a run goes on: behind the last pair of shards whose sidecars fit the options, whose part of the manifest is
// still the same, and whose part of rejects.jsonl is still there.

import PipelineKit

extension IngestRun {
    /// The states behind the finished shards, from the first on, that an undisturbed run would have written alike.
    func resumableStates() throws -> [ResumeState] {
        var states = try output.finishedStates(input: input)
        let logged = try RejectLog.verified(states.map(\.rejects), path: rejectsPath).count
        states.removeLast(states.count - logged)
        let reader = try ManifestReader(path: options.manifest)
        for (number, state) in states.enumerated() {
            try Interrupt.check()
            // A shard that ended with the manifest is only whole where the manifest still ends there.
            guard try reader.advance(to: state.position), state.isFull || state.position == survey.end else {
                return Array(states[..<number])
            }
        }
        return states
    }

    /// Puts the run into the last of these states.
    ///
    /// - Returns: how many shards it goes on behind: fewer than there are states where a shard is damaged.
    func resume(behind states: [ResumeState]) throws -> Int {
        ids = SeenIDs()
        var count = states.count
        if count > 0 {
            let shards = try (0..<count).compactMap { try output.samples.sidecar($0)?.shard }
            guard shards.count == count else {
                throw Failure(
                    .failed, "a shard has gone since the run began", at: output.samples.directory.escapedForTerminal,
                    remedy: "run the same command again")
            }
            let reader = MDSReader(directory: output.samples.directory, shards: shards)
            for number in 0..<count {
                try Interrupt.check()
                do {
                    let shard = try reader.shard(number)
                    for sample in 0..<shard.count { ids.insert(try shard.sample(sample).string("id")) }
                } catch let error as MDSError {
                    Console.log.warning("\(error); the data is read again from there")
                    count = number
                    break
                }
            }
        }
        let state = states[..<count].last
        for line in try rejectsPrefix(state).split(separator: 0x0A) {
            if let id = try JSONValue(parsing: line)["id"]?.stringValue { ids.insert(id) }
        }
        counts = state?.counts ?? IngestCounts()
        try output.resume(at: count)
        return count
    }

    /// The rejects of an earlier run up to a state.
    func rejectsPrefix(_ state: ResumeState?) throws -> [UInt8] {
        guard let state else { return [] }
        return try RejectLog.verified([state.rejects], path: rejectsPath).prefix
    }
}
