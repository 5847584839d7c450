// A raw shard in memory and its samples as views: nothing is copied but what is asked for.
// Format: mosaicml-streaming 0.13, format/mds/writer.py, `encode_joint_shard` and `encode_sample`.

/// One raw shard: `u32 n`, `u32 offset[n+1]`, the configuration, the samples.
public final class MDSShard: Sendable {
    public let info: MDSShardInfo
    /// Where the shard was read from, for messages.
    public let path: String
    private let content: RawBytes

    /// The number of samples.
    public var count: Int { info.sampleCount }
    public var columns: [MDSColumn] { info.configuration.columns }
    /// The raw bytes, as hashed; valid as long as somebody holds the shard.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(content.buffer) }

    /// Takes raw bytes that should be the shard that `info` describes.
    /// - Throws: `MDSError` if number, offsets or column configuration do not fit it. Hashes are not looked at.
    init(_ content: RawBytes, info: MDSShardInfo, path: String) throws {
        self.content = content
        self.info = info
        self.path = path
        try MDSError.adding(path: path) { try validate() }
    }

    private func word(_ index: Int) -> Int {
        Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)))
    }

    private func offset(_ sample: Int) -> Int { word(1 + sample) }

    private func validate() throws {
        let tableEnd = 4 + 4 * (count + 1)
        guard bytes.count == info.raw.byteCount, bytes.count >= tableEnd else {
            throw MDSError("a raw shard of \(bytes.count) bytes, expected \(info.raw.byteCount)")
        }
        guard word(0) == count else { throw MDSError("the shard holds \(word(0)) samples, the index says \(count)") }
        var last = tableEnd
        for sample in 0...count {
            let offset = offset(sample)
            guard offset >= last, offset <= bytes.count else {
                throw MDSError("offset \(offset) is out of order or beyond the shard's end", sample: sample)
            }
            last = offset
        }
        guard last == bytes.count else { throw MDSError("\(bytes.count - last) bytes follow the last sample") }
        let header = UnsafeRawBufferPointer(rebasing: bytes[tableEnd..<offset(0)])
        if header.elementsEqual(info.configuration.header) { return }
        // Other writers may spell the same configuration otherwise.
        let stated = try MDSConfiguration(json: JSONValue(parsing: header))
        for (stated, expected) in zip(stated.columns, columns) where stated != expected {
            throw MDSError(
                "the shard has a column \(stated.name.escapedForTerminal) (\(stated.encoding.name.escapedForTerminal)), "
                    + "the index says \(expected.encoding.name.escapedForTerminal)", column: expected.name)
        }
        guard stated.columns.count == columns.count else {
            throw MDSError("the shard has \(stated.columns.count) columns, the index says \(columns.count)")
        }
    }

    /// A view of a sample.
    /// - Throws: `MDSError` if the sizes of its columns do not add up to its size.
    public func sample(_ index: Int) throws -> MDSSample {
        precondition((0..<count).contains(index), "sample \(index) of \(count)")
        let extent = UnsafeRawBufferPointer(rebasing: bytes[offset(index)..<offset(index + 1)])
        return try MDSError.adding(path: path, sample: index) {
            var headSize = 0, bodySize = 0
            for column in columns {
                if let size = column.fixedSize {
                    bodySize += size
                } else {
                    guard headSize + 4 <= extent.count else {
                        throw MDSError("a sample of \(extent.count) bytes ends in its sizes", column: column.name)
                    }
                    let size = UInt32(littleEndian: extent.loadUnaligned(fromByteOffset: headSize, as: UInt32.self))
                    guard Int(size) <= extent.count else {
                        throw MDSError("a size of \(size) in a sample of \(extent.count) bytes", column: column.name)
                    }
                    headSize += 4
                    bodySize += Int(size)
                }
            }
            guard headSize + bodySize == extent.count else {
                throw MDSError("columns of \(headSize + bodySize) bytes in a sample of \(extent.count)")
            }
            return MDSSample(shard: self, index: index, start: offset(index), headSize: headSize)
        }
    }

    /// The values of a sample: of all columns, or of those named.
    /// - Throws: `MDSError` that names shard, sample and column.
    public func row(_ index: Int, columns names: [String]? = nil) throws -> MDSRow {
        try sample(index).row(columns: names)
    }
}
