// A file whose size is known beforehand, read piece by piece. Read, not mapped: a file that shrinks while it is read is an
// error, not a signal.

import Foundation

/// A regular file of `count` bytes, read once from its start to its end. Not thread-safe.
final class SizedFile {
    let count: Int
    /// How many bytes have been read.
    private(set) var position = 0
    private let path: String
    private let descriptor: Int32
    private let mismatch: (Int) -> any Error

    /// Opens a file that must be `count` bytes long; nothing is allocated if it is not.
    ///
    /// - Parameter mismatch: the error for a file of another size, which is passed.
    /// - Throws: that error, `FileError`, a `Failure` for what is no regular file.
    init(path: String, count: Int, mismatch: @escaping (Int) -> any Error) throws {
        self.count = count
        self.path = path
        self.mismatch = mismatch
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError("open", path) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileError("read the size", path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(.badData, "not a regular file", at: path.escapedForTerminal)
        }
        guard Int(status.st_size) == count else { throw mismatch(Int(status.st_size)) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// The next bytes: as many as `memory` takes, fewer at the file's end, none behind it. They lie in `memory`.
    func next(into memory: UnsafeMutableRawBufferPointer) throws -> UnsafeRawBufferPointer {
        let piece = UnsafeMutableRawBufferPointer(rebasing: memory.prefix(count - position))
        var filled = 0
        while filled < piece.count {
            let got = read(descriptor, piece.baseAddress.map { $0 + filled }, piece.count - filled)
            if got < 0 {
                if errno == EINTR { continue }
                throw FileError("read", path)
            }
            if got == 0 { throw mismatch(position + filled) }
            filled += got
        }
        position += filled
        return UnsafeRawBufferPointer(piece)
    }
}
