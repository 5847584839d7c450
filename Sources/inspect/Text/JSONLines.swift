// Files of one JSON object a line: rejects.jsonl and metrics.jsonl.

import PipelineKit

/// Reads a file of one JSON object a line; empty lines are passed over.
///
/// - Throws: `FileError`, or a `Failure` (bad data) that names path and line.
func jsonLines(path: String) throws -> [JSONObject] {
    var lines: [JSONObject] = []
    try forEachJSONLine(path: path) { lines.append($1) }
    return lines
}

/// Calls `body` with the number, from 1, and the object of each line that is not empty. One line is in memory at a time.
///
/// - Throws: as `jsonLines`, and what `body` throws.
func forEachJSONLine(path: String, _ body: (Int, JSONObject) throws -> Void) throws {
    let file = try MappedFile(path: path)
    try file.withBytes { bytes in
        var rest = bytes[...], number = 0
        while !rest.isEmpty {
            let line = rest.prefix { $0 != UInt8(ascii: "\n") }
            rest = rest[line.endIndex...].dropFirst()
            number += 1
            if line.isEmpty { continue }
            let place = "\(path.escapedForTerminal), line \(number)"
            let object: JSONObject?
            do {
                object = try JSONValue(parsing: UnsafeRawBufferPointer(rebasing: line)).objectValue
            } catch let error as JSONError {
                throw Failure(.badData, error.description, at: place)
            }
            guard let object else { throw Failure(.badData, "not a JSON object", at: place) }
            try body(number, object)
        }
    }
}
