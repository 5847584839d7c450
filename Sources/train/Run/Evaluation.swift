// The losses on the validation rows, in a fixed order, without gradients; and how much worse the targets are predicted
// with another row's reference or text.

import PipelineKit

/// What an evaluation found.
struct EvaluationReport: Sendable, Equatable {
    /// Means over all labels of the validation rows.
    var losses: LossReport
    /// The audio loss of the exchanged rows with another row's references, less that with their own; nil where no two
    /// rows can be exchanged.
    var referenceSwapDelta: Double?
    /// The same with another row's text.
    var textSwapDelta: Double?
}

/// Validation rows, ready to be evaluated again and again.
struct Evaluation: Sendable {
    private let batches: [[Int]]
    private let cache: ShardCache
    private let format: SequenceFormat
    private let rowCount: Int
    private let batchSize: Int
    private let maxBatchTokens: Int?
    let swaps: SwapPlan

    var hasRows: Bool { !batches.isEmpty }

    init(_ data: TrainingData, training: TrainingOptions) {
        // As they lie, so that few shards at a time are enough; packed as training is.
        let order = SampleOrder(shards: data.validationRows, seed: 0, isShuffled: false)
        let plan = StepPlan(
            order: order, lengths: data.lengths, batchSize: training.batchSize,
            maxBatchTokens: training.maxBatchTokens, accumulationSteps: 1)
        batches = order.rowCount == 0 ? [] : plan.steps(epoch: 0).flatMap(\.microBatches)
        // A row and its lender mostly lie in the same shard or in neighbouring ones.
        cache = ShardCache(data.source, format: data.format, capacity: 3)
        format = data.format
        rowCount = order.rowCount
        batchSize = training.batchSize
        maxBatchTokens = training.maxBatchTokens
        swaps = SwapPlan(data.swapKeys)
    }

    private struct StopRequested: Error {}

    /// Evaluates all rows; nil where a stop was asked for before the end.
    func run(
        _ model: HiggsModel, options: LossOptions, isStopRequested: () -> Bool
    ) throws -> EvaluationReport? {
        func evaluate(_ batch: PackedBatch) throws -> LossSums {
            if isStopRequested() { throw StopRequested() }
            return try model.evaluate(batch, loss: options)
        }
        let codebooks = format.delay.codebooks
        do {
            var sums = LossSums(codebooks: codebooks)
            for rows in batches { sums += try evaluate(try cache.batch(rows)) }
            func delta(
                _ pairs: [SwapPlan.Pair], _ exchange: (TrainingSample, TrainingSample) -> TrainingSample
            ) throws -> Double? {
                guard !pairs.isEmpty, options.audioLossWeight != 0 else { return nil }
                var plain = sums, exchanged = LossSums(codebooks: codebooks)
                if pairs.count != rowCount {
                    plain = LossSums(codebooks: codebooks)
                    try forEachBatch(of: pairs) { row, _ in
                        row
                    } body: {
                        plain += try evaluate($0)
                    }
                }
                try forEachBatch(of: pairs, exchange) { exchanged += try evaluate($0) }
                guard let before = plain.audioLoss(options), let after = exchanged.audioLoss(options) else {
                    return nil
                }
                return after - before
            }
            return EvaluationReport(
                losses: LossReport(sums, options: options),
                referenceSwapDelta: try delta(swaps.references) { $0.borrowingReferences(of: $1, format: format) },
                textSwapDelta: try delta(swaps.texts) { $0.borrowingText(of: $1) })
        } catch is StopRequested {
            return nil
        }
    }

    /// Builds a row from each pair and packs them as training does. A row that grew beyond the bound on tokens stands
    /// alone; without gradients it takes far less memory than a training batch.
    private func forEachBatch(
        of pairs: [SwapPlan.Pair], _ exchange: (TrainingSample, TrainingSample) -> TrainingSample,
        body: (PackedBatch) throws -> Void
    ) throws {
        var waiting: [MergedSequence] = []
        func flush() throws {
            if !waiting.isEmpty { try body(PackedBatch(waiting, codebooks: format.delay.codebooks)) }
            waiting = []
        }
        for pair in pairs {
            let row = exchange(try cache.sample(pair.row), try cache.sample(pair.lender))
            let sequence = try MergedSequence(row, format: format)
            let tokens = waiting.reduce(sequence.count) { $0 + $1.count }
            if waiting.count == batchSize || maxBatchTokens.map({ tokens > $0 }) ?? false { try flush() }
            waiting.append(sequence)
        }
        try flush()
    }
}
