// Whole zstd frames in memory, through libzstd: shards and nothing else. Streams are read by ByteSource.

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

    /// Fills `output` with the content of the one frame that `frame` is.
    ///
    /// Nothing is allocated on the frame's word: it must hold exactly `output.count` bytes.
    /// - Throws: `CompressionError` if the frame is damaged, holds more or less, or is followed by anything.
    public static func decompress(_ frame: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws {
        let frameSize = ZSTD_findFrameCompressedSize(frame.baseAddress, frame.count)
        if let reason = failure(frameSize) { throw CompressionError("not a whole zstd frame: \(reason)") }
        guard frameSize == frame.count else {
            throw CompressionError("\(frame.count - frameSize) bytes follow the zstd frame")
        }
        let size = try Context.decompressors.withOne { context in
            ZSTD_decompressDCtx(context.pointer, output.baseAddress, output.count, frame.baseAddress, frame.count)
        }
        if let reason = failure(size) {
            throw CompressionError("zstd cannot decompress to \(output.count) bytes: \(reason)")
        }
        guard size == output.count else {
            throw CompressionError("the zstd frame holds \(size) bytes, expected \(output.count)")
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
