// Turns planned steps into packed batches, one step ahead of the computation.

import PipelineKit

/// The batches of one optimizer step.
struct LoadedStep: Sendable {
    let plan: PlannedStep
    let batches: [PackedBatch]

    /// Labels of the whole step: what its losses are means over.
    let labels: LabelCounts
    var tokens: Int { batches.reduce(0) { $0 + $1.positions } }
    /// The ids of all rows.
    var rows: [String] { batches.flatMap { $0.sequences.map(\.id) } }
}

/// Loads steps on a second thread. At most two are in memory: the one that is computed and the next.
struct StepLoader: Sendable {
    let plan: StepPlan
    let cache: ShardCache

    init(_ data: TrainingData, plan: StepPlan) {
        self.plan = plan
        // A group of shards is read in any order; the next group's first shard may come while the last is still used.
        cache = ShardCache(data.source, format: data.format, capacity: SampleOrder.shardsPerGroup + 1)
    }

    /// Loads the steps from `first` up to `end` and gives them to `body` in order, on the caller's thread.
    ///
    /// An error of loading a step comes when the steps before it are done.
    func forEachStep(from first: Int, to end: Int, _ body: (LoadedStep) throws -> Void) throws {
        guard first < end else { return }
        var cursor = StepCursor(plan, at: first)
        var fed = first
        let cache = cache
        try orderedMap(workers: 1, window: 2) {
            guard fed < end else { return nil }
            fed += 1
            return cursor.advance()
        } transform: { planned in
            try Self.load(planned, cache: cache)
        } drain: {
            try body($0)
        }
    }

    private static func load(_ planned: PlannedStep, cache: ShardCache) throws -> LoadedStep {
        let batches = try planned.microBatches.map(cache.batch)
        var labels = batches[0].labelCounts
        for batch in batches.dropFirst() { labels += batch.labelCounts }
        return LoadedStep(plan: planned, batches: batches, labels: labels)
    }
}
