// Shards in memory for reading rows in any order within a group. Bounded.

import PipelineKit
import Synchronization

/// Keeps the shards that were used last. Thread-safe; one reader at a time is what it is made for.
final class ShardCache: Sendable {
    private let source: DataSource
    private let format: SequenceFormat
    private let capacity: Int
    /// The numbers of the first rows of shards, and the number of all rows.
    private let bounds: [Int]
    /// Least recently used first.
    private let shards = Mutex<[(number: Int, shard: DataShard)]>([])

    /// - Parameter capacity: how many shards may be held.
    init(_ source: DataSource, format: SequenceFormat, capacity: Int) {
        precondition(capacity >= 1, "a cache holds a shard")
        self.source = source
        self.format = format
        self.capacity = capacity
        bounds = (0..<source.shardCount).map { source.samples.reader.samples(ofShard: $0).lowerBound }
    }

    /// Row `row` of the whole data set.
    func sample(_ row: Int) throws -> TrainingSample {
        precondition((0..<source.rowCount).contains(row), "row \(row) of \(source.rowCount)")
        // The last shard that starts at or before the row.
        var low = 0, high = bounds.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if bounds[middle] <= row { low = middle } else { high = middle }
        }
        let shard = try shard(low)
        return try shard.sample(row - shard.firstRow, format: format)
    }

    /// Samples, expanded and packed.
    func batch(_ rows: [Int]) throws -> PackedBatch {
        try PackedBatch(try rows.map(sample), format: format)
    }

    private func shard(_ number: Int) throws -> DataShard {
        try shards.withLock { shards in
            if let place = shards.firstIndex(where: { $0.number == number }) {
                shards.append(shards.remove(at: place))
            } else {
                let loaded = try source.shard(number)
                if shards.count == capacity { shards.removeFirst() }
                shards.append((number, loaded))
            }
            return shards[shards.count - 1].shard
        }
    }
}
