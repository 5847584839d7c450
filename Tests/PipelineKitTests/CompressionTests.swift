// Whole frames and streams. The gzip and zstd bytes of the stream tests are made here, by the libraries' own writers.

import CZlib
import CZstd
import Foundation
import TestSupport
import Testing

@testable import PipelineKit

@Suite struct CompressionTests {
    static func text(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0 / 7) } }

    /// The frame in pieces of some size, each overwritten after its use; what is written must come in order and whole.
    private func decompress(_ frame: [UInt8], count: Int, piece: Int = .max) throws -> [UInt8] {
        var output = [UInt8](repeating: 0, count: count)
        var rest = frame[...], written: [UInt8] = []
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: frame.count, alignment: 1)
        defer { memory.deallocate() }
        try output.withUnsafeMutableBytes { output in
            try Zstd.decompress(into: output) {
                memory.initializeMemory(as: UInt8.self, repeating: 0xAA)
                guard !rest.isEmpty else { return nil }
                let next = rest.prefix(piece)
                rest = rest.dropFirst(next.count)
                memory.copyBytes(from: next)
                return UnsafeRawBufferPointer(rebasing: memory.prefix(next.count))
            } written: {
                written += $0
            }
        }
        #expect(written == output)
        return output
    }

    @Test(arguments: [0, 1, 7, 31, 1000, 300_000], [1, 3, 19])
    func `a frame gives back its content and states its size`(count: Int, level: Int) throws {
        let content = Self.text(count)
        let frame = try content.withUnsafeBytes { try Zstd.compress($0, level: level) }
        #expect(ZSTD_getFrameContentSize(frame, frame.count) == UInt64(count))
        for piece in [1, 7, 4096, .max] { #expect(try decompress(frame, count: count, piece: piece) == content) }
    }

    @Test func `a frame that is not exactly what was announced is refused`() throws {
        let content = Self.text(1000)
        let frame = try content.withUnsafeBytes { try Zstd.compress($0, level: 3) }
        for count in [0, 999, 1001] { #expect(throws: CompressionError.self) { try decompress(frame, count: count) } }
        for size in 0..<frame.count {
            #expect(throws: CompressionError.self) { try decompress(Array(frame.prefix(size)), count: 1000) }
        }
        for piece in [1, frame.count, .max] {
            #expect(throws: CompressionError("something follows the zstd frame")) {
                try decompress(frame + [1, 2, 3, 4], count: 1000, piece: piece)
            }
        }
        #expect(throws: CompressionError.self) { try decompress(frame + frame, count: 2000) }
        #expect(throws: CompressionError.self) { try decompress(Array("no frame".utf8), count: 8) }
    }

    @Test func `threads compress at the same time to the same bytes`() throws {
        let contents = (0..<16).map { Self.text(10_000 + $0) }
        let expected = try contents.map { try $0.withUnsafeBytes { try Zstd.compress($0, level: 3) } }
        var got: [[UInt8]] = []
        var next = contents[...]
        try orderedMap(
            workers: 8, next: { next.popFirst() },
            transform: { content in try content.withUnsafeBytes { try Zstd.compress($0, level: 3) } },
            drain: { got.append($0) })
        #expect(got == expected)
    }

    @Test func `a compression is told by its name`() {
        #expect(ShardCompression(name: "zstd:1") == .zstd(level: 1))
        #expect(ShardCompression(name: "zstd:19") == .zstd(level: 19))
        #expect(ShardCompression(name: "none") == ShardCompression.none)
        for name in ["zstd", "zstd:", "zstd:0", "zstd:20", "zstd:+3", "zstd:03", "zstd:3:4", "gz:9", ""] {
            #expect(ShardCompression(name: name) == nil, "\(name)")
        }
    }
}

@Suite struct ByteSourceTests {
    static func gzip(_ content: [UInt8]) throws -> [UInt8] {
        var stream = z_stream()
        guard
            deflateInit2_(&stream, 6, Z_DEFLATED, 15 + 16, 8, 0, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
                == Z_OK
        else { throw CompressionError("deflate") }
        defer { deflateEnd(&stream) }
        var content = content
        return [UInt8](unsafeUninitializedCapacity: content.count + 1000) { buffer, count in
            content.withUnsafeMutableBufferPointer { input in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = buffer.baseAddress
                stream.avail_out = UInt32(buffer.count)
                count = deflate(&stream, Z_FINISH) == Z_STREAM_END ? buffer.count - Int(stream.avail_out) : 0
            }
        }
    }

    static func zstd(_ content: [UInt8]) throws -> [UInt8] {
        try content.withUnsafeBytes { try Zstd.compress($0, level: 3) }
    }

    private func read(_ bytes: [UInt8], format: ByteSource.Format) throws -> [UInt8] {
        try withTemporaryDirectory { directory in
            let path = directory + "/file"
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            let source = try ByteSource(path: path)
            #expect(source.format == format)
            var content: [UInt8] = []
            while let chunk = try source.next() {
                #expect(!chunk.isEmpty && chunk.count <= 256 << 10)
                content += chunk
                #expect(source.offset == content.count)
            }
            #expect(source.fileOffset == bytes.count)
            #expect(try source.next() == nil)
            return content
        }
    }

    @Test(arguments: [0, 1, 7, 31, 262_144, 1_000_003])
    func `plain, gzip and zstd files deliver their content`(count: Int) throws {
        let content = CompressionTests.text(count)
        #expect(try read(content, format: .plain) == content)
        #expect(try read(try Self.gzip(content), format: .gzip) == content)
        #expect(try read(try Self.zstd(content), format: .zstd) == content)
    }

    @Test func `concatenated members and frames read on`() throws {
        let parts = [300_001, 0, 5, 70_000].map(CompressionTests.text)
        let content = parts.flatMap { $0 }
        #expect(try read(try parts.flatMap(Self.gzip), format: .gzip) == content)
        #expect(try read(try parts.flatMap(Self.zstd), format: .zstd) == content)
        let skippable: [UInt8] = [0x5A, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 9, 9, 9]
        #expect(try read(skippable + Self.zstd(content) + skippable, format: .zstd) == content)
        #expect(try read(try Self.gzip(content) + [0, 0, 0], format: .gzip) == content)
    }

    @Test func `what expands a thousandfold arrives in bounded chunks`() throws {
        let content = [UInt8](repeating: 32, count: 20 << 20)
        #expect(try read(try Self.zstd(content), format: .zstd) == content)
        #expect(try read(try Self.gzip(content), format: .gzip) == content)
    }

    @Test func `a stream that is cut off anywhere is an error`() throws {
        let content = CompressionTests.text(500)
        for (bytes, format) in [(try Self.gzip(content), ByteSource.Format.gzip), (try Self.zstd(content), .zstd)] {
            for size in 4..<bytes.count {
                #expect {
                    _ = try read(Array(bytes.prefix(size)), format: format)
                } throws: { Failure($0).status == .badData && Failure($0).what.contains("cut off") }
            }
        }
    }

    @Test func `damage and what follows a stream are errors that name the file`() throws {
        let content = CompressionTests.text(5000)
        var gzip = try Self.gzip(content)
        gzip[gzip.count - 6] ^= 1  // the checksum
        for bytes in [gzip, try Self.gzip(content) + [1], try Self.gzip(content) + [0, 1]] {
            #expect {
                _ = try read(bytes, format: .gzip)
            } throws: { Failure($0).status == .badData && Failure($0).location?.hasSuffix("/file") == true }
        }
        #expect { _ = try read(try Self.zstd(content) + [1, 2, 3, 4, 5], format: .zstd) } throws: {
            Failure($0).what.contains("damaged zstd stream")
        }
    }

    @Test func `directories and missing files are refused`() throws {
        #expect { try ByteSource(path: "/") } throws: { Failure($0).status == .badUsage }
        #expect(throws: FileError.self) { try ByteSource(path: "/nonexistent/file") }
        try withTemporaryDirectory { directory in
            let path = directory + "/fifo"
            #expect(mkfifo(path, 0o644) == 0)
            #expect { try ByteSource(path: path) } throws: { Failure($0).status == .badUsage }
        }
    }
}
