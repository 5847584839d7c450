// metrics.jsonl: lines are appended as steps are done, and cut back when a run goes on from a checkpoint.

import Foundation
import PipelineKit

/// The metrics of a run, open for appending. Not thread-safe.
final class MetricsFile {
    let path: String
    private let descriptor: Int32

    /// Opens the file after cutting it to the lines of steps before `step`.
    ///
    /// A last line without end, which a kill can leave, goes too. 0 makes an empty file.
    /// - Throws: `FileError`.
    init(path: String, keepingStepsBelow step: Int) throws {
        self.path = path
        try Self.cut(path, toStepsBelow: step)
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError("open", path) }
    }

    deinit { close(descriptor) }

    private static func cut(_ path: String, toStepsBelow step: Int) throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        let bytes = try MappedFile(path: path).withBytes { Array($0) }
        var kept = 0, start = 0
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            // Steps never fall from one line to the next, so the first line that goes is where the file is cut.
            guard let line = try? JSONValue(parsing: bytes[start..<end]), let number = line["step"]?.intValue,
                number < step
            else { break }
            kept = end + 1
            start = end + 1
        }
        if kept < bytes.count { try AtomicFile.write(bytes[..<kept], to: path) }
    }

    /// Appends a line; it is with the system when the call returns.
    func append(_ line: JSONObject) throws {
        var bytes = Array(JSONValue.object(line).pythonDump().utf8)
        bytes.append(UInt8(ascii: "\n"))
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 {
                if errno == EINTR { continue }
                throw FileError("write", path)
            }
            rest = rest.dropFirst(written)
        }
    }

    /// Brings the lines to the disk, before a checkpoint that counts on them.
    func sync() throws {
        if fsync(descriptor) != 0 { throw FileError("sync", path) }
    }
}
