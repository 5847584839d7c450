// rejects.jsonl, written as the rows go by. Not atomic: a resumed run cuts it to the length that the last sidecar states.

import Foundation
import PipelineKit

/// The open rejects.jsonl of a run. Not thread-safe.
final class RejectLog {
    static let basename = "rejects.jsonl"

    /// How much of the file is written, and its XXH64.
    struct Mark: Equatable {
        var byteCount: Int
        var digest: String
    }

    let path: String
    private let descriptor: Int32
    private let hash = XXH64()
    private var byteCount = 0
    private var buffer: [UInt8] = []

    /// Opens the file and cuts it behind `prefix`, which stays.
    init(path: String, prefix: [UInt8]) throws {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { throw FileError("create the file", path) }
        guard ftruncate(descriptor, off_t(prefix.count)) == 0,
            lseek(descriptor, off_t(prefix.count), SEEK_SET) == off_t(prefix.count)
        else {
            let error = FileError("cut the file", path)
            close(descriptor)
            throw error
        }
        hash.update(prefix)
        byteCount = prefix.count
    }

    deinit { close(descriptor) }

    /// Appends a line.
    func append(_ line: [UInt8]) throws {
        buffer += line
        if buffer.count >= 1 << 16 { try flush() }
    }

    private func flush() throws {
        var rest = buffer[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 {
                if errno == EINTR { continue }
                throw FileError("write", path)
            }
            rest = rest.dropFirst(written)
        }
        hash.update(buffer)
        byteCount += buffer.count
        buffer.removeAll(keepingCapacity: true)
    }

    /// Writes everything and says how much it is. It is on the disk only after `sync`.
    func mark() throws -> Mark {
        try flush()
        return Mark(byteCount: byteCount, digest: hash.digest.hexDigits)
    }

    /// Brings what was written to the disk. The one method that another thread may call, beside the others.
    func sync() throws {
        guard fsync(descriptor) == 0 else { throw FileError("sync", path) }
    }

    /// The first bytes of an earlier run's file that end in each of `marks`, which rise: how many of them fit, and the
    /// bytes up to the last that does.
    static func verified(_ marks: [Mark], path: String) throws -> (count: Int, prefix: [UInt8]) {
        guard access(path, F_OK) == 0 else { return (marks.prefix { $0.byteCount == 0 }.count, []) }
        let file = try MappedFile(path: path)
        return file.withBytes { bytes in
            let hash = XXH64()
            var place = 0, count = 0
            for mark in marks {
                guard mark.byteCount >= place, mark.byteCount <= bytes.count else { break }
                hash.update(UnsafeRawBufferPointer(rebasing: bytes[place..<mark.byteCount]))
                guard hash.digest.hexDigits == mark.digest else { break }
                place = mark.byteCount
                count += 1
            }
            return (count, Array(bytes[..<place]))
        }
    }
}
