// Builds raw shards and the files that they become (mosaicml-streaming 0.13, format/mds/writer.py).
// Nothing here touches the disk: see Stages/ShardDirectoryWriter.

/// Collects samples into one raw shard after another. Not thread-safe.
public final class MDSShardBuilder {
    public let configuration: MDSConfiguration
    private let header: [UInt8]
    /// The samples, one after another, behind room for what stands before them in the shard.
    private var memory: RawMemory?
    /// The ends of the samples, counted from the first one's start. // (n)
    private var ends: [Int] = []
    /// Bytes in front of the first sample, for the counts, the offsets and the header.
    private var room = 0
    /// Of the shard before: the next one is likely to be as large.
    private var expectedBytes = 1 << 20
    /// What a shard that outgrows that gets at least; what is not written takes no memory.
    private static let grownBytes = 16 << 20

    public init(configuration: MDSConfiguration) {
        self.configuration = configuration
        header = configuration.header
    }

    public convenience init(columns: [MDSColumn], compression: ShardCompression = .none, sizeLimit: Int? = nil) {
        self.init(configuration: MDSConfiguration(columns: columns, compression: compression, sizeLimit: sizeLimit))
    }

    public var sampleCount: Int { ends.count }

    private var samplesBytes: Int { ends.last ?? 0 }

    /// The bytes of the raw shard as it stands: 4 + 4 · (n + 1), the configuration, the samples.
    public var rawByteCount: Int { rawByteCount(samples: sampleCount, bytes: samplesBytes) }

    private func rawByteCount(samples count: Int, bytes: Int) -> Int { 8 + 4 * count + header.count + bytes }

    /// Whether the reference's writer would close the shard before a sample of `sampleBytes`. Never for a first sample,
    /// however large, and never without a size limit.
    public func isFull(for sampleBytes: Int) -> Bool {
        guard let limit = configuration.sizeLimit, !ends.isEmpty else { return false }
        return rawByteCount(samples: sampleCount + 1, bytes: samplesBytes + sampleBytes) > limit
    }

    /// The size of a raw shard that held one sample of `sampleBytes` and no other.
    public func rawByteCount(ofSingle sampleBytes: Int) -> Int { rawByteCount(samples: 1, bytes: sampleBytes) }

    /// Adds a sample, encoded by the configuration. Whether the shard is full is the caller's question.
    /// - Throws: `MDSError` where the shard's 32-bit offsets would not reach.
    public func append(_ row: MDSEncodedRow) throws {
        guard
            rawByteCount(samples: sampleCount + 1, bytes: samplesBytes + row.byteCount)
                <= MDSConfiguration.largestShard
        else { throw MDSError("a shard of more than \(MDSConfiguration.largestShard) bytes") }
        let memory = try memory(for: row.byteCount)
        let start = room + samplesBytes
        row.write(to: UnsafeMutableRawBufferPointer(rebasing: memory.bytes[start..<start + row.byteCount]))
        ends.append(samplesBytes + row.byteCount)
    }

    /// Encodes and adds a row.
    public func append(_ row: MDSRow) throws { try append(configuration.encode(row)) }

    /// The memory, with room for one more sample and what it adds in front.
    private func memory(for byteCount: Int) throws -> RawMemory {
        let front = rawByteCount(samples: sampleCount + 1, bytes: 0)
        if front > room {
            // 64 KiB hold the offsets of 16,000 samples; a shard of more is moved now and then.
            let wanted = max(64 << 10, 2 * front)
            if let memory {
                try memory.grow(to: memory.bytes.count + wanted - room)
                let samples = UnsafeRawBufferPointer(rebasing: memory.bytes[room..<room + samplesBytes])
                UnsafeMutableRawBufferPointer(rebasing: memory.bytes[wanted...]).copyMemory(from: samples)
            }
            room = wanted
        }
        let needed = room + samplesBytes + byteCount
        guard let memory else {
            let memory = try RawMemory(byteCount: max(needed, room + expectedBytes))
            self.memory = memory
            return memory
        }
        if needed > memory.bytes.count { try memory.grow(to: max(needed, 2 * memory.bytes.count, Self.grownBytes)) }
        return memory
    }

    /// The raw shard of the samples so far; the builder is empty afterwards.
    public func finish() throws -> MDSRawShard {
        let front = rawByteCount(samples: sampleCount, bytes: 0)
        if memory == nil {  // a shard without samples
            room = front
            memory = try RawMemory(byteCount: front)
        }
        guard let memory else { preconditionFailure("a shard without memory") }
        let range = room - front..<room + samplesBytes
        var place = range.lowerBound
        func put(_ bytes: UnsafeRawBufferPointer) {
            UnsafeMutableRawBufferPointer(rebasing: memory.bytes[place...]).copyMemory(from: bytes)
            place += bytes.count
        }
        func put(word: Int) { withUnsafeBytes(of: UInt32(word).littleEndian) { put($0) } }
        put(word: sampleCount)
        put(word: front)
        for end in ends { put(word: front + end) }
        header.withUnsafeBytes { put($0) }
        precondition(place == room, "a shard's head of \(front) bytes was filled with \(place - range.lowerBound)")
        let shard = MDSRawShard(
            configuration: configuration, sampleCount: sampleCount, content: RawBytes(memory, range))
        expectedBytes = samplesBytes + samplesBytes / 8
        self.memory = nil
        ends = []
        room = 0
        return shard
    }
}

/// A raw shard that has been built.
public struct MDSRawShard: Sendable {
    public let configuration: MDSConfiguration
    public let sampleCount: Int
    let content: RawBytes

    public var byteCount: Int { content.count }

    /// The raw bytes; valid within `body`.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try content.withBytes(body)
    }

    /// Compresses and hashes: the file as it lies in a directory under `number`, and its index entry.
    public func sealed(as number: Int) throws -> MDSSealedShard {
        let name = Self.basename(number) + ".mds"
        let raw = MDSFileInfo(basename: name, byteCount: byteCount, xxh64: withBytes { XXH64.hash($0).hexDigits })
        guard let compression = configuration.compression else {
            let info = MDSShardInfo(configuration: configuration, raw: raw, zip: nil, sampleCount: sampleCount)
            return MDSSealedShard(info: info, content: content)
        }
        guard case .zstd(let level)? = ShardCompression(name: compression) else {
            preconditionFailure("shards are written plain or as zstd:N, not \(compression)")
        }
        let frame = try withBytes { try Zstd.frame(of: $0, level: level) }
        let zip = MDSFileInfo(
            basename: name + ".zstd", byteCount: frame.count, xxh64: frame.withBytes { XXH64.hash($0).hexDigits })
        let info = MDSShardInfo(configuration: configuration, raw: raw, zip: zip, sampleCount: sampleCount)
        return MDSSealedShard(info: info, content: frame)
    }

    /// `shard.00012`: five digits at least.
    static func basename(_ number: Int) -> String {
        let digits = String(number)
        return "shard." + String(repeating: "0", count: max(0, 5 - digits.utf8.count)) + digits
    }
}

/// A shard's file content and index entry.
public struct MDSSealedShard: Sendable {
    public let info: MDSShardInfo
    let content: RawBytes

    /// The bytes of the file `info.stored`.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try content.withBytes(body)
    }
}
