// Files that are whole or absent: written under a temporary name, synced, renamed.

import Foundation

/// An error of the file system, with the path and what the system said.
public struct FileError: PersonReadable {
    public var operation: String
    public var path: String
    public var code: Int32

    /// An error from `errno`.
    public init(_ operation: String, _ path: String, code: Int32 = errno) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    public var failure: Failure {
        let remedy: String? =
            switch code {
            case ENOSPC, EDQUOT: "free some space and run the same command again"
            case EACCES, EPERM, EROFS: "check the permissions, or choose another place"
            case ENOENT: "check the path"
            case EFBIG: "raise the limit on the size of files (ulimit -f), or choose another file system"
            case ELOOP: "remove the link that lies there"
            case EIO: "check the disk, then run the same command again"
            default: nil
            }
        return Failure(
            .failed, "cannot \(operation): \(String(cString: strerror(code)))", at: path.escapedForTerminal,
            remedy: remedy)
    }
}

/// A closure that the tests pass to code that changes files: it is told each step, and throws to stand for a kill there.
typealias FaultPoint = (_ step: String) throws -> Void

/// A file that is being written and appears under its name only when `commit` succeeds.
///
/// Not thread-safe. A file that is neither committed nor discarded is removed when the value goes away.
public final class AtomicFile {
    /// The name that the file gets in the end.
    public let path: String
    /// Bytes written so far.
    public private(set) var byteCount = 0
    private let temporaryPath: String
    private var descriptor: Int32
    private let faultPoint: FaultPoint?

    /// Opens `path.tmp` for writing; a left-over one from a killed run is replaced.
    public convenience init(path: String) throws {
        try self.init(path: path, faultPoint: nil)
    }

    init(path: String, faultPoint: FaultPoint?) throws {
        self.path = path
        self.faultPoint = faultPoint
        temporaryPath = path + ".tmp"
        try faultPoint?("create \(path)")
        // No link in its place is followed: what it leads to is not ours to cut.
        descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
        if descriptor < 0 { throw FileError("create the file", temporaryPath) }
    }

    deinit { discard() }

    /// Appends bytes.
    public func write(_ bytes: UnsafeRawBufferPointer) throws {
        precondition(descriptor >= 0, "write after commit or discard")
        var rest = bytes[...]
        let half = bytes.count / 2
        while !rest.isEmpty {
            // A kill in the middle of a write leaves a part of it.
            if let faultPoint, rest.count == bytes.count {
                let written = Foundation.write(descriptor, bytes.baseAddress, half)
                guard written == half else { throw FileError("write", temporaryPath) }
                rest = rest.dropFirst(half)
                try step(faultPoint, "write")
            }
            let written = Foundation.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written < 0 {
                if errno == EINTR { continue }
                throw FileError("write", temporaryPath)
            }
            rest = rest.dropFirst(written)
        }
        byteCount += bytes.count
    }

    /// Appends bytes.
    public func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try write($0) }
    }

    /// Syncs the file and gives it its name; the directory entry is synced too.
    public func commit() throws {
        precondition(descriptor >= 0, "commit after commit or discard")
        if let faultPoint { try step(faultPoint, "sync") }
        if fsync(descriptor) != 0 { throw FileError("sync", temporaryPath) }
        if let faultPoint { try step(faultPoint, "rename") }
        let status = close(descriptor)
        descriptor = -1
        if status != 0 {
            let error = FileError("close", temporaryPath)
            unlink(temporaryPath)
            throw error
        }
        if rename(temporaryPath, path) != 0 {
            let error = FileError("rename to \(path)", temporaryPath)
            unlink(temporaryPath)
            throw error
        }
        try faultPoint?("sync the directory of \(path)")
        try Self.syncDirectory(of: path)
    }

    /// Gives the tests their chance to stop here. A stop leaves the files as a kill would: nothing is cleaned up.
    private func step(_ faultPoint: FaultPoint, _ name: String) throws {
        do {
            try faultPoint("\(name) \(path)")
        } catch {
            close(descriptor)
            descriptor = -1
            throw error
        }
    }

    /// Removes the temporary file. Does nothing after `commit`.
    public func discard() {
        guard descriptor >= 0 else { return }
        close(descriptor)
        descriptor = -1
        unlink(temporaryPath)
    }

    /// Writes a whole file atomically.
    public static func write(_ bytes: some Sequence<UInt8>, to path: String) throws {
        let file = try AtomicFile(path: path)
        try file.write(Array(bytes))
        try file.commit()
    }

    /// Brings the names of the directory in which a path lies to the disk.
    public static func syncDirectory(of path: String) throws {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError("open the directory", directory) }
        defer { close(descriptor) }
        // Some file systems cannot sync a directory and say so with EINVAL.
        if fsync(descriptor) != 0, errno != EINVAL { throw FileError("sync the directory", directory) }
    }
}
