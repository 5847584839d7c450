// `train run` from a config to its summary: setup, run directory, the pass over the data, the run.

import Foundation
import PipelineKit

/// One call of `train run`.
struct TrainSession {
    let config: TrainConfig
    let mode: RunMode
    /// Threads that were asked for; nil: one a core.
    var threads: Int?
    var hooks = TrainRun.Hooks()

    /// Runs to the end.
    /// - Returns: the summary for stdout.
    func run() throws -> String {
        _ = try Ranks.check()
        let recorded = mode.resumes ? RunDirectory.recordedComputeType(config.outputDir) : nil
        var setup = try RunSetup(config, recorded: recorded)
        for note in setup.notes { Console.log.info("\(note)") }
        let directory = try RunDirectory(path: config.outputDir)
        if let warning = setup.textWarning { Console.log.warning("\(warning)") }
        let start = try directory.start(
            mode: mode, config: setup.config, data: setup.source.fingerprint, text: setup.records.text)
        if case .finished(let state) = start { return try touch(directory, state) }
        if case .checkpoint = start {} else { setup.chooseComputeType() }
        try setup.frozenCompute.check()
        var by = config.training.validationBy
        if case .checkpoint(_, let state) = start { by = state.validationBy }
        let data = try TrainingData(
            setup.source, format: setup.format, validationFraction: config.training.validationFraction,
            validationBy: by, workers: threads ?? ComputeThreads.cores)
        try setup.check(labels: data.labels)
        try data.check(maxBatchTokens: config.training.maxBatchTokens)
        try checkRoom(setup, data, directory, start)
        try directory.prepare(start, config: setup.config)
        let count = ComputeThreads.apply(asked: threads)
        if case .checkpoint(_, let state) = start, state.threads != count {
            Console.log.warning(
                "the run went by \(state.threads) threads so far, now by \(count): its last bits will differ")
        }
        let run = try TrainRun(setup, data: data, directory: directory, start: start, hooks: hooks)
        try run.run()
        return try summary(directory)
    }

    /// Whether there is room for the checkpoints to come. A run that is moved aside keeps its own.
    private func checkRoom(
        _ setup: RunSetup, _ data: TrainingData, _ directory: RunDirectory, _ start: RunDirectory.Start
    ) throws {
        var present = 0
        if case .checkpoint = start { present = CheckpointName.all(in: directory.path).count }
        try CheckpointRoom(setup, data, present: present).check(directory.path)
    }

    /// A finished run with the same config and data is done; its file becomes new for make.
    private func touch(_ directory: RunDirectory, _ state: TrainerState) throws -> String {
        let path = directory.finalPath + "/" + TrainerState.fileName
        guard utimensat(AT_FDCWD, path, nil, 0) == 0 else { throw FileError("touch", path) }
        return "\(directory.finalPath.escapedForTerminal): already trained, \(state.step) steps"
    }

    /// The last losses and where things lie.
    private func summary(_ directory: RunDirectory) throws -> String {
        var lines = ["\(directory.finalPath.escapedForTerminal): trained"]
        let bytes = try MappedFile(path: directory.metricsPath).withBytes { Array($0) }
        let all = try bytes.split(separator: UInt8(ascii: "\n")).map { try JSONValue(parsing: $0) }
        func text(_ line: JSONValue?, _ prefix: String) -> String? {
            guard let line, let loss = line[prefix + "loss"]?.doubleValue else { return nil }
            var parts = ["loss \(RunConsole.decimal(loss))"]
            for term in ["text", "audio"] {
                guard let value = line["\(prefix)\(term)_loss"]?.doubleValue else { continue }
                let chance = line["chance_\(term)"]?.doubleValue.map { "chance \(RunConsole.decimal($0))" }
                let unigram = line["unigram_\(term)"]?.doubleValue.map { "unigram \(RunConsole.decimal($0))" }
                let beside = [chance, unigram].compactMap(\.self).joined(separator: ", ")
                parts.append("\(term) \(RunConsole.decimal(value)) (\(beside))")
            }
            return parts.joined(separator: ", ")
        }
        let training = all.filter { $0["loss"] != nil }
        if let first = text(training.first, "") { lines.append("  first step: \(first)") }
        if let last = text(training.last, "") { lines.append("  last step:  \(last)") }
        if let last = text(all.last { $0["validation_loss"] != nil }, "validation_") {
            lines.append("  validation: \(last)")
        }
        if let claim = try AdapterProof.Claim(directory: directory.finalPath) {
            lines.append("  adapter:    \(claim.text)")
        }
        lines.append("  metrics:    \(directory.metricsPath.escapedForTerminal)")
        return lines.joined(separator: "\n")
    }
}

extension TrainingData {
    /// Each row must fit into a micro-batch.
    /// - Throws: `DataError.row` for the first that does not.
    func check(maxBatchTokens: Int?) throws {
        guard let maxBatchTokens, let row = lengths.firstIndex(where: { $0 > maxBatchTokens }) else { return }
        let shard = ShardCache(source, format: format, capacity: 1)
        throw DataError.row(
            id: try shard.sample(row).id,
            problem: "\(lengths[row]) positions, over training.max_batch_tokens, which is \(maxBatchTokens)",
            remedy: "raise training.max_batch_tokens to \(lengths.max() ?? 0) at least, or leave it out")
    }
}
