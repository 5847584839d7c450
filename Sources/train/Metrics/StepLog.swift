// A file that grows by whole entries while a run goes on: what metrics.jsonl and the TensorBoard events share.

import Foundation
import PipelineKit

/// A file open for appending. Not thread-safe.
final class StepLog {
    let path: String
    private let descriptor: Int32

    /// Opens the file, which is made where it is absent.
    /// - Throws: `FileError`.
    init(path: String) throws {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError("open", path) }
    }

    deinit { close(descriptor) }

    /// Appends an entry; it is with the system when the call returns.
    func append(_ entry: [UInt8]) throws {
        var rest = entry[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 {
                if errno == EINTR { continue }
                throw FileError("write", path)
            }
            rest = rest.dropFirst(written)
        }
    }

    /// Brings the entries to the disk, before a checkpoint that counts on them.
    func sync() throws {
        if fsync(descriptor) != 0 { throw FileError("sync", path) }
    }

    /// Cuts a file to the first bytes for which `keptCount` asks; an absent file stays absent.
    static func cut(_ path: String, keptCount: ([UInt8]) -> Int) throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        let bytes = try MappedFile(path: path).withBytes { Array($0) }
        let kept = keptCount(bytes)
        if kept < bytes.count { try AtomicFile.write(bytes[..<kept], to: path) }
    }
}
