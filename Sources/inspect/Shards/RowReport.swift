// One row of any MDS directory, column by column.

import PipelineKit

/// What a row holds.
struct RowReport: Report {
    let reader: MDSReader
    let sample: Int
    let row: MDSRow

    /// - Throws: `Failure` (bad usage) where the number is out of range, `MDSError` where the shard is damaged.
    init(reader: MDSReader, sample: Int) throws {
        guard (0..<reader.sampleCount).contains(sample) else {
            throw outOfRange(sample, count: reader.sampleCount, directory: reader.directory)
        }
        self.reader = reader
        self.sample = sample
        row = try reader.row(sample)
    }

    var text: String {
        var table = Table([("column", .left), ("encoding", .left), ("value", .left)])
        for column in reader.columns {
            table.add([column.name, column.encoding.name, row[column.name].map { $0.summary() } ?? ""])
        }
        return "\(reader.directory.escapedForTerminal): sample \(sample)\n" + table.rendered(indent: 2)
    }

    var json: JSONObject {
        var object: JSONObject = ["kind": "row", "sample": .int(sample)]
        for (column, value) in row.values { object[column] = value.json }
        return object
    }
}

/// A sample number that a directory does not have.
func outOfRange(_ sample: Int, count: Int, directory: String) -> Failure {
    Failure(
        .badUsage, "no sample \(sample)", at: directory.escapedForTerminal,
        remedy: count == 0 ? "it holds none" : "samples are numbered 0 to \(count - 1)")
}

extension MDSValue {
    /// The value in at most about 100 columns; not escaped.
    func summary(limit: Int = 100) -> String {
        switch self {
        case .str(let text): return text.truncated(to: limit)
        case .bytes(let bytes): return "\(bytesText(bytes.count)) (xxh64 \(XXH64.hash(bytes).hexDigits))"
        case .json(let value): return value.pythonDump(ascii: false).truncated(to: limit)
        case .int(let value): return String(value)
        case .uint64(let value): return String(value)
        case .float32(let value): return "\(value)"
        case .float64(let value): return "\(value)"
        case .ndarray(let array):
            let head = array.numbers(first: 8).map { array.isFloat ? numberText($0, 4) : String(Int($0)) }
            return "\(array.elementType.rawValue) [\(array.shape.map(String.init).joined(separator: ", "))]: "
                + head.joined(separator: " ") + (array.count > head.count ? " …" : "")
        }
    }

    /// The whole value for scripts; bytes as their number and hash.
    var json: JSONValue {
        switch self {
        case .str(let text): .string(text)
        case .bytes(let bytes): ["bytes": .int(bytes.count), "xxh64": .string(XXH64.hash(bytes).hexDigits)]
        case .json(let value): value
        case .int(let value): .int(value)
        case .uint64(let value): Int(exactly: value).map { .int($0) } ?? .bigInteger(String(value))
        case .float32(let value): .double(Double(value))
        case .float64(let value): .double(value)
        case .ndarray(let array):
            [
                "type": .string(array.elementType.rawValue), "shape": .array(array.shape.map { .int($0) }),
                "values": .array(array.numbers().map { array.isFloat ? .double($0) : .int(Int($0)) }),
            ]
        }
    }
}

extension NDArray {
    /// Whether the elements are floats.
    var isFloat: Bool { [.float16, .float32, .float64, .bfloat16].contains(elementType) }

    /// The first elements (or all) as numbers; integers beyond 2⁵³ lose digits.
    func numbers(first limit: Int? = nil) -> [Double] {
        func read<Stored: BitwiseCopyable>(_ type: Stored.Type, _ number: (Stored) -> Double) -> [Double] {
            bytes.withUnsafeBytes { bytes in
                (0..<min(count, limit ?? count)).map {
                    number(bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Stored>.size, as: Stored.self))
                }
            }
        }
        switch elementType {
        case .uint8, .bool: return read(UInt8.self) { Double($0) }
        case .int8: return read(Int8.self) { Double($0) }
        case .uint16: return read(UInt16.self) { Double($0) }
        case .int16: return read(Int16.self) { Double($0) }
        case .float16: return read(Float16.self) { Double($0) }
        case .bfloat16: return read(UInt16.self) { Double(Float(bitPattern: UInt32($0) << 16)) }
        case .uint32: return read(UInt32.self) { Double($0) }
        case .int32: return read(Int32.self) { Double($0) }
        case .float32: return read(Float.self) { Double($0) }
        case .uint64: return read(UInt64.self) { Double($0) }
        case .int64: return read(Int64.self) { Double($0) }
        case .float64: return read(Double.self) { $0 }
        }
    }
}
