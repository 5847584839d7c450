// MDS directories: the shards, raw and compressed, with and without hashes, the index, and the sidecars of a stage.

import Foundation
import PipelineKit

extension Format {
    /// Rows are read through `MDSReader`, as every stage and the trainer do.
    static let shards: [Format] = [
        Format(
            name: "MDS shard, raw", folder: "mds/plain", file: "shard.00000.mds", kind: .binary, isChecked: true,
            open: rows),
        Format(
            name: "MDS shard, zstd", folder: "mds/zstd", file: "shard.00000.mds.zstd", kind: .binary, isChecked: true,
            open: rows),
        Format(
            name: "MDS shard, raw, no hashes", folder: "mds/plain-bare", file: "shard.00000.mds", kind: .binary,
            open: rows),
        Format(
            name: "MDS shard, zstd, no hashes", folder: "mds/zstd-bare", file: "shard.00000.mds.zstd", kind: .binary,
            open: rows),
        Format(name: "index.json, raw", folder: "mds/plain", file: "index.json", kind: .text, open: rows),
        Format(name: "index.json, zstd", folder: "mds/zstd", file: "index.json", kind: .text, open: rows),
        Format(
            name: "stored clips, no hashes", folder: "bare/audio", file: "shard.00000.mds", kind: .binary,
            open: storedClips),
        Format(
            name: "sidecar", folder: "work/codes", file: "shard.00000.json", kind: .text, isChecked: true, writes: true,
            weight: 2, open: resumedStage),
    ]

    private static let rows: @Sendable (Place) throws -> UInt64 = { place in
        var digest = MeaningDigest()
        try digest.add(rowsOf: place.folder)
        return digest.value
    }

    private static let storedClips: @Sendable (Place) throws -> UInt64 = { place in
        var digest = MeaningDigest()
        let reader = try MDSReader(directory: place.folder)
        for number in 0..<reader.sampleCount {
            let row = try reader.row(number)
            digest.add(try row.string("id"))
            for clip in try StoredClip.clips(of: row) {
                let decoder = try AudioDecoder(bytes: clip.bytes, source: "\(reader.directory), sample \(number)")
                digest.add(values: try decoder.decodeMono(maximumFrames: 1 << 20))
            }
        }
        return digest.value
    }

    /// What a stage that goes on does with the sidecars that it finds: believes them, or makes the shard anew, which is a
    /// refusal here. Then it writes record and index from them.
    private static let resumedStage: @Sendable (Place) throws -> UInt64 = { place in
        let intact = place.material.folder("work/codes")
        guard let record = try StageRecord(directory: intact),
            let configuration = try MDSReader(directory: intact).shards.first?.configuration
        else { throw Fault(verdict: .broken, detail: "the material has no stage record") }
        let writer = try ShardDirectoryWriter(
            directory: place.folder, identity: record.identity, configuration: configuration, replace: true)
        guard let sidecar = try writer.sidecar(0) else {
            throw Failure(.badData, "made anew", at: place.file)
        }
        try writer.finish(shards: 1)
        var digest = MeaningDigest()
        digest.add(sidecar.key)
        try digest.add(rowsOf: place.folder)
        for name in [StageRecord.basename, MDSIndex.basename] {
            digest.add(try MappedFile(path: "\(place.folder)/\(name)").withBytes { Array($0) })
        }
        return digest.value
    }
}
