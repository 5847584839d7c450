// Builds raw shards and the files that they become (mosaicml-streaming 0.13, format/mds/writer.py).
// Nothing here touches the disk: see Stages/ShardDirectoryWriter.

/// Collects samples into one raw shard after another. Not thread-safe.
public final class MDSShardBuilder {
    public let configuration: MDSConfiguration
    private let header: [UInt8]
    /// Kept one by one and copied once: a single buffer would be copied each time that it grows.
    private var samples: [[UInt8]] = []
    private var samplesBytes = 0

    public init(configuration: MDSConfiguration) {
        self.configuration = configuration
        header = configuration.header
    }

    public convenience init(columns: [MDSColumn], compression: ShardCompression = .none, sizeLimit: Int? = nil) {
        self.init(configuration: MDSConfiguration(columns: columns, compression: compression, sizeLimit: sizeLimit))
    }

    public var sampleCount: Int { samples.count }

    /// The bytes of the raw shard as it stands: 4 + 4 · (n + 1), the configuration, the samples.
    public var rawByteCount: Int { rawByteCount(samples: samples.count, bytes: samplesBytes) }

    private func rawByteCount(samples count: Int, bytes: Int) -> Int { 8 + 4 * count + header.count + bytes }

    /// Whether the reference's writer would close the shard before a sample of `sampleBytes`. Never for a first sample,
    /// however large, and never without a size limit.
    public func isFull(for sampleBytes: Int) -> Bool {
        guard let limit = configuration.sizeLimit, !samples.isEmpty else { return false }
        return rawByteCount(samples: samples.count + 1, bytes: samplesBytes + sampleBytes) > limit
    }

    /// The size of a raw shard that held one sample of `sampleBytes` and no other.
    public func rawByteCount(ofSingle sampleBytes: Int) -> Int { rawByteCount(samples: 1, bytes: sampleBytes) }

    /// Adds a sample, encoded by the configuration. Whether the shard is full is the caller's question.
    /// - Throws: `MDSError` where the shard's 32-bit offsets would not reach.
    public func append(encoded sample: [UInt8]) throws {
        guard
            rawByteCount(samples: samples.count + 1, bytes: samplesBytes + sample.count)
                <= MDSConfiguration.largestShard
        else { throw MDSError("a shard of more than \(MDSConfiguration.largestShard) bytes") }
        samples.append(sample)
        samplesBytes += sample.count
    }

    /// Encodes and adds a row.
    public func append(_ row: MDSRow) throws {
        try append(encoded: configuration.encode(row))
    }

    /// The raw shard of the samples so far; the builder is empty afterwards.
    public func finish() throws -> MDSRawShard {
        let content = try RawBytes(count: rawByteCount)
        var filled = 0
        func put(_ bytes: UnsafeRawBufferPointer) {
            UnsafeMutableRawBufferPointer(rebasing: content.buffer[filled...]).copyMemory(from: bytes)
            filled += bytes.count
        }
        func put(word: Int) { withUnsafeBytes(of: UInt32(word).littleEndian) { put($0) } }
        put(word: samples.count)
        var offset = 8 + 4 * samples.count + header.count
        put(word: offset)
        for sample in samples {
            offset += sample.count
            put(word: offset)
        }
        header.withUnsafeBytes { put($0) }
        for sample in samples { sample.withUnsafeBytes { put($0) } }
        precondition(filled == content.count, "a shard of \(content.count) bytes was filled with \(filled)")
        defer {
            samples = []
            samplesBytes = 0
        }
        return MDSRawShard(configuration: configuration, sampleCount: samples.count, content: content)
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
            return MDSSealedShard(info: info, content: .raw(content))
        }
        guard case .zstd(let level)? = ShardCompression(name: compression) else {
            preconditionFailure("shards are written plain or as zstd:N, not \(compression)")
        }
        let frame = try withBytes { try Zstd.compress($0, level: level) }
        let zip = MDSFileInfo(basename: name + ".zstd", byteCount: frame.count, xxh64: XXH64.hash(frame).hexDigits)
        let info = MDSShardInfo(configuration: configuration, raw: raw, zip: zip, sampleCount: sampleCount)
        return MDSSealedShard(info: info, content: .frame(frame))
    }

    /// `shard.00012`: five digits at least.
    static func basename(_ number: Int) -> String {
        let digits = String(number)
        return "shard." + String(repeating: "0", count: max(0, 5 - digits.utf8.count)) + digits
    }
}

/// A shard's file content and index entry.
public struct MDSSealedShard: Sendable {
    enum Content: Sendable {
        case raw(RawBytes)
        case frame([UInt8])
    }

    public let info: MDSShardInfo
    let content: Content

    /// The bytes of the file `info.stored`.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        switch content {
        case .raw(let raw): try raw.withBytes(body)
        case .frame(let frame): try frame.withUnsafeBytes { try body($0) }
        }
    }
}
