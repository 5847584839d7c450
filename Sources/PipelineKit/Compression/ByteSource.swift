// Files read as a stream of decompressed bytes: plain, gzip (RFC 1952) or zstd (RFC 8878), told apart by their first
// bytes and not by their names. Memory does not grow with the file.

import Foundation

/// A file that is read from its start to its end, decompressed on the way. Not thread-safe.
///
/// Only regular files are opened. Concatenated gzip members and zstd frames read as one stream.
public final class ByteSource {
    /// How the file is compressed.
    public enum Format: String, Sendable { case plain, gzip, zstd }

    public let path: String
    public let format: Format
    /// The size of the file itself.
    public let fileByteCount: Int
    /// How many bytes of the file itself have been read; for progress.
    public private(set) var fileOffset = 0
    /// How many decompressed bytes have been delivered.
    public private(set) var offset = 0
    private let descriptor: Int32
    private var decoder: (any StreamDecoder)?
    /// Bytes of the file, of which those from `inputStart` on are not decoded yet.
    private var input: [UInt8] = []
    private var inputStart = 0
    private var isFileAtEnd = false

    /// Bytes that are read and delivered at a time.
    private static let chunkBytes = 256 << 10

    /// Opens a file and reads its first bytes.
    public init(path: String) throws {
        self.path = path
        // O_NONBLOCK: opening a FIFO must not wait for its writer.
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError("open", path) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let error = FileError("read the size", path)
            close(descriptor)
            throw error
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw Failure(.badUsage, "not a regular file", at: path.escapedForTerminal, remedy: "name a file")
        }
        fileByteCount = Int(status.st_size)
        var head = [UInt8](repeating: 0, count: 4)
        let count = pread(descriptor, &head, 4, 0)
        guard count >= 0 else {
            let error = FileError("read", path)
            close(descriptor)
            throw error
        }
        format = Self.format(head.prefix(count))
        do {
            switch format {
            case .plain: decoder = nil
            case .gzip: decoder = try GzipDecoder()
            case .zstd: decoder = try ZstdDecoder()
            }
        } catch {
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    private static func format(_ head: ArraySlice<UInt8>) -> Format {
        if head.starts(with: [0x1F, 0x8B]) { return .gzip }
        if head.elementsEqual([0x28, 0xB5, 0x2F, 0xFD]) { return .zstd }
        // A skippable frame (0x184D2A50 to 5F) may come first.
        if head.count == 4, head[0] & 0xF0 == 0x50, head.dropFirst().elementsEqual([0x2A, 0x4D, 0x18]) { return .zstd }
        return .plain
    }

    /// The next decompressed bytes, at most 256 KiB; nil at the end.
    ///
    /// - Throws: a `Failure` (bad data) that says where a compressed file is damaged or cut off; `FileError`.
    public func next() throws -> [UInt8]? {
        guard let decoder else {
            try fill()
            defer { input = [] }
            offset += input.count
            return input.isEmpty ? nil : input
        }
        while true {
            if inputStart == input.count { try fill() }
            let step = try decoded(by: decoder)
            inputStart += step.consumed
            if !step.output.isEmpty {
                offset += step.output.count
                return step.output
            }
            if isFileAtEnd, inputStart == input.count {
                guard decoder.isAtBoundary else {
                    throw damaged("is cut off: the \(format.rawValue) stream has no end")
                }
                return nil
            }
            if step.consumed == 0 { throw damaged("has a damaged \(format.rawValue) stream: no progress") }
        }
    }

    private func decoded(by decoder: any StreamDecoder) throws -> (consumed: Int, output: [UInt8]) {
        var consumed = 0
        do {
            let output = try [UInt8](unsafeUninitializedCapacity: Self.chunkBytes) { buffer, count in
                try input[inputStart...].withUnsafeBytes { rest in
                    (consumed, count) = try decoder.decode(rest, into: UnsafeMutableRawBufferPointer(buffer))
                }
            }
            return (consumed, output)
        } catch let error as CompressionError {
            throw damaged("has a damaged \(format.rawValue) stream: \(error.reason)")
        }
    }

    private func damaged(_ what: String) -> Failure {
        Failure(
            .badData, "\(what) (byte \(fileOffset - (input.count - inputStart)) of \(fileByteCount))",
            at: path.escapedForTerminal, remedy: "make the file anew, or decompress what is left of it")
    }

    /// Reads the next bytes of the file.
    private func fill() throws {
        inputStart = 0
        if isFileAtEnd {
            input = []
            return
        }
        var code: Int32 = 0
        input = [UInt8](unsafeUninitializedCapacity: Self.chunkBytes) { buffer, count in
            while true {
                let result = read(descriptor, buffer.baseAddress, buffer.count)
                if result < 0, errno == EINTR { continue }
                if result < 0 { code = errno }
                count = max(0, result)
                return
            }
        }
        if code != 0 { throw FileError("read", path, code: code) }
        isFileAtEnd = input.isEmpty
        fileOffset += input.count
    }
}
