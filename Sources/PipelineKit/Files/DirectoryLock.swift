// One writer a directory, across processes: flock on a file in it. Readers take no lock.

import Foundation

/// The right to write into a directory, held as long as the object lives, and no longer than the process.
public final class DirectoryLock: Sendable {
    static let basename = ".lock"
    private let descriptor: Int32

    /// Takes the lock of an existing directory without waiting.
    /// - Throws: a `Failure` if another writer has it, `FileError` if the directory cannot be written.
    public init(directory: String) throws {
        let path = directory + "/" + Self.basename
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError("create the file", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            guard code == EWOULDBLOCK else { throw FileError("lock", path, code: code) }
            throw Failure(
                .failed, "another program is writing this directory", at: directory.escapedForTerminal,
                remedy: "wait until it ends, or stop it, and run the same command again")
        }
        self.descriptor = descriptor
    }

    deinit {
        // Unlocked by name: a child between fork and exec still has a copy of the descriptor, which would hold the lock.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// Makes a directory and those above it, as far as they are missing.
    public static func makeDirectory(_ path: String) throws {
        if mkdir(path, 0o755) == 0 { return }
        var code = errno
        if code == ENOENT {
            let parent = URL(fileURLWithPath: path).deletingLastPathComponent().path
            if parent != path { try makeDirectory(parent) }
            if mkdir(path, 0o755) == 0 { return }
            code = errno
        }
        var status = stat()
        guard code == EEXIST, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw FileError("make the directory", path, code: code == EEXIST ? ENOTDIR : code)
        }
    }
}
