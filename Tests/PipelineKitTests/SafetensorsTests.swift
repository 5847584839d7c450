import Foundation
import TestSupport
import Testing

@testable import PipelineKit

@Suite struct SafetensorsTests {
    private func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

    /// A file of a header and as many zero bytes of data.
    private func file(_ header: String, data: Int, in directory: String, length: UInt64? = nil) throws -> String {
        let path = directory + "/x.safetensors"
        let count = length ?? UInt64(header.utf8.count)
        let start = withUnsafeBytes(of: count.littleEndian) { Array($0) }
        try AtomicFile.write(start + Array(header.utf8) + Array(repeating: 0, count: data), to: path)
        return path
    }

    @Test(arguments: ["model/model", "model/batch", "model/expected", "mel/expected"])
    func `what is read is written again byte for byte`(name: String) throws {
        try withTemporaryDirectory { directory in
            let original = try SafetensorsFile(path: fixture("\(name).safetensors"))
            var writer = SafetensorsWriter(metadata: original.metadata)
            for tensor in original.tensors.reversed() {
                switch tensor.elementType {
                case .float32: writer.add(tensor.name, shape: tensor.shape, try original.floats(tensor.name))
                case .int64: writer.add(tensor.name, shape: tensor.shape, try tensor.integers().map(Int64.init))
                case .int32: writer.add(tensor.name, shape: tensor.shape, try tensor.integers().map(Int32.init))
                case .float64:
                    let values = (0..<tensor.count).map {
                        tensor.bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Double.self)
                    }
                    writer.add(tensor.name, shape: tensor.shape, values)
                case .uint8: writer.add(tensor.name, shape: tensor.shape, try tensor.integers().map(UInt8.init))
                default: Issue.record("\(tensor.name) is \(tensor.elementType)")
                }
            }
            try writer.write(to: directory + "/copy.safetensors")
            #expect(try bytes(directory + "/copy.safetensors") == bytes(fixture("\(name).safetensors")))
        }
    }

    @Test func `every float type becomes Float and every integer type Int`() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/x.safetensors"
            var writer = SafetensorsWriter(metadata: [])
            writer.add("half", shape: [3], [1.5, -2, 65_504] as [Float16])
            writer.add("single", shape: [1, 2], [0.1, -0.2] as [Float])
            writer.add("double", shape: [2], [0.1, 3] as [Double])
            writer.add("empty", shape: [0, 4], [] as [Float])
            writer.add("scalar", shape: [], [7] as [Int64])
            writer.add("bytes", shape: [2], [-3, 4] as [Int8])
            writer.add("big", shape: [1], [UInt64.max] as [UInt64])
            try writer.write(to: path)
            let file = try SafetensorsFile(path: path)
            #expect(try file.floats("half") == [1.5, -2, 65_504])
            #expect(try file.floats("single") == [0.1, -0.2])
            #expect(try file.floats("double") == [0.1, 3])
            #expect(try file.floats("empty").isEmpty)
            #expect(try file.integers("scalar") == [7])
            #expect(try file.integers("bytes") == [-3, 4])
            #expect(file.tensor("single")?.shape == [1, 2])
            #expect(file.metadata.isEmpty)
            #expect(throws: SafetensorsError.self) { try file.integers("big") }
            #expect(throws: SafetensorsError.self) { try file.integers("half") }
            #expect(throws: SafetensorsError.self) { try file.floats("bytes") }
            let missing = #expect(throws: SafetensorsError.self) { try file.floats("none") }
            #expect(missing?.reason == .missingTensor && missing?.tensor == "none")
            #expect(missing?.description.contains(path) == true)
        }
    }

    @Test func `bfloat16 is the upper half of a Float`() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/x.safetensors"
            let header = #"{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}"#
            let start = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
            try AtomicFile.write(start + Array(header.utf8) + [0xC0, 0x3F, 0x00, 0xC0], to: path)
            #expect(try SafetensorsFile(path: path).floats("a") == [1.5, -2])
        }
    }

    @Test(arguments: [
        // Offsets outside, reversed, too short, overlapping, with a hole, with data behind.
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 4, "data_offsets"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8, "data_offsets"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}"#, 8, "data_offsets"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4, "takes 8"),
        (
            #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
            4, "overlap"
        ),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8, "hole"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 8, "take 4 bytes"),
        // Sizes that overflow or are none.
        (#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#, 0, "memory"),
        (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4, "whole numbers"),
        (#"{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,6]}}"#, 6, "whole numbers"),
        (#"{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}"#, 4, "whole numbers"),
        // A name twice, unknown types, missing members.
        (
            #"{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#,
            0, "twice"
        ),
        (#"{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}"#, 1, "F8_E4M3"),
        (#"{"a":{"dtype":"F32","shape":[1]}}"#, 4, "lacks"),
        (#"{"a":3}"#, 0, "lacks"),
        // No JSON object, too deep, something behind it, metadata that is none.
        ("[]", 0, "not a safetensors file"), ("{", 0, "not a safetensors file"),
        (#"{"a":[[[[1]]]]}"#, 0, "deeper"), ("{} {}", 0, "more text"),
        (#"{"__metadata__":3}"#, 0, "__metadata__"), (#"{"__metadata__":{"a":1}}"#, 0, "__metadata__"),
    ])
    func `a header that lies is refused`(header: String, data: Int, part: String) throws {
        try withTemporaryDirectory { directory in
            let path = try file(header, data: data, in: directory)
            let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
            #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
            #expect(error?.description.contains(path) == true)
            #expect(error?.failure.status == .badData)
        }
    }

    @Test(arguments: [UInt64(0), 3, 1 << 20, .max, UInt64(Int.max)]) func `a header's length is not trusted`(
        length: UInt64
    ) throws {
        try withTemporaryDirectory { directory in
            let path = try file("{}", data: 0, in: directory, length: length)
            #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
        }
    }

    @Test func `a file cut anywhere is refused`() throws {
        try withTemporaryDirectory { directory in
            let whole = try bytes(fixture("model/batch.safetensors"))
            for count in [0, 1, 7, 8, 9, 31, 200, 1_000, whole.count - 1] {
                try AtomicFile.write(whole[..<count], to: directory + "/x.safetensors")
                #expect(throws: SafetensorsError.self, "\(count) bytes") {
                    try SafetensorsFile(path: directory + "/x.safetensors")
                }
            }
        }
    }

    @Test func `names compare as bytes`() throws {
        try withTemporaryDirectory { directory in
            var writer = SafetensorsWriter()
            writer.add("\u{E9}", shape: [1], [1] as [Float])
            writer.add("e\u{301}", shape: [1], [2] as [Float])
            try writer.write(to: directory + "/x.safetensors")
            let file = try SafetensorsFile(path: directory + "/x.safetensors")
            #expect(try file.floats("\u{E9}") == [1])
            #expect(try file.floats("e\u{301}") == [2])
        }
    }

    @Test func `an index that names a file which is not there is damaged data`() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/\(SafetensorsSet.indexName)"
            for name in ["model-1e308.safetensors", String(repeating: "x", count: 300)] {
                let index: JSONValue = ["weight_map": ["a": .string(name)]]
                try AtomicFile.write(index.pythonDump().utf8, to: path)
                let failure = failure { try SafetensorsSet(directory: directory) }
                #expect(failure?.status == .badData && failure?.location == path)
                #expect(failure?.what == "the index names \(name), which is not there")
            }
        }
    }
}
