// zstd frames of shards, through libzstd: compressed whole, decompressed piece by piece into memory that holds all of it.
// Streams without a known size are read by ByteSource.

import CZstd
import Synchronization

/// Why bytes could not be compressed or decompressed.
public struct CompressionError: PersonReadable, Equatable {
    /// What is wrong; where it is wrong is known to the caller.
    public var reason: String

    public init(_ reason: String) { self.reason = reason }

    public var failure: Failure { Failure(.badData, reason) }
}

/// One zstd frame at a time.
public enum Zstd {
    /// The levels that the programs offer.
    public static let levels = 1...19

    /// One frame that states its content size: the bytes that `zstd.compress(data, level)` gives in Python.
    public static func compress(_ bytes: UnsafeRawBufferPointer, level: Int) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: ZSTD_compressBound(bytes.count)) { buffer, count in
            count = try compress(bytes, into: UnsafeMutableRawBufferPointer(buffer), level: level)
        }
    }

    /// The same, outside of Swift's arrays.
    static func frame(of bytes: UnsafeRawBufferPointer, level: Int) throws -> RawBytes {
        let memory = try RawMemory(byteCount: ZSTD_compressBound(bytes.count))
        return RawBytes(memory, 0..<(try compress(bytes, into: memory.bytes, level: level)))
    }

    private static func compress(
        _ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, level: Int
    ) throws -> Int {
        precondition(levels.contains(level), "zstd levels are 1 to 19")
        let size = try Context.compressors.withOne { context in
            ZSTD_compressCCtx(
                context.pointer, output.baseAddress, output.count, bytes.baseAddress, bytes.count, Int32(level))
        }
        if let reason = failure(size) { throw CompressionError("zstd cannot compress: \(reason)") }
        return size
    }

    /// Fills `output` with the content of one frame that comes in pieces, which need not outlive the call for the next.
    ///
    /// Nothing is allocated on the frame's word: it must hold exactly `output.count` bytes.
    /// - Parameters:
    ///   - next: the next piece, nil at the end.
    ///   - written: called with each stretch of `output` as it is filled.
    /// - Throws: `CompressionError` if the frame is damaged, holds more or less, or is followed by anything; what `next`
    ///   throws.
    public static func decompress(
        into output: UnsafeMutableRawBufferPointer, pieces next: () throws -> UnsafeRawBufferPointer?,
        written: (UnsafeRawBufferPointer) -> Void = { _ in }
    ) throws {
        try Context.decompressors.withOne { context in
            ZSTD_DCtx_reset(context.pointer, ZSTD_reset_session_and_parameters)
            // The frame goes straight into `output`, whatever its window. A libzstd that does not know the switch copies
            // through a window of its own, of 128 MiB at most.
            if failure(ZSTD_DCtx_setParameter(context.pointer, stable_output_buffer, 1)) == nil {
                ZSTD_DCtx_setParameter(
                    context.pointer, ZSTD_d_windowLogMax, ZSTD_dParam_getBounds(ZSTD_d_windowLogMax).upperBound)
            }
            var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
            var isWhole = false
            while let piece = try next() {
                var source = ZSTD_inBuffer(src: piece.baseAddress, size: piece.count, pos: 0)
                while source.pos < source.size {
                    if isWhole { throw CompressionError("something follows the zstd frame") }
                    let start = target.pos
                    let hint = ZSTD_decompressStream(context.pointer, &target, &source)
                    if let reason = failure(hint) {
                        throw CompressionError("zstd cannot decompress to \(output.count) bytes: \(reason)")
                    }
                    written(UnsafeRawBufferPointer(rebasing: output[start..<target.pos]))
                    isWhole = hint == 0
                }
            }
            guard isWhole else { throw CompressionError("the zstd frame ends too early") }
            guard target.pos == output.count else {
                throw CompressionError("the zstd frame holds \(target.pos) bytes, expected \(output.count)")
            }
        }
    }

    /// The content size that a frame states in its header; nil where it states none or is no frame.
    public static func statedContent(of frame: UnsafeRawBufferPointer) -> Int? {
        // The two largest numbers stand for no size and no frame.
        let size = ZSTD_getFrameContentSize(frame.baseAddress, frame.count)
        return size > UInt64(Int.max) ? nil : Int(size)
    }

    /// The most bytes that a frame of `frameBytes` can hold: a block of 128 KiB takes at least 4 bytes (RFC 8878, 3.1.1.2).
    public static func largestContent(frameBytes: Int) -> Int {
        frameBytes / 4 * (128 << 10)
    }

    /// libzstd's message if a returned size is an error.
    static func failure(_ size: Int) -> String? {
        ZSTD_isError(size) == 0 ? nil : String(cString: ZSTD_getErrorName(size))
    }
}

/// A compression or decompression context. Costly to make (a level's tables), so contexts are kept and lent out.
private final class Context: @unchecked Sendable {  // lent to one caller at a time by its pool
    let pointer: OpaquePointer
    private let free: (OpaquePointer) -> Void

    init(_ pointer: OpaquePointer?, free: @escaping (OpaquePointer) -> Void) throws {
        guard let pointer else { throw Failure(.failed, "no memory for a zstd context") }
        self.pointer = pointer
        self.free = free
    }

    deinit { free(pointer) }

    static let compressors = Pool { try Context(ZSTD_createCCtx(), free: { ZSTD_freeCCtx($0) }) }
    static let decompressors = Pool { try Context(ZSTD_createDCtx(), free: { ZSTD_freeDCtx($0) }) }

    /// As many contexts as callers at once.
    final class Pool: Sendable {
        private let idle = Mutex<[Context]>([])
        private let make: @Sendable () throws -> Context

        init(make: @escaping @Sendable () throws -> Context) { self.make = make }

        func withOne<Result>(_ body: (Context) throws -> Result) throws -> Result {
            let context = try idle.withLock { $0.popLast() } ?? make()
            defer { idle.withLock { $0.append(context) } }
            return try body(context)
        }
    }
}
