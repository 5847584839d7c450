// A row on its way into a shard: encoded, and its arrays still where they were.

/// The bytes of a sample: sizes of the variable columns, then the columns.
public struct MDSEncodedRow: Sendable {
    private var sizes: [UInt32] = []
    private var values: [MDSStoredValue] = []
    public private(set) var byteCount = 0

    /// A sample that is encoded already.
    init(bytes: [UInt8]) {
        values = [MDSStoredValue(body: bytes)]
        byteCount = bytes.count
    }

    /// - Throws: `MDSError` if a column is missing, unknown, or does not fit its encoding.
    fileprivate init(_ row: MDSRow, _ configuration: MDSConfiguration) throws {
        func same(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }
        let columns = configuration.columns
        if let extra = row.values.first(where: { value in !columns.contains { same($0.name, value.column) } }) {
            throw MDSError("the shard has no such column", column: extra.column)
        }
        values.reserveCapacity(columns.count)
        for column in columns {
            try MDSError.adding(column: column.name) {
                guard let value = row[column.name] else { throw MDSError("the row has no such column") }
                let stored = try column.encoding.stored(value)
                byteCount += stored.byteCount
                guard byteCount <= MDSConfiguration.largestShard else { throw MDSError("a row of more than 4 GiB") }
                if column.fixedSize == nil { sizes.append(UInt32(stored.byteCount)) }
                values.append(stored)
            }
        }
        byteCount += 4 * sizes.count
    }

    /// Writes the bytes; `target` is of `byteCount`.
    func write(to target: UnsafeMutableRawBufferPointer) {
        var place = 0
        func put(_ bytes: UnsafeRawBufferPointer) {
            UnsafeMutableRawBufferPointer(rebasing: target[place...]).copyMemory(from: bytes)
            place += bytes.count
        }
        sizes.withUnsafeBytes(put)
        for value in values {
            value.head.withUnsafeBytes(put)
            value.body.withUnsafeBytes(put)
        }
    }

    /// The bytes by themselves.
    public var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            write(to: UnsafeMutableRawBufferPointer(buffer))
            count = byteCount
        }
    }
}

extension MDSConfiguration {
    /// Encodes a row. May be called on any thread.
    /// - Throws: `MDSError` if a column is missing, unknown, or does not fit its encoding.
    public func encode(_ row: MDSRow) throws -> MDSEncodedRow { try MDSEncodedRow(row, self) }
}
