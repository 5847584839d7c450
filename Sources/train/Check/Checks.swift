// Single questions of the preflight: labels against inputs, room on the disk, one step on a real row.

import Foundation
import PipelineKit

/// Labels stand at the position of the id that they name; the one shift is the loss's. Shards whose labels are shifted
/// already would be trained to predict two ahead.
enum LabelCheck {
    /// How many rows are looked at.
    static let rows = 256

    static func run(_ data: TrainingData) throws {
        let cache = ShardCache(data.source, format: data.format, capacity: 1)
        for row in data.trainingRows.joined().prefix(rows) {
            let sample = try cache.sample(row)
            try check(sample)
            try check(try MergedSequence(sample, format: data.format), delay: data.format.delay)
        }
    }

    /// Labels of codes stand in the cells that hold them, and only where the delay puts a clip's own: codebook k has the
    /// columns k + 1 to k + n + 1 of n frames, the last of them eos. A label one cell early would be predicted two ahead.
    /// - Throws: `DataError.row` that names the cell.
    static func check(_ sequence: MergedSequence, delay: DelayPattern) throws {
        for (clip, (codes, labels)) in zip(sequence.audioOut, sequence.audioLabels).enumerated() {
            guard labels.values.contains(where: { $0 != ignoredLabel }) else { continue }
            let frames = labels.positions - delay.codebooks - 1
            for codebook in 0..<delay.codebooks {
                for column in 0..<labels.positions {
                    let label = labels[codebook, column]
                    let isLabelled = (codebook + 1...codebook + frames + 1).contains(column)
                    if label == (isLabelled ? codes[codebook, column] : ignoredLabel) { continue }
                    throw DataError.row(
                        id: sequence.id,
                        problem:
                            "label \(label) of clip \(clip), codebook \(codebook), column \(column) is off the delay: "
                            + (isLabelled
                                ? "the cell holds \(codes[codebook, column])" : "no code of the clip belongs there"),
                        remedy: "do not train: this is a fault of the program")
                }
            }
        }
    }

    /// - Throws: `DataError.row` for a label that is not the input at its own position.
    static func check(_ sample: TrainingSample) throws {
        let (ids, labels) = (sample.inputIDs, sample.labelIDs)
        let labelled = labels.indices.filter { labels[$0] != ignoredLabel }
        guard let place = labelled.first(where: { labels[$0] != ids[$0] }) else { return }
        let isShifted = labelled.allSatisfy { $0 + 1 < ids.count && labels[$0] == ids[$0 + 1] }
        let problem =
            isShifted
            ? "its labels are shifted already: each is the next input"
            : "label \(labels[place]) at \(place) is not the "
                + "input there, which is \(ids[place])"
        throw DataError.row(
            id: sample.id, problem: problem, remedy: "write labels at their own positions; train shifts them once")
    }
}

/// Whether the checkpoints that a run keeps at once fit on the disk.
enum DiskCheck {
    /// - Throws: `Failure` where there is less room than a fresh run's checkpoints need, or nowhere to write.
    static func run(_ config: TrainConfig, _ room: CheckpointRoom) throws -> String {
        let free = try require(
            room.bytes, for: room.text, near: config.outputDir, remedy: "or lower training.save_total_limit")
        return "\(ByteText.text(free)) free, \(ByteText.text(room.bytes)) for \(room.text)"
    }

    /// Asks for room where a path is or will be.
    /// - Returns: the bytes that are free.
    /// - Throws: `Failure` where there is less room than `needed`, or nowhere to write.
    @discardableResult
    static func require(
        _ needed: Int, for what: String, near path: String, remedy: String = "or name another place"
    ) throws -> Int {
        let place = existingAncestor(of: path)
        guard access(place, W_OK) == 0 else { throw FileError("write in the directory", place) }
        let free = try FreeSpace.available(place)
        guard free > needed else {
            throw Failure(
                .failed, "\(ByteText.text(free)) are free, \(ByteText.text(needed)) are needed for \(what)",
                at: place.escapedForTerminal, remedy: "free some space, \(remedy)")
        }
        return free
    }

    static func existingAncestor(of path: String) -> String {
        var url = URL(fileURLWithPath: path).standardizedFileURL
        while !FileManager.default.fileExists(atPath: url.path), url.path != "/" { url.deleteLastPathComponent() }
        return url.path
    }
}

/// Whether a training step fits into the machine's memory.
enum MemoryCheck {
    /// - Throws: `Failure` where the machine, or the group of processes that this one is confined to, has less than that.
    static func run(_ need: MemoryNeed) throws -> String {
        guard let limit = limitBytes() else { return "\(need.text) needed; how much there is, the system does not say" }
        guard need.total < limit else {
            throw Failure(
                .failed, "\(need.text) are needed, there are \(ByteText.text(limit))",
                remedy: "set training.gradient_checkpointing, lower training.max_batch_tokens, or train a smaller model"
            )
        }
        return "\(need.text) of \(ByteText.text(limit))"
    }

    /// The smaller of the machine's memory and the control group's limit.
    static func limitBytes() -> Int? {
        func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
        let total = text("/proc/meminfo")?.split(separator: "\n").first { $0.hasPrefix("MemTotal:") }
            .flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) }.map { $0 * 1_024 }
        // "max" where the group has no limit.
        let group = text("/sys/fs/cgroup/memory.max").flatMap {
            Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        return [total, group].compactMap(\.self).min()
    }
}

/// Whether what is saved is what is loaded again, on the disk that the run will use.
enum SaveCheck {
    /// Saves the model and a fresh optimizer beside the run directory, loads both, compares the loss of a row to the last
    /// bit, and removes them.
    static func run(_ model: HiggsModel, _ batch: PackedBatch, setup: RunSetup, data: TrainingData) throws -> String {
        let config = setup.config
        let place = DiskCheck.existingAncestor(of: config.outputDir)
        let scratch = "\(place)/.train-check-\(getpid())"
        guard mkdir(scratch, 0o755) == 0 else { throw FileError("create the directory", scratch) }
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        let optimizer = AdamW(model.parameters, options: AdamW.Options(config.training))
        let state = TrainerState(
            step: 0, totalSteps: 0, epoch: 0, stepInEpoch: 0, seed: config.training.seed, configDigest: "",
            data: setup.source.fingerprint, validationBy: data.split.by, owesEvaluation: false,
            threads: ThreadTeam.count,
            windowTokens: 0, windowSeconds: 0)
        try Checkpoint.save(
            model: model, optimizer: optimizer, state: state, base: setup.baseDirectory, in: scratch, name: "final")
        // Loading makes a second model and optimizer, which a large one leaves no room for.
        let need = MemoryNeed(model, activations: 0)
        guard 2 * (need.total - need.mapped) + need.mapped < MemoryCheck.limitBytes() ?? .max else {
            return "saved and read again bit by bit, then removed; no room to load it beside the model"
        }
        let loaded = try Checkpoint.load(scratch + "/final", setup: setup).model
        let options = setup.lossOptions.weighingOnly(batch.labelCounts)
        let (before, after) = (try model.evaluate(batch, loss: options), try loaded.evaluate(batch, loss: options))
        guard before == after else {
            throw Failure(
                .failed, "the loss of a row is \(before.loss(options)), of the saved model \(after.loss(options))",
                at: place.escapedForTerminal, remedy: "do not train: checkpoints would not hold the model")
        }
        return "saved, read again bit by bit, the same loss; then removed"
    }
}

/// One forward and backward pass over a real row.
enum StepCheck {
    static func run(
        _ model: HiggsModel, _ batch: PackedBatch, setup: RunSetup, reference: LossReference
    ) throws -> String {
        model.parameters.zeroGradients()
        let options = setup.lossOptions.weighingOnly(batch.labelCounts)
        let sums = try model.forwardBackward(batch, loss: options, normalizers: batch.labelCounts)
        let norm = model.parameters.gradientNorm()
        guard norm.isFinite, norm > 0 else {
            let tensor = model.parameters.firstNonFiniteTensor().map { ", first in \($0)" } ?? ""
            throw Failure(
                .failed, "the gradient's norm is \(norm)\(tensor)", at: batch.sequences.first?.id.escapedForTerminal,
                remedy: "check the weights of the model")
        }
        let report = LossReport(sums, options: options)
        var finding = "\(RunConsole.losses(report, reference)); gradient norm \(RunConsole.decimal(norm))"
        if let audio = report.audio, case .directory = setup.config.model,
            BaseCheck.isNoBetterThanChance(audio, reference)
        {
            let told = BaseCheck.finding(audio, reference)
            guard !setup.config.training.requirePretrained else {
                throw Failure(.badUsage, told, remedy: "name the model that these codes belong to")
            }
            finding += "; \(told)"
        }
        return finding
    }
}

extension LossOptions {
    /// The same weights without the terms that have no label here: a step of rows without target clips trains the text
    /// alone. That the whole data has labels for each weighed term is checked once, at the start.
    func weighingOnly(_ labels: LabelCounts) -> LossOptions {
        var options = self
        if labels.text == 0 { options.textLossWeight = 0 }
        if labels.codebooks.allSatisfy({ $0 == 0 }) { options.audioLossWeight = 0 }
        return options
    }
}
