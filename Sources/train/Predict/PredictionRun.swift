// One call of train predict: rows through the model, teacher-forced, and the predicted codes into a shard directory that
// tokenize decode and inspect read as they read WORK/codes.
//
// The directory is written under DIR.partial and renamed when it is whole; what did not get so far is removed.

import Foundation
import PipelineKit

/// A prediction: what is asked for.
struct PredictionRun {
    /// The stage's name in stage.json.
    static let stage = "predict"
    /// Raised when other bytes come out for the same model, data and options.
    static let outputVersion = 1

    let model: String
    var adapter: String?
    let dataPath: String
    let output: String
    /// None: every row.
    var ids: [String] = []
    var limit: Int?
    /// Threads that were asked for; nil: one a core.
    var threads: Int?

    /// What has been opened and fits together.
    private struct Setup {
        let source: DataSource
        let records: DataRecords
        let choice: RowChoice
        let model: HiggsModel
        var format: SequenceFormat { model.config.sequenceFormat }
    }

    /// Predicts, and gives the directory its name.
    /// - Throws: before anything is written a `Failure` for an output that holds something, `DataError` and the model's own
    ///   errors; later also `LossError`, `FileError`, and an interruption. Nothing stands at `output` then.
    func run() throws -> PredictionReport {
        let path = try freeOutput()
        let setup = try open(path)
        let partial = path + CheckpointName.partialSuffix
        // What a killed run has left there is this program's, and goes with `replace`.
        let writer = try ShardDirectoryWriter(
            directory: partial, identity: try identity(setup),
            configuration: MDSConfiguration(columns: CodeColumns.columns, compression: CodeColumns.compression),
            replace: true)
        do {
            let report = try predict(setup, into: writer)
            guard rename(partial, path) == 0 else { throw FileError("rename to \(path)", partial) }
            return report
        } catch {
            try? FileTree.remove(partial)
            guard error is Interrupted else { throw error }
            throw Failure(
                .interrupted, "interrupted", at: output.escapedForTerminal,
                remedy: "nothing was written; the same command begins anew")
        }
    }

    // MARK: - Before the work

    /// The path of the output, where nothing but an empty directory may be.
    private func freeOutput() throws -> String {
        let path = URL(fileURLWithPath: output).standardizedFileURL.path
        var status = stat()
        guard lstat(path, &status) == 0 else { return path }
        let isDirectory = status.st_mode & S_IFMT == S_IFDIR
        guard isDirectory, try FileManager.default.contentsOfDirectory(atPath: path).isEmpty else {
            throw Failure(
                .badUsage, isDirectory ? "the output exists already and is not empty" : "the output is no directory",
                at: output.escapedForTerminal, remedy: "name a new --output, or remove this one")
        }
        return path
    }

    private func open(_ path: String) throws -> Setup {
        let architecture = try RunSetup.architecture(model)
        let source = try DataSource(path: dataPath, takesFeatures: architecture.tower != nil)
        let records = try DataRecords(source)
        try records.check(against: architecture.sequenceFormat, source: source)
        if let absence = records.absence { Console.log.info("\(absence)") }
        if records.codec == nil {
            Console.log.warning("without a codec record tokenize decode will not play the predicted codes")
        }
        if let warning = RunSetup.textWarning(checkpoint: adapter ?? model, text: records.text) {
            Console.log.warning("\(warning)")
        }
        let choice = try RowChoice(source, ids: ids, limit: limit)
        try checkRoom(choice, source, architecture.sequenceFormat, near: path)
        ComputeThreads.apply(asked: threads)
        return Setup(source: source, records: records, choice: choice, model: try loaded())
    }

    private func loaded() throws -> HiggsModel {
        guard let adapter else { return try HiggsModel(loading: model, parts: .nothing) }
        let adapted = try HiggsModel(loading: model, adapter: adapter)
        try AdapterProof.check(adapted, in: adapter, base: model)
        return adapted
    }

    /// By the frames of the first shard's rows.
    private func checkRoom(_ choice: RowChoice, _ source: DataSource, _ format: SequenceFormat, near path: String)
        throws
    {
        guard let first = choice.shards.first(where: { !$0.rows.isEmpty }) else { return }
        let codes = try source.codes.reader.shard(first.number)
        let frames = try first.rows.reduce(0) { sum, row in
            sum + (try codes.sample(row).withArrayBytes("audio_ids") { _, shape, _ in shape.last ?? 0 })
        }
        let expected = Double(frames) / Double(first.rows.count) * Double(choice.count)
        let bytes = CodeColumns.estimatedBytes(
            frames: expected, codebooks: format.delay.codebooks, codebookSize: format.codebookSize)
        try FreeSpace.check(
            DiskCheck.existingAncestor(of: path), holds: bytes, of: "the predicted codes",
            remedy: "choose another --output")
    }

    /// What the content is made from. The codec's record and the audio's digest are those of the codes, so that the
    /// directory passes for the codes of that audio where it is played or looked at.
    private func identity(_ setup: Setup) throws -> StageIdentity {
        let codes = setup.source.codes.reader
        var options: JSONObject = ["model": .string(model)]
        options["model_fingerprint"] = setup.model.parameters.files.map { .string(BaseFingerprint.digits($0)) }
        if let adapter {
            options["adapter"] = .string(adapter)
            let weights = try MappedFile(path: adapter + "/" + HiggsModel.adapterWeightsName)
            options["adapter_digest"] = .string(weights.withBytes { XXH64.hash($0).hexDigits })
        }
        options["teacher_forced"] = true
        options["compression"] = .string("\(CodeColumns.compression)")
        var input: JSONObject = [:]
        input["digest"] = try StageRecord(directory: codes.directory)?.inputDigest.map { .string($0) }
        input["samples"] = .string(setup.source.samples.reader.indexDigest)
        input["codes"] = .string(codes.indexDigest)
        input["features"] = (setup.source.features?.reader.indexDigest).map { .string($0) }
        var records: JSONObject = [:]
        records["codec"] = setup.records.codec?.json
        return StageIdentity(
            stage: Self.stage, outputVersion: Self.outputVersion, options: options, input: input, records: records)
    }

    // MARK: - The work

    /// Predicts row by row; each shard of the data that has chosen rows becomes a shard.
    private func predict(_ setup: Setup, into writer: ShardDirectoryWriter) throws -> PredictionReport {
        let codebooks = setup.format.delay.codebooks
        var report = PredictionReport(output: output, format: setup.format)
        let progress = PipelineKit.Progress("predict", unit: "samples", total: Double(setup.choice.count))
        defer { progress.finish() }
        let builder = MDSShardBuilder(configuration: writer.configuration)
        let fingerprint = setup.source.fingerprint
        for (place, (number, rows)) in setup.choice.shards.enumerated() {
            let shard = try setup.source.shard(number)
            var score = PredictionScore(codebooks: codebooks)
            var clips = 0, frames = 0
            for row in rows {
                try Interrupt.check()
                let sample = try shard.sample(row, format: setup.format)
                let predicted = try setup.model.predictedSample(sample)
                try builder.append(CodeColumns(predicted.clips.clips, codebooks: codebooks).row(id: sample.id))
                let targets = predicted.clips.targets
                report.add(
                    PredictionReport.Row(id: sample.id, clips: targets, score: predicted.score),
                    sequence: predicted.sequence)
                score += predicted.score
                clips += sample.clips.count
                frames += sample.clips.reduce(0) { $0 + $1.frames }
                progress.advance()
            }
            let hashes = fingerprint.directories.map { ($0.name, JSONValue.string($0.shards[number])) }
            let source: JSONValue = [
                "shards": .object(JSONObject(hashes.map { (key: $0, value: $1) })),
                "rows": .array(rows.map { .int($0) }),
            ]
            try writer.write(
                builder.finish(), as: place, key: writer.identity.key(of: source),
                counts: ["clips": .int(clips), "frames": .int(frames), "predicted": score.counts])
        }
        guard report.total.clips > 0 else {
            throw DataError.nothingToTrain(
                path: dataPath, problem: "none of the \(report.rows.count) samples has a target clip to predict",
                remedy: "name others with --id, or check start_index and the roles in the manifest")
        }
        try writer.finish(shards: setup.choice.shards.count)
        return report
    }
}

extension HiggsModel {
    /// One sample with its targets predicted.
    /// - Throws: `SequenceError`, `DataError.row` for labels off their places, `LossError`.
    func predictedSample(
        _ sample: TrainingSample
    ) throws -> (clips: PredictedClips, score: PredictionScore, sequence: MergedSequence) {
        let format = config.sequenceFormat
        let sequence = try MergedSequence(sample, format: format)
        try LabelCheck.check(sample)
        try LabelCheck.check(sequence, delay: format.delay)
        let batch = PackedBatch([sequence], codebooks: config.codebooks)
        let (sums, labels) = try predict(batch)
        let clips = try PredictedClips(sample, batch: batch, labels: labels, format: format)
        let score = PredictionScore(clips, original: sample.clips, sums: sums, labels: labels, format: format)
        return (clips, score, sequence)
    }
}
