// Audio directories as ingest writes them, from clips that a test has made.

import Foundation
import PipelineKit

/// One sample of a synthetic audio directory.
public struct AudioSample {
    public var id: String
    /// Role (0 in, 1 out) and encoded bytes of each clip.
    public var clips: [(role: UInt8, bytes: [UInt8])]

    public init(_ id: String, _ clips: [(role: UInt8, bytes: [UInt8])]) {
        self.id = id
        self.clips = clips
    }

    /// The row that ingest would store.
    public var row: MDSRow {
        MDSRow([
            ("id", .str(id)), ("audio", .bytes(clips.flatMap(\.bytes))),
            (
                "audio_offsets",
                .array(clips.reduce(into: [Int64(0)]) { $0.append($0[$0.count - 1] + Int64($1.bytes.count)) })
            ),
            ("audio_roles", .array(clips.isEmpty ? [0] : clips.map(\.role))),
        ])
    }
}

/// Writes a finished audio directory, `shardSamples` samples a shard.
public func writeAudioDirectory(_ path: String, _ samples: [AudioSample], shardSamples: Int = 4) throws {
    let columns = [
        MDSColumn(name: "id", encoding: .str), MDSColumn(name: "audio", encoding: .bytes),
        MDSColumn(name: "audio_offsets", encoding: .ndarray(type: .int64, shape: nil)),
        MDSColumn(name: "audio_roles", encoding: .ndarray(type: .uint8, shape: nil)),
    ]
    let configuration = MDSConfiguration(columns: columns, compression: .zstd(level: 1))
    let identity = StageIdentity(stage: "ingest", outputVersion: 1, options: [:], input: ["digest": "test"])
    let writer = try ShardDirectoryWriter(
        directory: path, identity: identity, configuration: configuration, replace: true)
    var number = 0
    for start in stride(from: 0, to: samples.count, by: shardSamples) {
        let builder = MDSShardBuilder(configuration: configuration)
        for sample in samples[start..<min(start + shardSamples, samples.count)] { try builder.append(sample.row) }
        let key = XXH64.hash(samples[start].row.bytesForKey).hexDigits
        try writer.write(try builder.finish(), as: number, key: key, counts: [:])
        number += 1
    }
    try writer.finish(shards: number)
}

extension MDSRow {
    fileprivate var bytesForKey: [UInt8] { (try? bytes("audio")) ?? [] }
}

/// The names and bytes of all files of a directory that are not hidden.
public func directoryContent(_ path: String) throws -> [String: [UInt8]] {
    var result: [String: [UInt8]] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: path) where !name.hasPrefix(".") {
        let file = try MappedFile(path: path + "/" + name)
        result[name] = file.withBytes { Array($0) }
    }
    return result
}
