// Shards against those of mosaicml-streaming 0.13 (Fixtures/mds): 25 rows over every encoding of the pipeline.

import Foundation
import TestSupport
import Testing

@testable import PipelineKit

/// The rows and columns of the fixture.
enum GoldenMDS {
    static let columns: [MDSColumn] = [
        MDSColumn("id", .str), MDSColumn("speaker", .str), MDSColumn("input_ids", .ndarray(.int32)),
        MDSColumn("audio_features", .ndarray(.float16)), MDSColumn("audio_ids", .ndarray(.uint16)),
        MDSColumn("audio", .bytes), MDSColumn("meta", .json), MDSColumn("n", .int), MDSColumn("ratio", .float32),
        MDSColumn("fixed", .ndarray(type: .int16, shape: [4, 2])), MDSColumn("any", .ndarray(type: nil, shape: nil)),
    ]

    static func rows() throws -> [MDSRow] {
        let text = try file("rows.jsonl")
        return try text.split(separator: UInt8(ascii: "\n")).map { line in
            let json = try JSONValue(parsing: line)
            return try MDSRow(columns.map { column in (column.name, try value(of: json, column)) })
        }
    }

    private static func value(of row: JSONValue, _ column: MDSColumn) throws -> MDSValue {
        let json = try #require(row[column.name])
        func decoded() throws -> [UInt8] {
            Array(try #require(Data(base64Encoded: json["base64"]?.stringValue ?? "?")))
        }
        switch column.encoding {
        case .str: return .str(try #require(json.stringValue))
        case .json: return .json(json)
        case .int: return .int(try #require(json.intValue))
        case .scalar: return .float32(Float(try #require(json.doubleValue)))
        case .bytes: return .bytes(try decoded())
        default:
            let type = try #require(ElementType(rawValue: json["dtype"]?.stringValue ?? ""))
            let shape = try #require(json["shape"]?.arrayValue).compactMap(\.intValue)
            return .ndarray(NDArray(elementType: type, shape: shape, bytes: try decoded()))
        }
    }

    static func file(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: fixture("mds/\(name)"))))
    }
}

@Suite struct MDSGoldenTests {
    @Test(arguments: ["plain", "zstd"])
    func `every value of the reference's shards is read`(kind: String) throws {
        let rows = try GoldenMDS.rows()
        let reader = try MDSReader(directory: fixture("mds/\(kind)"))
        #expect(rows.count == 25)
        #expect(reader.sampleCount == 25)
        #expect(reader.columns.map(\.name) == GoldenMDS.columns.map(\.name).sorted())
        var streamed: [MDSRow] = []
        for number in reader.shards.indices {
            let shard = try reader.shard(number)
            #expect(reader.samples(ofShard: number) == streamed.count..<streamed.count + shard.count)
            for sample in 0..<shard.count { streamed.append(try shard.row(sample)) }
        }
        for (number, (got, expected)) in zip(streamed, rows).enumerated() {
            for (column, value) in expected.values where got[column] != value {
                Issue.record("row \(number), column \(column): got \(String(describing: got[column]))")
            }
            #expect(got.values.count == expected.values.count)
        }
    }

    @Test func `a sample is read by its number, in any order`() throws {
        let rows = try GoldenMDS.rows()
        let reader = try MDSReader(directory: fixture("mds/zstd"))
        for step in 0..<75 {
            let number = step * 7 % 25
            #expect(try reader.row(number) == rows[number])
            #expect(try reader.sample(number).string("id") == rows[number].string("id"))
        }
    }

    @Test func `chosen columns are read alone and typed`() throws {
        let reader = try MDSReader(directory: fixture("mds/plain"))
        let expected = try GoldenMDS.rows()[3]
        let row = try reader.row(3, columns: ["n", "id"])
        #expect(row.values.map(\.column) == ["n", "id"])
        let sample = try reader.sample(3)
        #expect(
            try sample.array("input_ids", as: Int32.self).values == expected.array("input_ids", as: Int32.self).values)
        #expect(
            try sample.array("audio_features", as: Float16.self).shape
                == expected.array("audio_features", as: Float16.self).shape)
        #expect(try sample.bytes("audio") == expected.bytes("audio"))
        #expect(try sample.json("meta") == expected.json("meta"))
        #expect(try sample.int("n") == expected.int("n"))
        #expect(try sample.withStoredBytes("audio") { Array($0) } == expected.bytes("audio"))
        #expect {
            try sample.array("input_ids", as: Int64.self)
        } throws: {
            Failure($0).description.hasSuffix(
                "shard.00000.mds, sample 3, column input_ids: holds an array of int32, expected int64")
        }
        #expect(throws: MDSError.self) { try sample.string("audio") }
        #expect(throws: MDSError.self) { try sample.string("absent") }
        #expect(throws: MDSError.self) { try expected.string("absent") }
    }

    @Test(arguments: [("plain", ShardCompression.none), ("zstd", .zstd(level: 3))])
    func `shards and index equal the reference's byte for byte`(kind: String, compression: ShardCompression) throws {
        let builder = MDSShardBuilder(columns: GoldenMDS.columns, compression: compression, sizeLimit: 16384)
        var sealed: [MDSSealedShard] = []
        func close() throws { sealed.append(try builder.finish().sealed(as: sealed.count)) }
        for row in try GoldenMDS.rows() {
            let sample = try builder.configuration.encode(row)
            if builder.isFull(for: sample.byteCount) { try close() }
            try builder.append(sample)
        }
        try close()
        #expect(sealed.count == 4)
        for shard in sealed {
            let expected = try GoldenMDS.file("\(kind)/\(shard.info.stored.basename)")
            #expect(shard.withBytes { Array($0) } == expected, "\(shard.info.stored.basename)")
        }
        #expect(MDSIndex(shards: sealed.map(\.info)).bytes == (try GoldenMDS.file("\(kind)/index.json")))
    }

    @Test func `the index digest is the hash of its bytes`() throws {
        let reader = try MDSReader(directory: fixture("mds/plain"))
        #expect(reader.indexDigest == XXH64.hash(try GoldenMDS.file("plain/index.json")).hexDigits)
    }
}
