// What lies in a directory, as digests by path, so that two states of it can be compared; and which files can be told from a
// clock. Those are compared without what the clock put into them:
//
//     metrics.jsonl              tokens_per_second
//     trainer_state.json         window_seconds
//     events.out.tfevents.*      wall times, train/tokens_per_second, and the checksums over both

import Foundation
import PipelineKit

/// The files of a directory.
struct Snapshot {
    /// The digest of each file by its path below the directory.
    private(set) var files: [String: UInt64] = [:]

    /// Takes a snapshot. A directory that is not there holds nothing; a file may be named in its place.
    init(_ path: String) throws {
        var status = stat()
        guard stat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            files[""] = try Self.digest(path)
            return
        }
        for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
            let file = "\(path)/\(name)"
            guard stat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            if name.hasSuffix(".lock") { continue }
            files[name] = try Self.digest(file)
        }
    }

    /// Those files that a finished directory promises: hidden ones and ones being written are not among them.
    var promised: [String: UInt64] {
        files.filter { name, _ in
            let last = name.split(separator: "/").last ?? ""
            return !last.hasPrefix(".") && !last.hasSuffix(".tmp")
        }
    }

    /// The paths that differ.
    static func differences(_ a: [String: UInt64], _ b: [String: UInt64]) -> [String] {
        Set(a.keys).union(b.keys).filter { a[$0] != b[$0] }.sorted()
    }

    private static func digest(_ path: String) throws -> UInt64 {
        let file = try MappedFile(path: path)
        let name = path.split(separator: "/").last ?? ""
        return try file.withBytes { bytes in
            switch name {
            case "metrics.jsonl": XXH64.hash(try Array(bytes).split(separator: 0x0A).flatMap(timelessLine))
            case "trainer_state.json": XXH64.hash(timeless(try JSONValue(parsing: bytes), "window_seconds"))
            case _ where name.hasPrefix("events.out.tfevents"): XXH64.hash(timelessEvents(Array(bytes)))
            default: XXH64.hash(bytes)
            }
        }
    }

    private static func timeless(_ value: JSONValue, _ key: String) -> [UInt8] {
        var object = value.objectValue ?? [:]
        object[key] = nil
        return Array((JSONValue.object(object).pythonDump() + "\n").utf8)
    }

    /// A line of metrics; one that a kill has torn as it is.
    private static func timelessLine(_ line: ArraySlice<UInt8>) throws -> [UInt8] {
        guard let value = try? JSONValue(parsing: Array(line)) else { return Array(line) }
        return timeless(value, "tokens_per_second")
    }

    /// TFRecord frames (8 bytes of length, 4 of checksum, the message, 4 of checksum) without the message's first field, the
    /// wall time (1 byte of key, 8 of value), and without the float behind the tag of the rate (1 byte of key, 4 of value).
    private static func timelessEvents(_ bytes: [UInt8]) -> [UInt8] {
        let rate = Array("train/tokens_per_second".utf8)
        var result: [UInt8] = []
        var place = 0
        while bytes.count - place >= 25 {
            let length = (0..<4).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
            guard length >= 9, bytes.count - place - 16 >= length else { break }
            var message = Array(bytes[place + 12 + 9..<place + 12 + length])
            for start in message.indices.dropLast(rate.count + 5)
            where message[start...].starts(with: rate) {
                message.replaceSubrange(start + rate.count..<start + rate.count + 5, with: [0, 0, 0, 0, 0])
            }
            result += message
            place += 16 + length
        }
        return result + bytes[place...]
    }
}
