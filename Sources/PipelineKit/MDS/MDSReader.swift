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
            let file = try open(info.stored, path)
            return try MDSShard(
                try info.zip == nil ? plain(file, info) : decompressed(file, info), info: info, path: path)
        }
    }

    private func open(_ file: MDSFileInfo, _ path: String) throws -> SizedFile {
        do {
            return try SizedFile(path: path, count: file.byteCount) {
                MDSError("the file has \($0) bytes, the index says \(file.byteCount)")
            }
        } catch let error as FileError where error.code == ENOENT {
            throw MDSError("the file, which the index names, is missing")
        }
    }

    private func plain(_ file: SizedFile, _ info: MDSShardInfo) throws -> RawBytes {
        let content = try RawBytes(file)
        let hash = HashCheck(of: info.stored, "file", isWanted: verifyHashes)
        content.withBytes(hash.update)
        try hash.verify()
        return content
    }

    /// Bytes of a compressed file that are read, hashed and decompressed before the next: they and what they hold stay in
    /// the cache meanwhile, and the file is never whole in memory.
    private static let pieceBytes = 256 << 10

    private func decompressed(_ file: SizedFile, _ info: MDSShardInfo) throws -> RawBytes {
        let name = info.configuration.compression ?? ""
        guard name == "zstd" || name.hasPrefix("zstd:") else {
            throw MDSError("the compression '\(name.escapedForTerminal)' is not one that this program reads")
        }
        guard info.raw.byteCount <= Zstd.largestContent(frameBytes: file.count) else {
            throw MDSError("\(file.count) compressed bytes cannot hold \(info.raw.byteCount), as the index says")
        }
        let memory = try RawBytes(count: min(Self.pieceBytes, file.count))
        let storedHash = HashCheck(of: info.stored, "file", isWanted: verifyHashes)
        let rawHash = HashCheck(of: info.raw, "raw shard", isWanted: verifyHashes)
        func next() throws -> UnsafeRawBufferPointer? {
            let piece = try file.next(into: memory.buffer)
            storedHash.update(piece)
            return piece.isEmpty ? nil : piece
        }
        do {
            var first = try next()
            // Every writer's frames state their size. It is compared before memory is taken; that it is true, decompression
            // proves.
            if let stated = first.flatMap(Zstd.statedContent), stated != info.raw.byteCount {
                throw MDSError("the zstd frame states \(stated) bytes, the index says \(info.raw.byteCount)")
            }
            let raw = try RawBytes(count: info.raw.byteCount)
            try Zstd.decompress(
                into: raw.buffer, pieces: { try first.take() ?? next() }, written: rawHash.update)
            try storedHash.verify()
            try rawHash.verify()
            return raw
        } catch let error where !(error is FileError) {
            // Where the file is not what was written, that is the reason for whatever is wrong with its content.
            while try next() != nil {}
            try storedHash.verify()
            throw error
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

/// The XXH64 of a file that is read, against the one that the index states. Where the index states none or the check is
/// not wanted, nothing is hashed.
private struct HashCheck {
    private let expected: String?
    private let hash = XXH64()
    private let what: String

    init(of file: MDSFileInfo, _ what: String, isWanted: Bool) {
        expected = isWanted ? file.xxh64 : nil
        self.what = what
    }

    func update(_ bytes: UnsafeRawBufferPointer) {
        if expected != nil { hash.update(bytes) }
    }

    /// - Throws: `MDSError` if the bytes so far have another hash.
    func verify() throws {
        guard let expected else { return }
        let digest = hash.digest.hexDigits
        guard digest.utf8.elementsEqual(expected.utf8) else {
            throw MDSError("damaged: the \(what)'s xxh64 is \(digest), the index says \(expected.escapedForTerminal)")
        }
    }
}
