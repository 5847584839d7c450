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
        for row in data.trainingRows.joined().prefix(rows) { try check(try cache.sample(row)) }
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
    /// Model and two moments of the optimizer, as 32-bit floats.
    static func checkpointBytes(parameters: Int, trained: Int) -> Int { 4 * parameters + 8 * trained }

    /// - Throws: `Failure` where there is less room than `needed`, or nowhere to write.
    static func run(_ config: TrainConfig, parameters: Int, trained: Int) throws -> String {
        let training = config.training
        // final/, those that are kept, and the one that is being written before an old one goes.
        let count = training.saveSteps == nil ? 1 : 2 + (training.saveTotalLimit ?? 1)
        let needed = count * checkpointBytes(parameters: parameters, trained: trained)
        let place = existingAncestor(of: config.outputDir)
        guard access(place, W_OK) == 0 else { throw FileError("write in the directory", place) }
        var status = statvfs()
        guard statvfs(place, &status) == 0 else { throw FileError("ask for free space", place) }
        let free = Int(
            clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
        guard free > needed else {
            throw Failure(
                .failed, "\(megabytes(free)) are free, \(count) checkpoints need \(megabytes(needed))",
                at: place.escapedForTerminal, remedy: "free some space, or lower training.save_total_limit")
        }
        return "\(megabytes(free)) free, \(megabytes(needed)) for \(count) checkpoints"
    }

    static func existingAncestor(of path: String) -> String {
        var url = URL(fileURLWithPath: path).standardizedFileURL
        while !FileManager.default.fileExists(atPath: url.path), url.path != "/" { url.deleteLastPathComponent() }
        return url.path
    }

    private static func megabytes(_ bytes: Int) -> String {
        String(format: bytes < 10_000_000 ? "%.1f MB" : "%.0f MB", Double(bytes) / 1e6)
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
