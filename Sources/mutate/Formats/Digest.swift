// Digests of what files mean, for the comparison of a mutant with the intact file.

import PipelineKit

/// A running digest of values.
struct MeaningDigest {
    private let hash = XXH64()

    var value: UInt64 { hash.digest }

    mutating func add(_ bytes: some Sequence<UInt8>) {
        hash.update(bytes)
        hash.update([0])
    }

    mutating func add(_ text: String) { add(text.utf8) }

    mutating func add<Value: BitwiseCopyable>(values: [Value]) {
        values.withUnsafeBytes { hash.update($0) }
    }

    /// Every column of every row of a shard directory.
    mutating func add(rowsOf directory: String, verifyHashes: Bool = true) throws {
        let reader = try MDSReader(directory: directory, verifyHashes: verifyHashes)
        for column in reader.columns { add(column.name) }
        for number in reader.shards.indices {
            let shard = try reader.shard(number)
            for index in 0..<shard.count {
                let row = try shard.row(index)
                add(try shard.info.configuration.encode(row).bytes)
            }
        }
    }
}
