// Bytes of a known number outside of Swift's arrays: not zeroed first, and memory that is never written costs nothing.

import Foundation

/// A block of memory that is filled once and then only read.
///
/// The owner fills `buffer` before it shares the object; after that nobody writes.
public final class RawBytes: @unchecked Sendable {  // see above: written by one thread, before it is shared
    let buffer: UnsafeMutableRawBufferPointer

    /// The bytes; valid within `body`.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(buffer)) }
    }

    public var count: Int { buffer.count }

    /// Memory for `count` bytes, uninitialised.
    init(count: Int) throws {
        guard let address = malloc(max(1, count)) else {
            throw Failure(.failed, "no memory for \(count) bytes", remedy: "use smaller shards or fewer workers")
        }
        buffer = UnsafeMutableRawBufferPointer(start: address, count: count)
    }

    deinit { free(buffer.baseAddress) }

    /// The content of a regular file that must be `expectedCount` bytes long; nothing is allocated if it is not.
    ///
    /// Read, not mapped: a file that shrinks while it is read is an error, not a signal.
    /// - Parameter mismatch: the error for a file of another size, which is passed.
    convenience init(path: String, expectedCount: Int, mismatch: (Int) -> any Error) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError("open", path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileError("read the size", path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(.badData, "not a regular file", at: path.escapedForTerminal)
        }
        guard Int(status.st_size) == expectedCount else { throw mismatch(Int(status.st_size)) }
        try self.init(count: expectedCount)
        var filled = 0
        while filled < expectedCount {
            let count = read(descriptor, buffer.baseAddress.map { $0 + filled }, expectedCount - filled)
            if count < 0 {
                if errno == EINTR { continue }
                throw FileError("read", path)
            }
            if count == 0 { throw mismatch(filled) }
            filled += count
        }
    }
}
