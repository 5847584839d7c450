// index.json: what shards a directory holds (mosaicml-streaming 0.13, format/base/writer.py, `_write_index`).

import Foundation

/// A shard file as the index describes it.
public struct MDSFileInfo: Sendable, Equatable {
    /// A plain name within the directory.
    public let basename: String
    public let byteCount: Int
    /// The XXH64 in 16 hexadecimal digits; nil where the writer stored none. Other hashes are not read.
    public let xxh64: String?

    var json: JSONValue {
        [
            "basename": .string(basename), "bytes": .int(byteCount),
            "hashes": xxh64.map { ["xxh64": .string($0)] } ?? [:],
        ]
    }
}

/// An entry of the index: one shard.
public struct MDSShardInfo: Sendable, Equatable {
    public let configuration: MDSConfiguration
    /// The raw shard.
    public let raw: MDSFileInfo
    /// The compressed shard, which then is the one that exists.
    public let zip: MDSFileInfo?
    public let sampleCount: Int

    /// The file that lies in the directory.
    public var stored: MDSFileInfo { zip ?? raw }

    /// The entry as it stands in an index.
    public var json: JSONValue {
        var object = configuration.json
        object["raw_data"] = raw.json
        object["samples"] = .int(sampleCount)
        object["zip_data"] = zip?.json ?? .null
        return .object(object)
    }

    init(configuration: MDSConfiguration, raw: MDSFileInfo, zip: MDSFileInfo?, sampleCount: Int) {
        self.configuration = configuration
        self.raw = raw
        self.zip = zip
        self.sampleCount = sampleCount
    }

    /// Reads an entry.
    /// - Throws: `MDSError` for anything that no writer would write; sizes and names are safe to use afterwards.
    public init(json: JSONValue) throws {
        configuration = try MDSConfiguration(json: json)
        raw = try Self.file(json["raw_data"], "raw_data")
        let zipEntry = json["zip_data"] ?? .null
        zip = zipEntry.isNull ? nil : try Self.file(zipEntry, "zip_data")
        guard (zip == nil) == (configuration.compression == nil) else {
            throw MDSError("'compression' and 'zip_data' contradict each other")
        }
        // A raw shard spends 4 bytes on the number of samples and 4 on each offset.
        guard let count = json["samples"]?.intValue, count >= 0, raw.byteCount >= 8, count <= (raw.byteCount - 8) / 4
        else { throw MDSError("'samples' is missing or does not fit a raw shard of \(raw.byteCount) bytes") }
        sampleCount = count
    }

    private static func file(_ json: JSONValue?, _ key: String) throws -> MDSFileInfo {
        guard let name = json?["basename"]?.stringValue, let size = json?["bytes"]?.intValue else {
            throw MDSError("'\(key)' has no 'basename' or no 'bytes'")
        }
        // A name that is a path would let an index reach outside of its directory.
        let bytes = Array(name.utf8)
        guard !bytes.isEmpty, bytes != Array(".".utf8), bytes != Array("..".utf8), !bytes.contains(0),
            !bytes.contains(UInt8(ascii: "/"))
        else { throw MDSError("'\(name.escapedForTerminal)' in '\(key)' is not a plain file name") }
        guard (0...MDSConfiguration.largestShard).contains(size) else {
            throw MDSError("'\(key)' states \(size) bytes, at most \(MDSConfiguration.largestShard) are possible")
        }
        return MDSFileInfo(basename: name, byteCount: size, xxh64: json?["hashes"]?["xxh64"]?.stringValue)
    }
}

/// The content of an index.json.
public struct MDSIndex: Sendable {
    public static let basename = "index.json"

    public let shards: [MDSShardInfo]

    public init(shards: [MDSShardInfo]) { self.shards = shards }

    /// The bytes of the index: sorted keys, no final newline.
    public var bytes: [UInt8] {
        let json: JSONValue = ["shards": .array(shards.map(\.json)), "version": 2]
        return Array(json.pythonDump(sortKeys: true).utf8)
    }

    /// Reads an index.
    /// - Throws: `MDSError` that names the entry.
    public init(parsing bytes: UnsafeRawBufferPointer) throws {
        let json = try MDSError.adding { try JSONValue(parsing: bytes) }
        guard json["version"]?.intValue == 2, let entries = json["shards"]?.arrayValue else {
            throw MDSError("not an MDS index of version 2")
        }
        var shards: [MDSShardInfo] = []
        shards.reserveCapacity(entries.count)
        for (number, entry) in entries.enumerated() {
            do {
                let info = try MDSShardInfo(json: entry)
                if let first = shards.first, first.configuration.columns != info.configuration.columns {
                    throw MDSError("other columns than shard 0")
                }
                shards.append(info)
            } catch let error as MDSError {
                throw MDSError("shard \(number): \(error.reason)", column: error.column)
            }
        }
        self.shards = shards
    }
}
