// Whether there is room for what a stage is going to write: asked before the work, so that a full disk is not found out
// hours later. An estimate: what fills the disk meanwhile is told by the write that fails.

import Foundation

/// The room that is left where a directory lies.
public enum FreeSpace {
    /// Checks that there is room.
    ///
    /// - Parameters:
    ///   - directory: an existing one.
    ///   - bytes: about what will be written.
    ///   - what: what that is, such as `the log-mels`.
    ///   - remedy: what helps besides more room, such as `choose another --output`.
    /// - Throws: a `Failure` (failed) that names both figures; `FileError`.
    public static func check(_ directory: String, holds bytes: Int, of what: String, remedy: String) throws {
        let free = Double(try available(directory))
        guard Double(bytes) > free else { return }
        throw Failure(
            .failed, "\(what) will need about \(text(Double(bytes))), \(text(free)) are free",
            at: directory.escapedForTerminal, remedy: "free some space and run the same command again, or \(remedy)")
    }

    /// Bytes that an unprivileged program may still write where a directory lies.
    /// - Throws: `FileError`.
    public static func available(_ directory: String) throws -> Int {
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else { throw FileError("find out the free space", directory) }
        return Int(
            clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
    }

    /// `1.2 GB`, `34.5 MB`: decimal, as disks are sold and `df -H` prints.
    private static func text(_ bytes: Double) -> String {
        bytes >= 1e9 ? String(format: "%.1f GB", bytes / 1e9) : String(format: "%.1f MB", bytes / 1e6)
    }
}
