// Which rows each optimizer step trains on: micro-batches packed from known lengths, grouped by accumulation. A pure
// function of the order, the lengths and three options; steps never cross an epoch.

/// The place of one optimizer step.
struct PlannedStep: Sendable, Equatable {
    /// From 0.
    var epoch: Int
    /// The step's number within its epoch, from 0.
    var stepInEpoch: Int
    /// Rows of each micro-batch, by their number in the data set.
    var microBatches: [[Int]]
    /// Rows of the epoch that are trained once this step is done.
    var rowsDone: Int
}

/// Packs an epoch's rows into steps.
struct StepPlan: Sendable {
    let order: SampleOrder
    /// Positions of each row after expansion, by its number in the data set.
    let lengths: [Int]
    let batchSize: Int
    let maxBatchTokens: Int?
    let accumulationSteps: Int

    /// The steps of one epoch.
    ///
    /// A micro-batch takes rows in order until the next would exceed `batchSize` sequences or `maxBatchTokens`
    /// positions; `accumulationSteps` of them make a step, and the epoch's last step may have fewer.
    func steps(epoch: Int) -> [PlannedStep] {
        var microBatches: [[Int]] = []
        var batch: [Int] = []
        var tokens = 0
        for row in order.rows(epoch: epoch) {
            let isFull = batch.count == batchSize || maxBatchTokens.map { tokens + lengths[row] > $0 } ?? false
            if isFull, !batch.isEmpty {
                microBatches.append(batch)
                batch = []
                tokens = 0
            }
            batch.append(row)
            tokens += lengths[row]
        }
        if !batch.isEmpty { microBatches.append(batch) }
        var rowsDone = 0
        return stride(from: 0, to: microBatches.count, by: accumulationSteps).enumerated().map { number, start in
            let group = Array(microBatches[start..<min(start + accumulationSteps, microBatches.count)])
            rowsDone += group.reduce(0) { $0 + $1.count }
            return PlannedStep(epoch: epoch, stepInEpoch: number, microBatches: group, rowsDone: rowsDone)
        }
    }

    /// How many steps an epoch has.
    func stepCount(epoch: Int) -> Int {
        // Without a bound on tokens the order does not matter.
        guard maxBatchTokens != nil else {
            let microBatches = (order.rowCount + batchSize - 1) / batchSize
            return (microBatches + accumulationSteps - 1) / accumulationSteps
        }
        return steps(epoch: epoch).count
    }

    /// How many steps a run has: whichever of `epochs` and `maxSteps` ends first.
    func totalSteps(epochs: Int?, maxSteps: Int?) -> Int {
        precondition(epochs != nil || maxSteps != nil, "a run without an end")
        precondition(order.rowCount > 0, "a run without rows")
        guard let epochs else { return maxSteps ?? 0 }
        // Without a bound on tokens all epochs have the same number.
        if maxBatchTokens == nil {
            let (all, overflow) = epochs.multipliedReportingOverflow(by: stepCount(epoch: 0))
            return min(overflow ? .max : all, maxSteps ?? .max)
        }
        var total = 0
        for epoch in 0..<epochs {
            total += stepCount(epoch: epoch)
            if let maxSteps, total >= maxSteps { return maxSteps }
        }
        return total
    }
}

/// Walks the steps of a run, epoch after epoch, from any step on.
struct StepCursor: Sendable {
    let plan: StepPlan
    private var epoch = 0
    private var steps: [PlannedStep]
    private var next = 0

    /// Starts at optimizer step `step` of the run (from 0).
    init(_ plan: StepPlan, at step: Int) {
        self.plan = plan
        steps = plan.steps(epoch: 0)
        var rest = step
        while rest >= steps.count {
            rest -= steps.count
            epoch += 1
            steps = plan.steps(epoch: epoch)
        }
        next = rest
    }

    /// The next step; there is always one, the run says when it ends.
    mutating func advance() -> PlannedStep {
        if next == steps.count {
            epoch += 1
            steps = plan.steps(epoch: epoch)
            next = 0
        }
        defer { next += 1 }
        return steps[next]
    }
}
