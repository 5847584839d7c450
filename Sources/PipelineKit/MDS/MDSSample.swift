// A sample as a view into its shard.

/// One sample of a shard in memory. Columns are decoded when they are asked for; the shard lives as long as the view.
///
/// Every accessor throws an `MDSError` that names shard, sample and column if the column is missing, of another kind,
/// or damaged.
public struct MDSSample: Sendable {
    public let shard: MDSShard
    /// The sample's number within the shard.
    public let index: Int
    private let start: Int
    private let headSize: Int

    /// The sizes have been checked by the shard.
    init(shard: MDSShard, index: Int, start: Int, headSize: Int) {
        self.shard = shard
        self.index = index
        self.start = start
        self.headSize = headSize
    }

    /// The stored bytes of the column at `place` in the shard's columns.
    private func stored(_ place: Int) -> UnsafeRawBufferPointer {
        let bytes = shard.bytes
        var head = start, body = start + headSize
        for (number, column) in shard.columns.enumerated() {
            var size = column.fixedSize ?? 0
            if column.fixedSize == nil {
                size = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: head, as: UInt32.self)))
                head += 4
            }
            if number == place { return UnsafeRawBufferPointer(rebasing: bytes[body..<body + size]) }
            body += size
        }
        preconditionFailure("column \(place) of \(shard.columns.count)")
    }

    private func adding<Result>(_ column: String, to body: () throws -> Result) throws -> Result {
        try MDSError.adding(path: shard.path, sample: index, column: column, to: body)
    }

    private func withColumn<Result>(
        _ name: String, _ body: (MDSEncoding, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        try adding(name) {
            guard let place = shard.columns.firstIndex(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
                let known = shard.columns.map(\.name.escapedForTerminal).joined(separator: ", ")
                throw MDSError("the shard has no such column; it has \(known)")
            }
            return try withExtendedLifetime(shard) { try body(shard.columns[place].encoding, stored(place)) }
        }
    }

    /// The stored bytes of a column of any encoding, without a copy; valid within `body`.
    public func withStoredBytes<Result>(
        _ column: String, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        try withColumn(column) { try body($1) }
    }

    /// The values of an array column, without a copy and of any alignment; valid within `body`.
    public func withArrayBytes<Result>(
        _ column: String, _ body: (ElementType, _ shape: [Int], UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        try withColumn(column) { encoding, bytes in
            let (type, shape, values) = try encoding.arrayParts(bytes)
            return try body(type, shape, values)
        }
    }

    /// The value of a column.
    public func value(_ column: String) throws -> MDSValue {
        try withColumn(column) { try $0.decode($1) }
    }

    /// The text of a `str` column.
    public func string(_ column: String) throws -> String {
        guard case .str(let text) = try value(column) else { throw mismatch(column, expected: "str") }
        return text
    }

    /// The content of a `bytes` column.
    public func bytes(_ column: String) throws -> [UInt8] {
        guard case .bytes(let bytes) = try value(column) else { throw mismatch(column, expected: "bytes") }
        return bytes
    }

    /// The value of a `json` column.
    public func json(_ column: String) throws -> JSONValue {
        guard case .json(let json) = try value(column) else { throw mismatch(column, expected: "json") }
        return json
    }

    /// The value of an integer column.
    public func int(_ column: String) throws -> Int {
        guard case .int(let number) = try value(column) else { throw mismatch(column, expected: "int") }
        return number
    }

    /// The values and shape of an array column.
    public func array<T: ArrayElement>(_ column: String, as: T.Type = T.self) throws -> (values: [T], shape: [Int]) {
        try withArrayBytes(column) { type, shape, values in
            guard type == T.elementType else {
                throw MDSError("holds an array of \(type), expected \(T.elementType)")
            }
            return (NDArray.copyValues(values), shape)
        }
    }

    /// The values of all columns, or of those named.
    public func row(columns names: [String]? = nil) throws -> MDSRow {
        try MDSRow((names ?? shard.columns.map(\.name)).map { ($0, try value($0)) })
    }

    private func mismatch(_ column: String, expected: String) -> MDSError {
        let encoding = shard.columns.first { $0.name.utf8.elementsEqual(column.utf8) }?.encoding.name ?? ""
        return MDSError(
            "holds \(encoding.escapedForTerminal), expected \(expected)", path: shard.path, sample: index,
            column: column)
    }
}
