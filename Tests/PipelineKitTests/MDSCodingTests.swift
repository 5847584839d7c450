// Encodings beyond the golden rows: every scalar, every width of array headers, what is refused.

import TestSupport
import Testing

@testable import PipelineKit

@Suite struct MDSCodingTests {
    /// The stored bytes of a value, checked to read back as the same value.
    private func stored(_ value: MDSValue, _ encoding: MDSEncoding) throws -> [UInt8] {
        let parts = try encoding.stored(value)
        let bytes = parts.head + parts.body
        #expect(parts.byteCount == bytes.count)
        let back = try bytes.withUnsafeBytes { try encoding.decode($0) }
        #expect(back == value, "\(encoding.name)")
        return bytes
    }

    @Test func `scalars are stored little-endian at their width`() throws {
        #expect(try stored(.int(255), .scalar(.uint8)) == [255])
        #expect(try stored(.int(-128), .scalar(.int8)) == [128])
        #expect(try stored(.int(65535), .scalar(.uint16)) == [255, 255])
        #expect(try stored(.int(-2), .scalar(.int16)) == [254, 255])
        #expect(try stored(.int(1), .scalar(.uint32)) == [1, 0, 0, 0])
        #expect(try stored(.int(-1), .scalar(.int32)) == [255, 255, 255, 255])
        #expect(try stored(.int(.min), .scalar(.int64)) == [0, 0, 0, 0, 0, 0, 0, 128])
        #expect(try stored(.int(.max), .int) == [255, 255, 255, 255, 255, 255, 255, 127])
        #expect(try stored(.uint64(.max), .scalar(.uint64)) == [UInt8](repeating: 255, count: 8))
        #expect(try stored(.float32(1.5), .scalar(.float16)) == [0, 0x3E])
        #expect(try stored(.float32(1), .float32) == [0, 0, 0x80, 0x3F])
        #expect(try stored(.float64(-2), .scalar(.float64)) == [0, 0, 0, 0, 0, 0, 0, 0xC0])
    }

    @Test func `array headers use the smallest width that holds the largest axis`() throws {
        #expect(try stored(.array([UInt8(7)]), .ndarray(.uint8)) == [1 << 2, 1, 7])
        #expect(
            try stored(.array([Int16(7), 8], shape: [1, 2]), .ndarray(type: nil, shape: nil)) == [
                17, 2 << 2, 1, 2, 7, 0, 8, 0,
            ])
        let wide = try stored(.array([UInt8](repeating: 1, count: 255)), .ndarray(.uint8))
        #expect(wide.prefix(2) == [1 << 2, 255])
        let wider = try stored(.array([UInt8](repeating: 1, count: 256)), .ndarray(.uint8))
        #expect(wider.prefix(3) == [1 << 2 | 1, 0, 1])
        let widest = try stored(.array([UInt8](repeating: 1, count: 65536), shape: [1, 65536]), .ndarray(.uint8))
        #expect(widest.prefix(9) == [2 << 2 | 2, 1, 0, 0, 0, 0, 0, 1, 0])
        #expect(
            try stored(.array([Int16(3), 4], shape: [2, 1]), .ndarray(type: .int16, shape: [2, 1])) == [3, 0, 4, 0])
        // Width code 3 is read though no array in memory needs it.
        let eightBytes: [UInt8] = [1 << 2 | 3, 2, 0, 0, 0, 0, 0, 0, 0, 5, 6]
        #expect(try eightBytes.withUnsafeBytes { try MDSEncoding.ndarray(.uint8).decode($0) } == .array([UInt8(5), 6]))
    }

    @Test(arguments: [
        (MDSValue.int(256), MDSEncoding.scalar(.uint8)), (.int(-1), .scalar(.uint16)), (.str("x"), .bytes),
        (.float32(1), .int), (.int(1), .float32), (.int(1), .scalar(.uint64)),
        (.array([Int32(1)]), .ndarray(.int64)), (.array([Int32](), shape: [0]), .ndarray(.int32)),
        (.array([Int32(1)], shape: []), .ndarray(.int32)),
        (.array([Int32(1)], shape: [Int](repeating: 1, count: 64)), .ndarray(.int32)),
        (.array([Int16(1)], shape: [1]), .ndarray(type: .int16, shape: [1, 1])),
        (.bytes([1]), .foreign(name: "jpeg")),
    ])
    func `a value that does not fit its encoding is refused`(value: MDSValue, encoding: MDSEncoding) {
        #expect(throws: MDSError.self) { try encoding.stored(value) }
    }

    @Test(
        arguments: [
            (MDSEncoding.str, [0xFF]), (.json, [0x7B]), (.int, [1]), (.float32, [1, 2, 3]), (.ndarray(.int32), []),
            (.ndarray(.int32), [0]), (.ndarray(.int32), [1 << 2]), (.ndarray(.int32), [1 << 2, 0]),
            (.ndarray(.int32), [1 << 2, 1, 0]), (.ndarray(.int32), [1 << 2 | 2, 255, 255, 255, 255]),
            (.ndarray(.int32), [1 << 2 | 3, 255, 255, 255, 255, 255, 255, 255, 255]),
            (.ndarray(.uint8), [63 << 2] + [UInt8](repeating: 64, count: 63)),
            (.ndarray(type: nil, shape: nil), [99, 1 << 2, 1, 0]), (.ndarray(type: .int16, shape: [2]), [0]),
            (.foreign(name: "pkl"), [1]),
        ] as [(MDSEncoding, [UInt8])])
    func `stored bytes that no writer writes are refused`(encoding: MDSEncoding, bytes: [UInt8]) {
        #expect(throws: (any Error).self) { try bytes.withUnsafeBytes { try encoding.decode($0) } }
    }

    @Test(arguments: [
        "str", "bytes", "json", "int", "float64", "uint8", "ndarray", "ndarray:int8", "ndarray:float16:3,1,4", "jpeg",
        "bool",
    ])
    func `an encoding keeps its name`(name: String) throws {
        #expect(try MDSEncoding(name: name).name == name)
    }

    @Test(arguments: [
        "ndarray:", "ndarray:bool", "ndarray:int32:", "ndarray:int32:0", "ndarray:int32:2,-1", "ndarray:int32:1:2",
        "ndarray:int32:+2", "ndarray:int64:4294967295,4294967295",
    ])
    func `an impossible array encoding is refused`(name: String) {
        #expect(throws: MDSError.self) { try MDSEncoding(name: name) }
    }

    @Test func `a row must have the shard's columns`() throws {
        let configuration = MDSConfiguration(columns: [MDSColumn("b", .int), MDSColumn("a", .str)], compression: .none)
        let row = MDSRow([("b", .int(1)), ("a", .str("é"))])
        #expect(try configuration.encode(row).bytes == [2, 0, 0, 0, 0xC3, 0xA9, 1, 0, 0, 0, 0, 0, 0, 0])
        #expect(throws: MDSError("the row has no such column", column: "a")) {
            try configuration.encode(MDSRow([("b", .int(1))]))
        }
        #expect(throws: MDSError("the shard has no such column", column: "c")) {
            try configuration.encode(MDSRow([("b", .int(1)), ("a", .str("")), ("c", .int(2))]))
        }
        #expect(throws: MDSError("cannot store a string as int", column: "b")) {
            try configuration.encode(MDSRow([("b", .str("1")), ("a", .str(""))]))
        }
    }

    @Test func `names that differ in normal form are different columns`() throws {
        let columns = [MDSColumn("\u{E9}", .int), MDSColumn("e\u{301}", .int)]
        let configuration = MDSConfiguration(columns: columns, compression: .none)
        let row = MDSRow([("\u{E9}", .int(1)), ("e\u{301}", .int(2))])
        #expect(row["\u{E9}"] == .int(1))
        #expect(try configuration.encode(row).bytes.map(Int.init) == [2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test(arguments: [0, 1, 7, 8, 9, 31])
    func `the builder knows the raw size in advance`(count: Int) throws {
        let builder = MDSShardBuilder(columns: [MDSColumn("id", .str)])
        for number in 0..<count { try builder.append(MDSRow([("id", .str(String(repeating: "x", count: number)))])) }
        let expected = builder.rawByteCount
        let shard = try builder.finish()
        #expect(shard.byteCount == expected)
        #expect(shard.sampleCount == count)
        #expect(builder.sampleCount == 0)
    }
}
