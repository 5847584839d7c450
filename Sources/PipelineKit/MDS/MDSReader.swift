// An MDS directory, read: one raw shard at a time, or by sample number.
// Reference: mosaicml-streaming 0.13, format/mds/reader.py. Splits (`split=`) and remote directories are not read.

import Foundation
import Synchronization

/// A directory with an index.json. Thread-safe.
public final class MDSReader: Sendable {
    public let directory: String
    public let shards: [MDSShardInfo]
    /// The columns of all shards, sorted by name; empty where there is no shard.
    public let columns: [MDSColumn]
    public let sampleCount: Int
    /// The XXH64 of index.json in 16 hexadecimal digits: two directories with the same digest hold the same data.
    public let indexDigest: String
    private let verifyHashes: Bool
    /// The number of the first sample of each shard, and the number of all.
    private let firstSamples: [Int]
    /// The shard that random access used last.
    private let lastShard = Mutex<(number: Int, shard: MDSShard)?>(nil)

    /// Reads the index.
    ///
    /// - Parameter verifyHashes: whether `shard` checks the XXH64 of what it reads, where the index states one.
    /// - Throws: a `Failure` for a directory without index, an `MDSError` for a damaged one.
    public convenience init(directory: String, verifyHashes: Bool = true) throws {
        let path = directory + "/" + MDSIndex.basename
        guard access(path, F_OK) == 0 else {
            let isDirectory = access(directory + "/.", F_OK) == 0
            throw Failure(
                .badUsage, isDirectory ? "no index.json: not a finished shard directory" : "no such directory",
                at: directory.escapedForTerminal,
                remedy: isDirectory ? "finish the stage that writes it" : "check the path")
        }
        let file = try MappedFile(path: path)
        let (index, digest) = try MDSError.adding(path: path) {
            try file.withBytes { (try MDSIndex(parsing: $0), XXH64.hash($0)) }
        }
        self.init(
            directory: directory, shards: index.shards, indexDigest: digest.hexDigits, verifyHashes: verifyHashes)
    }

    /// Shards of a directory that has no index yet, as their sidecars describe them. The index digest is that of the
    /// index which these shards would have.
    public convenience init(directory: String, shards: [MDSShardInfo], verifyHashes: Bool = true) {
        let digest = XXH64.hash(MDSIndex(shards: shards).bytes).hexDigits
        self.init(directory: directory, shards: shards, indexDigest: digest, verifyHashes: verifyHashes)
    }

    private init(directory: String, shards: [MDSShardInfo], indexDigest: String, verifyHashes: Bool) {
        self.directory = directory
        self.shards = shards
        self.indexDigest = indexDigest
        self.verifyHashes = verifyHashes
        columns = shards.first?.configuration.columns ?? []
        firstSamples = shards.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.sampleCount) }
        sampleCount = firstSamples[shards.count]
    }

    /// The path of a shard's file.
    public func path(ofShard number: Int) -> String {
        directory + "/" + shards[number].stored.basename
    }

    /// The numbers of a shard's samples within the directory.
    public func samples(ofShard number: Int) -> Range<Int> {
        firstSamples[number]..<firstSamples[number + 1]
    }

    /// Reads a shard into memory: its raw bytes once, checked as far as structure and hashes go.
    ///
    /// No memory is taken on the word of a number in the data: the file must have the size that the index states, and
    /// the raw size must be one that such a file can hold.
    /// - Throws: `MDSError` that names the shard, `FileError`.
    public func shard(_ number: Int) throws -> MDSShard {
        let info = shards[number], path = path(ofShard: number)
        return try MDSError.adding(path: path) {
            let stored = try read(info.stored, path)
            try verify(stored, info.stored, "file")
            guard info.zip != nil else { return try MDSShard(stored, info: info, path: path) }
            let name = info.configuration.compression ?? ""
            guard name == "zstd" || name.hasPrefix("zstd:") else {
                throw MDSError("the compression '\(name.escapedForTerminal)' is not one that this program reads")
            }
            guard info.raw.byteCount <= Zstd.largestContent(frameBytes: stored.count) else {
                throw MDSError("\(stored.count) compressed bytes cannot hold \(info.raw.byteCount), as the index says")
            }
            // Every writer's frames state their size. It is compared before memory is taken; that it is true, decompression
            // proves.
            if let stated = stored.withBytes({ Zstd.statedContent(of: $0) }), stated != info.raw.byteCount {
                throw MDSError("the zstd frame states \(stated) bytes, the index says \(info.raw.byteCount)")
            }
            let raw = try RawBytes(count: info.raw.byteCount)
            try stored.withBytes { try Zstd.decompress($0, into: raw.buffer) }
            try verify(raw, info.raw, "raw shard")
            return try MDSShard(raw, info: info, path: path)
        }
    }

    private func read(_ file: MDSFileInfo, _ path: String) throws -> RawBytes {
        do {
            return try RawBytes(path: path, expectedCount: file.byteCount) {
                MDSError("the file has \($0) bytes, the index says \(file.byteCount)")
            }
        } catch let error as FileError where error.code == ENOENT {
            throw MDSError("the file, which the index names, is missing")
        }
    }

    private func verify(_ bytes: RawBytes, _ file: MDSFileInfo, _ what: String) throws {
        guard verifyHashes, let expected = file.xxh64 else { return }
        let digest = bytes.withBytes { XXH64.hash($0).hexDigits }
        guard digest.utf8.elementsEqual(expected.utf8) else {
            throw MDSError("damaged: the \(what)'s xxh64 is \(digest), the index says \(expected.escapedForTerminal)")
        }
    }

    /// A sample by its number within the directory. The shard that holds it stays in memory until another is needed.
    public func sample(_ number: Int) throws -> MDSSample {
        precondition((0..<sampleCount).contains(number), "sample \(number) of \(sampleCount)")
        // The last shard that starts at or before the sample; empty shards start where their successor does.
        var low = 0, high = shards.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if firstSamples[middle] <= number { low = middle } else { high = middle }
        }
        let shard: MDSShard
        if let last = lastShard.withLock({ $0 }), last.number == low {
            shard = last.shard
        } else {
            shard = try self.shard(low)
            lastShard.withLock { $0 = (low, shard) }
        }
        return try shard.sample(number - firstSamples[low])
    }

    /// The values of a sample by its number within the directory.
    public func row(_ number: Int, columns names: [String]? = nil) throws -> MDSRow {
        try sample(number).row(columns: names)
    }
}
