// Where the paths of a manifest lead. With `--audio-root` they must lead below it, links and `..` followed; only regular
// files are opened, without waiting for a FIFO's writer, and what was opened is what is read.

import Foundation
import PipelineKit

/// The folder that a manifest's paths start from.
struct AudioRoot: Sendable {
    /// The real path of the folder.
    let directory: String
    /// Whether paths may not leave it.
    let isFence: Bool

    /// - Throws: `Failure` (bad usage) for a folder that is none.
    init(directory: String, isFence: Bool) throws {
        guard let real = Self.realPath(directory), Self.isDirectory(real) else {
            throw Failure(
                .badUsage, "no such directory", at: directory.escapedForTerminal, remedy: "check --audio-root")
        }
        self.directory = real
        self.isFence = isFence
    }

    /// A regular file, open for reading. Closed with the last reference.
    final class File: Sendable {
        let descriptor: Int32
        let byteCount: Int

        init(descriptor: Int32, byteCount: Int) {
            self.descriptor = descriptor
            self.byteCount = byteCount
        }

        deinit { close(descriptor) }

        /// All bytes. Shorter than `byteCount` where the file shrank meanwhile.
        func bytes(path: String) throws -> [UInt8] {
            var code: Int32 = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
                while count < byteCount, let base = buffer.baseAddress {
                    let got = pread(descriptor, base + count, byteCount - count, off_t(count))
                    if got < 0, errno == EINTR { continue }
                    if got < 0 { code = errno }
                    if got <= 0 { break }
                    count += got
                }
            }
            if code != 0 { throw FileError("read", path, code: code) }
            return bytes
        }
    }

    /// Opens the file that a manifest's path names.
    ///
    /// - Throws: `Reject` (missing_audio, path_outside_root, unreadable_audio); `FileError` where the system is at its
    ///   limits, which says nothing about the file.
    func open(_ path: String) throws -> File {
        guard !path.utf8.contains(0) else { throw Reject(.missingAudio, "the path holds a zero byte", path: path) }
        let wanted = path.utf8.first == UInt8(ascii: "/") ? path : directory + "/" + path
        let real = Self.realPath(wanted)
        let code = errno
        if isFence, !contains(real ?? Self.nearestPath(wanted)) {
            throw Reject(.pathOutsideRoot, "the path leads outside of --audio-root", path: path)
        }
        guard let real else { throw try refusal(code, path) }
        // The path is real: a link in its place is new, and may lead anywhere.
        let descriptor = Foundation.open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY)
        guard descriptor >= 0 else { throw try refusal(errno, path) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw Reject(.unreadableAudio, "not a regular file", path: path)
        }
        return File(descriptor: descriptor, byteCount: Int(status.st_size))
    }

    private func refusal(_ code: Int32, _ path: String) throws -> Reject {
        switch code {
        case ENOENT, ENOTDIR, ENAMETOOLONG: return Reject(.missingAudio, "no such file", path: path)
        case EMFILE, ENFILE, ENOMEM: throw FileError("open", path, code: code)
        default: return Reject(.unreadableAudio, "cannot be opened: \(String(cString: strerror(code)))", path: path)
        }
    }

    private func contains(_ path: String) -> Bool {
        let root = Array(directory.utf8) + (directory == "/" ? [] : [UInt8(ascii: "/")])
        return path.utf8.starts(with: root)
    }

    // MARK: Paths

    /// The path without links and `..`; nil, with errno, where it leads nowhere.
    private static func realPath(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Where a path that leads nowhere would lead: what exists of it by its real path, the rest by its words.
    private static func nearestPath(_ path: String) -> String {
        var parts = path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
        var rest: [String] = []
        while !parts.isEmpty {
            if let real = realPath("/" + parts.joined(separator: "/")) {
                var result = real.split(separator: "/").map(String.init)
                for part in rest.reversed() where part != "." {
                    if part == ".." { _ = result.popLast() } else { result.append(part) }
                }
                return "/" + result.joined(separator: "/")
            }
            rest.append(parts.removeLast())
        }
        return "/"
    }
}
