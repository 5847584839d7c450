// The one loop of featurize and tokenize. Samples flow through the workers without a stop between shards: while the last
// ones of a shard are computed, the first ones of the next are; a finished shard is compressed by a worker and written by a
// thread of its own. Whatever the threads do, everything is put together in order.
// Memory: the raw bytes of the input shard in hand and of the next one, which is read meanwhile; the output shard in hand,
// and the one before it, raw and compressed.

/// What becomes of a sample.
enum SampleOutcome: Sendable {
    case row(MDSEncodedRow, counts: JSONObject)
    case failure(SampleFailure)
}

/// A shard of the output on its way.
private final class ShardInHand {
    let number: Int
    let key: String
    let builder: MDSShardBuilder
    var counts = JSONObject()
    var hasFailed = false

    init(number: Int, key: String, builder: MDSShardBuilder) {
        self.number = number
        self.key = key
        self.builder = builder
    }
}

/// What is under way.
private enum Step {
    case sample(Job<SampleOutcome>, ShardInHand)
    case end(ShardInHand)
}

extension StageRunner {
    /// Makes the shards `todo`, in order.
    ///
    /// - Throws: the first error in order; shards that were whole before it are on disk.
    func process(_ todo: [Int], keys: [String], _ progress: Progress) throws {
        let workers = WorkerPool(threads: flags.workers)
        let readers = WorkerPool(threads: 1, name: "reader")
        let output = ShardSealer(workers: workers)
        defer {
            workers.shutDown()
            readers.shutDown()
            output.shutDown()
        }
        var unread = todo[...], reads = InFlight<Job<MDSShard>>(), steps = InFlight<Step>()
        func readAhead() {
            guard let number = unread.popFirst() else { return }
            reads.append(readers.submit { [reader, firstShard] in try firstShard ?? reader.shard(number) })
            firstShard = nil
        }
        func takeStep() throws {
            switch steps.popFirst() {
            case .sample(let job, let shard)?:
                try take(job.take(), into: shard)
                progress.advance()
            case .end(let shard)?:
                try end(shard, output)
                readAhead()  // the shard's input is not needed any more
            case nil: preconditionFailure("nothing is under way")
            }
        }
        do {
            readAhead()
            let builder = MDSShardBuilder(configuration: configuration)
            for number in todo {
                while reads.count == 0 { try takeStep() }
                guard let read = reads.popFirst() else { preconditionFailure("a shard that nobody reads") }
                let input = try self.input(of: read) { while steps.count > 0 { try takeStep() } }
                if number == todo.first { readAhead() }
                let shard = ShardInHand(number: number, key: keys[number], builder: builder)
                for sample in 0..<input.count {
                    try Interrupt.check()
                    let job = workers.submit { [stage, configuration] in
                        try Self.outcome(stage, configuration, input, sample)
                    }
                    steps.append(.sample(job, shard))
                    while steps.count > 4 * flags.workers { try takeStep() }
                }
                steps.append(.end(shard))
            }
            while steps.count > 0 {
                try Interrupt.check()
                try takeStep()
            }
            try output.finish()
        } catch {
            // What was whole before the error stays; should it not get to the disk, that is the first error.
            try output.finish()
            throw error
        }
    }

    /// A shard that was read; where it cannot be, those before it come first.
    private func input(of read: Job<MDSShard>, endOfThoseBefore: () throws -> Void) throws -> MDSShard {
        do {
            return try read.take()
        } catch {
            try endOfThoseBefore()
            throw error
        }
    }

    private func take(_ outcome: SampleOutcome, into shard: ShardInHand) throws {
        switch outcome {
        case .row(let row, let counts):
            if shard.hasFailed { return }
            try shard.builder.append(row)
            shard.counts.add(counts: counts)
        case .failure(let failure):
            shard.hasFailed = true
            note(failure)
        }
    }

    private func end(_ shard: ShardInHand, _ output: ShardSealer) throws {
        let raw = try shard.builder.finish()
        if shard.hasFailed {
            failedShards += 1
        } else {
            try output.seal([raw], as: shard.number) { [writer, number = shard.number, counts = shard.counts] sealed in
                try writer.write(sealed[0], as: number, key: shard.key, counts: counts)
            }
        }
    }

    /// What becomes of a sample; an error that is not its own fault is thrown.
    private static func outcome(
        _ stage: Stage, _ configuration: MDSConfiguration, _ shard: MDSShard, _ sample: Int
    ) throws -> SampleOutcome {
        do {
            let row = try shard.row(sample, columns: stage.inputColumns)
            let output = try stage.process(row)
            precondition(output["id"] == row["id"], "\(stage.name) changed the id of a sample")
            return .row(try configuration.encode(output), counts: try stage.counts(of: output))
        } catch {
            var cause = Failure(error)
            let id = try? shard.sample(sample).string("id")
            // What the shard's own errors say of the place stands in the sample's failure.
            if let error = error as? MDSError, error.path != nil {
                cause.location = error.column.map { "column \($0.escapedForTerminal)" }
            }
            let failure = SampleFailure(shard: shard.path, sample: sample, id: id, cause: cause)
            guard cause.status == .badData else {
                if cause.status == .interrupted { throw error }
                throw Failure(cause.status, "\(failure)", remedy: nil)
            }
            return .failure(failure)
        }
    }
}
