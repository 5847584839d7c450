// In which order an epoch reads the rows: a pure function of seed and epoch, so that a run that goes on after a stop
// repeats nothing and skips nothing. Not the packing into batches, see StepPlan.swift.

import PipelineKit

/// The order of the rows.
struct SampleOrder: Sendable {
    /// Shards are permuted; rows are permuted within so many neighbouring shards, all of which a reader holds at once.
    static let shardsPerGroup = 16

    /// The rows to read of each shard, by their number in the whole data set, ascending.
    let shards: [[Int]]
    let seed: Int
    /// false: shards and rows as they lie, in each epoch.
    let isShuffled: Bool

    var rowCount: Int { shards.reduce(0) { $0 + $1.count } }

    /// All rows in the order of `epoch` (from 0).
    ///
    /// SplitMix64 seeded with the run's seed and the epoch permutes the shards that have rows; a second stream, by
    /// group, permutes the rows of each group of `shardsPerGroup` shards.
    func rows(epoch: Int) -> [Int] {
        precondition(epoch >= 0, "epochs count from 0")
        guard isShuffled else { return shards.flatMap(\.self) }
        var order = shards.indices.filter { !shards[$0].isEmpty }
        var generator = SplitMix64(seed: UInt64(seed), streams: [UInt64(epoch), 0])
        generator.shuffle(&order)
        var rows: [Int] = []
        rows.reserveCapacity(rowCount)
        for (group, start) in stride(from: 0, to: order.count, by: Self.shardsPerGroup).enumerated() {
            var members = order[start..<min(start + Self.shardsPerGroup, order.count)].flatMap { shards[$0] }
            var generator = SplitMix64(seed: UInt64(seed), streams: [UInt64(epoch), UInt64(group) + 1])
            generator.shuffle(&members)
            rows += members
        }
        return rows
    }
}
