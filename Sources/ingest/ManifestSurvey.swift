// One pass over the manifest before the work: how many rows, where they end, what the whole is (its digest), and how much
// room the audio will take. Errors in the form of an array come out here, before anything is written.

import Foundation
import PipelineKit

/// What a manifest holds, as far as it will be read.
struct ManifestSurvey {
    /// Rows on which the estimate of the audio's size rests.
    private static let sampledRows = 256

    /// Rows that will be read.
    var rows = 0
    /// Behind the last of them.
    var lastRow = ManifestPosition()
    /// Where reading ends: behind the last row, or behind everything where the manifest is read to its end.
    var end = ManifestPosition()
    /// The XXH64 of all bytes, after decompression.
    var digest = ""
    /// Bytes of audio a row, from the first rows that could be read.
    var audioBytesPerRow = 0.0

    /// - Parameter limit: rows that will be read at most.
    /// - Throws: `Failure` (bad usage) for a path that is no manifest, `ManifestError`, `FileError`.
    init(path: String, limit: Int?, clips: ClipLoader) throws {
        var status = stat()
        guard stat(path, &status) == 0 || errno != ENOENT && errno != ENOTDIR else {
            throw Failure(.badUsage, "no such file", at: path.escapedForTerminal, remedy: "check --data-path")
        }
        if status.st_mode & S_IFMT == S_IFDIR {
            throw Failure(
                .badUsage, "is a directory, not a manifest", at: path.escapedForTerminal,
                remedy: "name the JSON or JSONL file in it with --data-path")
        }
        let reader = try ManifestReader(path: path)
        lastRow = reader.position
        let parser = RowParser(addedToken: { _ in nil })
        var sampled = 0, bytes = 0
        while true {
            try Interrupt.check()
            let isSampled = rows < Self.sampledRows
            guard let row = try reader.next(keepsBytes: isSampled) else { break }
            if rows < limit ?? .max {
                rows += 1
                lastRow = row.end
            }
            if isSampled, case .bytes(let text) = row.content,
                let parsed = try? parser.parse(JSONValue(parsing: text))
            {
                sampled += 1
                bytes += parsed.clips.reduce(0) { $0 + clips.estimatedBytes($1) }
            }
        }
        end = limit == nil ? reader.position : lastRow
        digest = reader.position.digest.hexDigits
        audioBytesPerRow = sampled == 0 ? 0 : Double(bytes) / Double(sampled)
    }

    /// Checks that there is room for the audio of `rows` rows.
    /// - Throws: `Failure` where there is not.
    func checkRoom(rows: Int, directory: String) throws {
        try FreeSpace.check(
            directory, holds: Int(audioBytesPerRow * Double(rows)), of: "the audio",
            remedy: "choose another --output, or try --limit")
    }
}

extension ClipLoader {
    /// Bytes that a clip will take, without decoding it; 0 where it cannot be opened.
    func estimatedBytes(_ request: ClipRequest) -> Int {
        switch request.source {
        case .base64(let text): return text.utf8.count / 4 * 3
        case .path(let path):
            guard let file = try? root.open(path) else { return 0 }
            guard request.offset != nil, let duration = request.duration else { return file.byteCount }
            // FLAC of 16 bits, one channel, 48 kHz takes about as much.
            return min(file.byteCount, Int(min(duration, maxDuration) * 64_000))
        }
    }
}
