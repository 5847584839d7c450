// What a run will cost, before its first step: parameters, tokens, memory, and time from a short measurement.

import Foundation
import PipelineKit

/// Bytes that training holds at once.
struct MemoryNeed: Sendable, Equatable {
    var weights: Int
    /// Weights that are read where they lie in mapped files, in their own type. The system may drop their pages and read
    /// them again, which is slow: they should fit, too.
    var mapped: Int
    var gradients: Int
    /// Two moments of each trained parameter.
    var optimizer: Int
    /// The arena of the largest micro-batch.
    var activations: Int

    var total: Int { weights + mapped + gradients + optimizer + activations }

    /// Weights that are held, gradients and moments are 32-bit floats.
    init(held: Int, mapped: Int, trained: Int, activations: Int) {
        weights = 4 * held
        self.mapped = mapped
        gradients = 4 * trained
        optimizer = 8 * trained
        self.activations = activations
    }

    init(_ model: HiggsModel, activations: Int) {
        let entries = model.parameters.entries
        self.init(
            held: entries.reduce(0) { $0 + ($1.mapped == nil ? $1.count : 0) }, mapped: model.parameters.mappedBytes,
            trained: model.parameters.trainedCount, activations: activations)
    }

    /// Of a model that is not loaded yet, without activations.
    init(_ tensors: [TensorPlan]) {
        func count(_ isCounted: (TensorPlan) -> Bool) -> Int {
            tensors.reduce(0) { $0 + (isCounted($1) ? $1.shape.reduce(1, *) : 0) }
        }
        self.init(
            held: count { $0.mapped == nil }, mapped: tensors.reduce(0) { $0 + ($1.mapped?.bytes.count ?? 0) },
            trained: count(\.isTrained), activations: 0)
    }

    /// `61.4 MB (weights 6.4 MB, …)`.
    var text: String {
        func size(_ bytes: Int) -> String { ByteText.text(bytes) }
        let base = mapped == 0 ? "" : "mapped base \(size(mapped)), "
        return
            "\(size(total)) (\(base)weights \(size(weights)), gradients \(size(gradients)), optimizer \(size(optimizer)), "
            + "activations \(size(activations)))"
    }
}

enum ByteText {
    /// Decimal units, as disks and `free --si` have them.
    static func text(_ bytes: Int) -> String {
        let value = Double(bytes)
        if value >= 1e10 { return String(format: "%.0f GB", value / 1e9) }
        if value >= 1e9 { return String(format: "%.1f GB", value / 1e9) }
        return String(format: value < 1e7 ? "%.1f MB" : "%.0f MB", value / 1e6)
    }
}

/// The cost of the steps to come.
struct CostEstimate {
    let parameters: Int
    let trained: Int
    let steps: Int
    /// Positions of all steps to come, after the mean of an epoch.
    let tokens: Int
    let memory: MemoryNeed
    /// Forward and backward of a middling micro-batch; nil where its loss is no number, which the run itself reports.
    let tokensPerSecond: Double?

    /// Measures on micro-batches of the first epoch. Gradients are left at 0.
    init(_ model: HiggsModel, data: TrainingData, plan: StepPlan, options: LossOptions, steps: Int) throws {
        let cache = ShardCache(data.source, format: data.format, capacity: 1)
        let sizes = Self.microBatches(plan)
        parameters = model.parameters.parameterCount
        trained = model.parameters.trainedCount
        self.steps = steps
        tokens = steps * data.trainingTokens / max(1, plan.stepCount(epoch: 0))
        memory = MemoryNeed(model, activations: model.activationBytes(try cache.batch(sizes[sizes.count - 1].rows)))
        tokensPerSecond = try Self.measure(model, try cache.batch(sizes[sizes.count / 2].rows), options: options)
    }

    /// The micro-batches of the first epoch, the one with the fewest positions first.
    static func microBatches(_ plan: StepPlan) -> [(rows: [Int], positions: Int)] {
        plan.steps(epoch: 0).flatMap(\.microBatches)
            .map { rows in (rows, rows.reduce(0) { $0 + plan.lengths[$1] }) }
            .sorted { $0.positions < $1.positions }
    }

    private static func measure(_ model: HiggsModel, _ batch: PackedBatch, options: LossOptions) throws -> Double? {
        defer { model.parameters.zeroGradients() }
        var seconds = 0.0
        do {
            // The first pass pays for fresh memory and sleeping threads; where passes are short, the second counts.
            for _ in 0..<2 where seconds < 1 {
                let start = ContinuousClock.now
                _ = try model.forwardBackward(
                    batch, loss: options.weighingOnly(batch.labelCounts), normalizers: batch.labelCounts)
                seconds = (ContinuousClock.now - start).seconds
            }
        } catch LossError.notFinite {
            return nil
        }
        return Double(batch.positions) / max(seconds, 1e-9)
    }

    /// One line for each.
    var lines: [String] {
        var lines = [
            "\(trained) of \(parameters) parameters trained, \(steps) steps, about \(tokens) tokens",
            "memory: \(memory.text) beside the shards in hand",
        ]
        if let tokensPerSecond {
            let time = Progress.clock(Double(tokens) / tokensPerSecond)
            lines.append(
                "time: about \(time) at \(Int(tokensPerSecond)) tokens/s, evaluation and saving not counted")
        }
        return lines
    }
}
