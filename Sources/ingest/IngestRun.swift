// The run: rows are read in order, worked through in parallel, and leave in order into the shards or the rejects. Every
// closed shard is a place to go on from. How a run finds that place: IngestRun+Resume.swift.

import Foundation
import PipelineKit

/// One run of ingest. Used by one thread.
final class IngestRun {
    let options: IngestOptions
    let survey: ManifestSurvey
    let output: IngestOutput
    /// What both directories say of their input.
    let input: JSONObject
    let excluded: ExcludedIDs
    private let preparer: RowPreparer
    private let tokenizerBytes: [UInt8]?
    private let start = ContinuousClock.now
    /// Told the number of each shard that is on the disk; for tests, which stop a run there.
    private let afterShard: (Int) throws -> Void

    var counts = IngestCounts()
    var ids = SeenIDs()
    private var excludedCount = 0
    /// The number of the shard that is being written.
    private var closing: Int?

    /// Checks paths and options, surveys the manifest, opens the output. Writes nothing yet.
    init(_ options: IngestOptions, afterShard: @escaping (Int) throws -> Void = { _ in }) throws {
        self.options = options
        self.afterShard = afterShard
        try Self.checkOutput(options.output)
        let (tokenizer, bytes) = try Self.tokenizer(options.tokenizer)
        tokenizerBytes = bytes
        let folder = URL(fileURLWithPath: options.manifest).deletingLastPathComponent().path
        let hasManifest = access(options.manifest, F_OK) == 0  // a missing one is the survey's to tell
        let root = try AudioRoot(
            directory: options.audioRoot ?? (hasManifest ? folder : "/"), isFence: options.audioRoot != nil)
        let clips = ClipLoader(root: root, minDuration: options.minDuration, maxDuration: options.maxDuration)
        preparer = RowPreparer(
            manifestPath: options.manifest,
            layout: try ConversationLayout(tokenizer: tokenizer, path: options.tokenizer ?? "the byte vocabulary"),
            clips: clips, text: options.text, normalization: options.normalization,
            keepsTextOnly: options.keepTextOnly)
        excluded = try ExcludedIDs(path: options.exclude)
        survey = try ManifestSurvey(path: options.manifest, limit: options.limit, clips: clips)
        input = ["digest": .string(survey.digest), "audio_root": .string(root.directory)]
        var record = tokenizer.record
        record.normalization = options.normalization
        output = try IngestOutput(
            options, options: options.shaping(excluded: excluded.digest), input: input, text: record)
    }

    private static func checkOutput(_ path: String) throws {
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFDIR {
            throw Failure(
                .badUsage, "is not a directory", at: path.escapedForTerminal, remedy: "name a directory with --output")
        }
    }

    private static func tokenizer(_ path: String?) throws -> (Tokenizer, [UInt8]?) {
        guard let path else { return (.byteLevel, nil) }
        guard access(path, F_OK) == 0 || errno != ENOENT && errno != ENOTDIR else {
            throw Failure(.badUsage, "no such file", at: path.escapedForTerminal, remedy: "check --tokenizer")
        }
        let file = try MappedFile(path: path)
        return try file.withBytes { (try Tokenizer.load(json: $0, path: path), Array($0)) }
    }

    var rejectsPath: String { options.output + "/" + RejectLog.basename }

    /// Reads the manifest into the shards, going on where an earlier run stopped.
    ///
    /// - Throws: `Failure` (bad data) where nothing is left or too much was rejected; `ManifestError`, `FileError`,
    ///   `Interrupted`.
    func run() throws -> IngestSummary {
        var states = try resumableStates()
        if let last = states.last, !last.isFull {  // everything is there: nobody asks for its ids
            counts = last.counts
            try output.resume(at: states.count)
            return try finish(resumed: states.count)
        }
        while true {
            let resumed = try resume(behind: states)
            states.removeLast(states.count - resumed)
            try survey.checkRoom(rows: survey.rows - counts.rows, directory: options.output)
            if try readRows(from: states.last) || states.isEmpty { return try finish(resumed: resumed) }
            // No row behind the last shard was kept: its sidecar must speak of the end, so it is made again.
            states.removeLast()
        }
    }

    /// Reads rows to the end. False where no shard was closed.
    private func readRows(from state: ResumeState?) throws -> Bool {
        let reader = try ManifestReader(path: options.manifest)
        if let state, try !reader.advance(to: state.position) {
            throw changed
        }
        try output.begin()
        let log = try RejectLog(path: rejectsPath, prefix: try rejectsPrefix(state))
        let progress = Progress("ingest", unit: "rows", total: Double(survey.rows), isQuiet: options.isQuiet)
        defer { progress.finish() }
        if counts.rows > 0 { progress.advance(by: Double(counts.rows)) }
        let first = output.number
        let workers = WorkerPool(threads: options.workers)
        let sealer = ShardSealer(workers: workers)
        defer {
            workers.shutDown()
            sealer.shutDown()
        }
        do {
            try readRows(reader, log, on: workers, sealer, progress)
        } catch {
            try sealer.finish()  // shards that were closed before the error stay
            throw error
        }
        return output.number > first
    }

    private func readRows(
        _ reader: ManifestReader, _ log: RejectLog, on workers: WorkerPool, _ sealer: ShardSealer,
        _ progress: PipelineKit.Progress
    ) throws {
        var fed = counts.rows
        var position = reader.position
        let (preparer, total) = (preparer, survey.rows)
        try orderedMap(
            on: workers, window: 4 * options.workers,
            next: {
                try Interrupt.check()
                guard fed < total, let row = try reader.next() else { return nil }
                fed += 1
                return row
            },
            transform: { try preparer.prepare($0) },
            drain: { row in
                try take(row, behind: &position, log, sealer)
                progress.advance()
            })
        guard position == survey.lastRow else { throw changed }
        if !output.isEmpty { try close(at: survey.end, isFull: false, log, sealer) }
        _ = try log.mark()
        try settle(sealer)
        try log.sync()
    }

    private var changed: Failure {
        Failure(
            .failed, "the manifest changed while it was read", at: options.manifest.escapedForTerminal,
            remedy: "run the same command again")
    }

    /// Gives a row its id and puts it where it belongs.
    private func take(
        _ row: PreparedRow, behind position: inout ManifestPosition, _ log: RejectLog, _ sealer: ShardSealer
    ) throws {
        let (id, isRenamed) = row.id.map { ids.assign($0) } ?? (nil, false)
        var outcome = row.outcome
        if let id, excluded.contains(id) {
            excludedCount += 1
            var seconds = 0.0
            if case .kept(let content) = outcome { seconds = content.counts.seconds }
            outcome = .rejected(Reject(.excluded, "named by --exclude"), seconds: seconds)
        }
        if case .kept(let content) = outcome, let id {
            var (samples, audio) = (content.samples, content.audio)
            samples["id"] = .str(id)
            audio["id"] = .str(id)
            let sample = try output.samples.configuration.encode(samples)
            let clips = try output.audio.configuration.encode(audio)
            if output.isTooLarge(clips) {
                outcome = .rejected(
                    Reject(.rowTooLarge, "\(clips.byteCount) bytes of audio in one row"),
                    seconds: content.counts.seconds)
            } else {
                if output.isFull(for: clips, of: content) {
                    try close(at: position, isFull: true, log, sealer)
                }
                try output.append(samples: sample, audio: clips, of: content, id: id, row: row.row)
                counts.kept.add(content.counts)
            }
        }
        if case .rejected(let reject, let seconds) = outcome {
            try log.append(reject.line(row: row.row.number, line: row.row.line, id: id))
            counts.reject(reject.code, seconds: seconds)
        }
        counts.rows += 1
        if isRenamed { counts.renamed += 1 }
        position = row.row.end
    }

    private func close(
        at position: ManifestPosition, isFull: Bool, _ log: RejectLog, _ sealer: ShardSealer
    ) throws {
        try settle(sealer)
        let state = ResumeState(position: position, rejects: try log.mark(), counts: counts, isFull: isFull)
        closing = output.number
        // The sidecars vouch for the rejects too, so those come to the disk first.
        try output.close(state, input: input, through: sealer) { try log.sync() }
    }

    /// Waits until the shard that was closed last is on the disk.
    private func settle(_ sealer: ShardSealer) throws {
        try sealer.finish()
        if let number = closing { try afterShard(number) }
        closing = nil
    }

    private func finish(resumed: Int) throws -> IngestSummary {
        var summary = IngestSummary(
            counts: counts, text: output.textReport, shards: output.number, skipped: resumed, seconds: 0, bytes: 0,
            wasDone: false, output: options.output)
        let share = counts.rejectedFraction
        let isEmpty = counts.kept.samples == 0
        if isEmpty || share > options.maxRejectFraction {
            // What an earlier run left is not what this one was asked for.
            try output.begin()
            summary.logCounts()
            throw tooFewRows(counts.rows, isEmpty: isEmpty, rejectedShare: share)
        }
        summary.wasDone = try !output.finish(tokenizer: tokenizerBytes, counts: counts)
        summary.bytes = try (0..<output.number).reduce(0) { sum, number in
            try sum
                + [output.samples, output.audio].reduce(0) {
                    try $0 + ($1.sidecar(number)?.shard.stored.byteCount ?? 0)
                }
        }
        summary.seconds = (ContinuousClock.now - start).seconds
        return summary
    }

    /// Why what was kept is not a data set.
    private func tooFewRows(_ rows: Int, isEmpty: Bool, rejectedShare: Double) -> Failure {
        let percent = { (share: Double) in "\((share * 1000).rounded() / 10) %" }
        let place = options.manifest.escapedForTerminal
        if rows == 0 {
            return Failure(.badData, "the manifest holds no rows", at: place, remedy: "check --data-path")
        }
        let remedy = "see \(rejectsPath.escapedForTerminal)"
        if isEmpty { return Failure(.badData, "none of \(rows) rows can be used", at: place, remedy: remedy) }
        return Failure(
            .badData,
            "\(percent(rejectedShare)) of the rows were rejected, more than \(percent(options.maxRejectFraction))",
            at: place, remedy: remedy + ", or raise --max-reject-fraction")
    }
}
