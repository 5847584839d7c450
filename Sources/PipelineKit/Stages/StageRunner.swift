// The run of featurize and tokenize: which shards are to be made, and what was made in the end. The way of the samples
// through the threads: StageRunner+Flow.swift.

import Foundation

/// What a run of a stage did.
public struct StageSummary: Sendable {
    public var stage: String
    /// Shards of the output.
    public var shards: Int
    /// Samples of the output.
    public var samples: Int
    /// Shards that were done before.
    public var skipped: Int
    public var seconds: Double
    /// The size of all shard files.
    public var bytes: Int
    /// As in stage.json.
    public var counts: JSONObject
    /// Whether the directory was whole before.
    public var wasDone: Bool

    /// The object that `--json` prints.
    public var json: JSONValue {
        [
            "stage": .string(stage), "shards": .int(shards), "samples": .int(samples), "skipped": .int(skipped),
            "seconds": .double((seconds * 1000).rounded() / 1000), "bytes": .int(bytes), "counts": .object(counts),
        ]
    }

    /// Tells a person on stderr, and with `--json` a program on stdout.
    public func report(_ flags: StageFlags) {
        if wasDone {
            Console.log.info("everything is done already: \(shards) shards, \(samples) samples")
        } else {
            let skippedNote = skipped > 0 ? " (\(skipped) done before)" : ""
            let megabytes = (Double(bytes) / 1e5).rounded() / 10
            Console.log.info(
                "\(shards) shards\(skippedNote), \(samples) samples, \(megabytes) MB in \(Progress.clock(seconds))")
        }
        if flags.json { Console.print(json) }
    }
}

extension ShardStage {
    /// Runs the stage over a finished directory, going on where an earlier run stopped.
    ///
    /// - Returns: what was done; `report` tells it.
    /// - Throws: a `Failure` (bad usage) for an input that is missing, unfinished or lacks a column; `StageMismatch`;
    ///   `StageFailures` once everything else is done; `MDSError` for a damaged input shard; `FileError`; `Interrupted`.
    @discardableResult
    public func run(input: String, output: String, flags: StageFlags) throws -> StageSummary {
        try StageRunner(stage: self, input: input, output: output, flags: flags, faultPoint: nil).run()
    }
}

/// One run of a stage. Used by one thread.
final class StageRunner<Stage: ShardStage> {
    let stage: Stage
    let flags: StageFlags
    let reader: MDSReader
    let writer: ShardDirectoryWriter
    let configuration: MDSConfiguration
    private let identity: StageIdentity
    private let start = ContinuousClock.now
    /// The first input shard, from the check of the room until its turn, so that it is read once.
    var firstShard: MDSShard?
    private var failures: [SampleFailure] = []
    private var failureCount = 0
    var failedShards = 0

    init(stage: Stage, input: String, output: String, flags: StageFlags, faultPoint: FaultPoint?) throws {
        self.stage = stage
        self.flags = flags
        reader = try Self.open(input, for: stage)
        let compression = flags.compression ?? stage.defaultCompression
        var options = stage.options
        options["compression"] = .string("\(compression)")
        identity = StageIdentity(
            stage: stage.name, outputVersion: stage.outputVersion, options: options,
            input: ["digest": .string(reader.indexDigest)], records: stage.records)
        configuration = MDSConfiguration(columns: stage.columns, compression: compression)
        writer = try ShardDirectoryWriter(
            directory: output, identity: identity, configuration: configuration, replace: flags.replace,
            faultPoint: faultPoint)
    }

    private static func open(_ input: String, for stage: Stage) throws -> MDSReader {
        guard access(input + "/" + MDSIndex.basename, F_OK) == 0 else {
            let isThere = access(input + "/.", F_OK) == 0
            throw Failure(
                .badUsage, isThere ? "not finished: it has no index.json" : "no such directory",
                at: input.escapedForTerminal, remedy: "run \(stage.inputStage) first")
        }
        let reader = try MDSReader(directory: input)
        let names = Set(reader.columns.map { Array($0.name.utf8) })
        if !reader.shards.isEmpty, let missing = stage.inputColumns.first(where: { !names.contains(Array($0.utf8)) }) {
            throw Failure(
                .badUsage, "has no column '\(missing)', which \(stage.name) reads", at: input.escapedForTerminal,
                remedy: "name the directory that \(stage.inputStage) wrote")
        }
        return reader
    }

    func run() throws -> StageSummary {
        let keys = try reader.shards.indices.map(key)
        var todo: [Int] = []
        for (number, key) in keys.enumerated() where try !isDone(number, key) { todo.append(number) }
        if !todo.isEmpty { try process(todo, keys: keys) }
        if failureCount > 0 {
            // Even where no shard was written: what is there is not what this run was asked for.
            try writer.begin()
            throw StageFailures(stage: stage.name, count: failureCount, shardCount: failedShards, first: failures)
        }
        let wasDone = try !writer.finish(shards: keys.count)
        return try summary(skipped: keys.count - todo.count, wasDone: wasDone)
    }

    /// The key of the output for an input shard.
    private func key(_ number: Int) throws -> String {
        let info = reader.shards[number]
        guard info.raw.xxh64 != nil else {
            throw MDSError(
                "the index states no xxh64, by which a change of the shard would be noticed",
                path: reader.path(ofShard: number))
        }
        return identity.key(ofInput: info)
    }

    private func isDone(_ number: Int, _ key: String) throws -> Bool {
        guard let sidecar = try writer.sidecar(number) else { return false }
        return sidecar.key.utf8.elementsEqual(key.utf8)
            && sidecar.shard.sampleCount == reader.shards[number].sampleCount
    }

    private func process(_ todo: [Int], keys: [String]) throws {
        if todo.count < keys.count {
            Console.log.info("\(keys.count - todo.count) of \(keys.count) shards are done already")
        }
        let waiting = todo.reduce(0) { $0 + reader.shards[$1].sampleCount }
        firstShard = try shard(todo[0], checkingRoomFor: waiting)
        let progress = Progress(stage.name, unit: "samples", total: Double(waiting), isQuiet: flags.quiet)
        defer { progress.finish() }
        try process(todo, keys: keys, progress)
    }

    /// Samples on which the estimate of the output's size rests.
    private static var sampled: Int { 256 }

    /// The first shard to be done, by whose first samples there is room for the output of so many. By itself, so that nobody
    /// holds the shard longer than it takes.
    private func shard(_ number: Int, checkingRoomFor samples: Int) throws -> MDSShard {
        let shard = try reader.shard(number)
        let count = min(shard.count, Self.sampled)
        guard count > 0 else { return shard }
        let bytes = try (0..<count).reduce(0) { sum, sample in
            // A sample that cannot be read is told when its turn comes.
            try Interrupt.check()
            let row = try? shard.row(sample, columns: stage.inputColumns)
            return sum + (row.map(stage.estimatedBytes) ?? 0)
        }
        try FreeSpace.check(
            writer.directory, holds: Int(Double(bytes) / Double(count) * Double(samples)), of: stage.outputName,
            remedy: "choose another --output")
        return shard
    }

    /// Counts a sample that could not be processed, and tells of the first ones.
    func note(_ failure: SampleFailure) {
        failureCount += 1
        guard failures.count < StageFailures.named else { return }
        failures.append(failure)
        Console.log.error("\(failure)")
    }

    private func summary(skipped: Int, wasDone: Bool) throws -> StageSummary {
        var counts = JSONObject()
        var bytes = 0
        for number in reader.shards.indices {
            guard let sidecar = try writer.sidecar(number) else { continue }
            counts.add(counts: sidecar.counts)
            bytes += sidecar.shard.stored.byteCount
        }
        return StageSummary(
            stage: stage.name, shards: reader.shards.count, samples: reader.sampleCount, skipped: skipped,
            seconds: (ContinuousClock.now - start).seconds, bytes: bytes, counts: counts, wasDone: wasDone)
    }
}
