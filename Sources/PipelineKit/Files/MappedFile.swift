// A file as read-only memory.

import Foundation

/// A regular file mapped into memory for reading.
///
/// Opened by descriptor; directories, FIFOs and devices are refused.
public final class MappedFile: @unchecked Sendable {  // immutable after init; the mapping is read-only
    public let path: String
    /// The file's bytes. They are gone with the object, which Swift may release after its last mention: other modules use
    /// `withBytes`; in here, whoever points into them keeps the object in a property.
    let bytes: UnsafeRawBufferPointer

    public init(path: String) throws {
        self.path = path
        // O_NONBLOCK: opening a FIFO must not wait for its writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError("open", path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileError("read the size", path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(.badUsage, "not a regular file", at: path.escapedForTerminal, remedy: "name a file")
        }
        let size = Int(status.st_size)
        if size == 0 {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw FileError("map", path)
        }
        bytes = UnsafeRawBufferPointer(start: address, count: size)
    }

    /// Calls `body` with the file's bytes, which are valid until it returns.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(bytes) }
    }

    deinit {
        if let address = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: address), bytes.count) }
    }
}
