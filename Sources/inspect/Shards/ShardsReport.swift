// One MDS directory: its shards, columns and bytes, and what the stage that made it recorded.

import Foundation
import PipelineKit

/// What a shard directory holds.
struct ShardsReport: Report {
    let reader: MDSReader
    /// nil for directories that sawt did not write.
    let stage: StageRecord?
    /// Of a codes directory, where it was asked for.
    private let codes: CodeStatistics?

    /// - Parameter countingCodes: reads every row of a codes directory and shows how its codebooks are used.
    init(directory: String, countingCodes: Bool = false) throws {
        reader = try MDSReader(directory: directory)
        stage = try StageRecord(directory: directory)
        codes = countingCodes ? try CodeStatistics(reader, record: stage?.record("codec")) : nil
    }

    var rawBytes: Int { reader.shards.reduce(0) { $0 + $1.raw.byteCount } }
    var storedBytes: Int { reader.shards.reduce(0) { $0 + $1.stored.byteCount } }

    /// The compression that the shards state, or `none`.
    var compression: String { reader.shards.first?.configuration.compression ?? "none" }

    /// The number of the sample with `id`, by a scan over the ids, compared as bytes.
    ///
    /// - Throws: `Failure` (bad usage) where no sample has the id.
    func sampleNumber(ofID id: String) throws -> Int {
        let wanted = Array(id.utf8)
        for number in reader.shards.indices {
            try Interrupt.check()
            let shard = try reader.shard(number)
            for index in 0..<shard.count {
                let isWanted = try shard.sample(index).withStoredBytes("id") { $0.elementsEqual(wanted) }
                if isWanted { return reader.samples(ofShard: number).lowerBound + index }
            }
        }
        throw Failure(
            .badUsage, "no sample has the id '\(id.escapedForTerminal)'", at: reader.directory.escapedForTerminal,
            remedy: "a rejected row stands in rejects.jsonl; --sample N shows a sample by number")
    }

    var text: String {
        var lines = [
            "\(reader.directory.escapedForTerminal): \(counted(reader.sampleCount, "sample")) in "
                + "\(counted(reader.shards.count, "shard")), \(bytesText(rawBytes)) raw, \(bytesText(storedBytes)) stored "
                + "(\(compression.escapedForTerminal))"
        ]
        var columns = Table([("column", .left), ("encoding", .left), ("bytes a value", .right)])
        for column in reader.columns {
            columns.add([column.name, column.encoding.name, column.fixedSize.map(String.init) ?? "varies"])
        }
        lines.append(columns.rendered(indent: 2))
        var shards = Table([
            ("shard", .left), ("samples", .right), ("raw", .right), ("stored", .right), ("xxh64", .left),
        ])
        let shown = reader.shards.count <= 24 ? reader.shards[...] : reader.shards[..<20]
        for shard in shown {
            shards.add([
                shard.stored.basename, countText(shard.sampleCount), bytesText(shard.raw.byteCount),
                bytesText(shard.stored.byteCount), shard.stored.xxh64 ?? "none",
            ])
        }
        lines.append(shards.rendered(indent: 2))
        if shown.count < reader.shards.count {
            lines.append("  … and \(reader.shards.count - shown.count) more shards")
        }
        if let codes { lines.append(codes.text) }
        if let stage { lines.append(stage.table.rendered(indent: 2)) }
        if let text = stage?.textReport { lines.append(text.lines.joined(separator: "\n")) }
        return lines.joined(separator: "\n\n")
    }

    var json: JSONObject {
        var object: JSONObject = [
            "kind": "shards", "samples": .int(reader.sampleCount), "shards": .int(reader.shards.count),
            "raw_bytes": .int(rawBytes), "stored_bytes": .int(storedBytes), "compression": .string(compression),
            "columns": .object(JSONObject(reader.columns.map { (key: $0.name, value: .string($0.encoding.name)) })),
            "index_digest": .string(reader.indexDigest),
        ]
        object["codes"] = codes?.json
        object["stage"] = stage.map { .object($0.json) }
        return object
    }
}
