// The losses on the validation rows, in a fixed order, without gradients.

import PipelineKit

/// Validation rows, ready to be evaluated again and again.
struct Evaluation: Sendable {
    private let batches: [[Int]]
    private let cache: ShardCache

    var hasRows: Bool { !batches.isEmpty }

    init(_ data: TrainingData, training: TrainingOptions) {
        // As they lie, so that one shard at a time is enough; packed as training is.
        let order = SampleOrder(shards: data.validationRows, seed: 0, isShuffled: false)
        let plan = StepPlan(
            order: order, lengths: data.lengths, batchSize: training.batchSize,
            maxBatchTokens: training.maxBatchTokens, accumulationSteps: 1)
        batches = order.rowCount == 0 ? [] : plan.steps(epoch: 0).flatMap(\.microBatches)
        cache = ShardCache(data.source, format: data.format, capacity: 1)
    }

    /// Means over all labels of the validation rows; nil where a stop was asked for before the end.
    func run(
        _ model: HiggsModel, options: LossOptions, codebooks: Int, isStopRequested: () -> Bool
    ) throws -> LossReport? {
        var sums = LossSums(codebooks: codebooks)
        for rows in batches {
            if isStopRequested() { return nil }
            sums += try model.evaluate(try cache.batch(rows), loss: options)
        }
        return LossReport(sums, options: options)
    }
}
