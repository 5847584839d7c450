// The decompressors behind ByteSource: zlib and libzstd, with their states kept between calls.

import CZlib
import CZstd

/// A decompressor that is fed piece by piece.
protocol StreamDecoder: AnyObject {
    /// Whether the input so far ends where a member or frame ends.
    var isAtBoundary: Bool { get }

    /// Decodes as much of `input` as `output` has room for. With no input it delivers what it still holds.
    /// - Throws: `CompressionError` without a place.
    func decode(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws -> (consumed: Int, written: Int)
}

/// gzip members, one after another; zero bytes may follow the last (tape padding), nothing else.
final class GzipDecoder: StreamDecoder {
    private enum Place { case start, inMember, afterMember, padding }

    /// zlib keeps a pointer to it, so it must not move.
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private var place = Place.start

    init() throws {
        stream.initialize(to: z_stream())
        // 15 bits of window; 16 asks for gzip alone.
        guard inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            stream.deallocate()
            throw Failure(.failed, "no memory for a gzip stream")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    var isAtBoundary: Bool { place == .afterMember || place == .padding }

    func decode(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws -> (consumed: Int, written: Int) {
        if place == .afterMember, let first = input.first {
            if first == 0 {
                place = .padding
            } else {
                inflateReset(stream)
                place = .inMember
            }
        }
        if place == .padding {
            guard input.allSatisfy({ $0 == 0 }) else { throw CompressionError("something follows the last member") }
            return (input.count, 0)
        }
        if place == .afterMember { return (0, 0) }
        place = .inMember
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(input.count)
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(output.count)
        let status = inflate(stream, Z_NO_FLUSH)
        let consumed = input.count - Int(stream.pointee.avail_in)
        let written = output.count - Int(stream.pointee.avail_out)
        switch status {
        case Z_STREAM_END: place = .afterMember
        case Z_OK, Z_BUF_ERROR: break  // Z_BUF_ERROR: nothing to do without more input
        case Z_NEED_DICT: throw CompressionError("it needs a dictionary")
        default: throw CompressionError(stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(status)")
        }
        return (consumed, written)
    }
}

/// zstd frames, one after another, skippable ones left out. A frame's window is at most 128 MiB (libzstd's default).
final class ZstdDecoder: StreamDecoder {
    private let context: OpaquePointer
    private(set) var isAtBoundary = false

    init() throws {
        guard let context = ZSTD_createDCtx() else { throw Failure(.failed, "no memory for a zstd stream") }
        self.context = context
    }

    deinit { ZSTD_freeDCtx(context) }

    func decode(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws -> (consumed: Int, written: Int) {
        // With nothing in and a frame done, libzstd would begin to wait for the next frame.
        if input.isEmpty, isAtBoundary { return (0, 0) }
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let hint = ZSTD_decompressStream(context, &target, &source)
        if let reason = Zstd.failure(hint) { throw CompressionError(reason) }
        isAtBoundary = hint == 0
        return (source.pos, target.pos)
    }
}
