// Files of one JSON object a line: rejects.jsonl and metrics.jsonl.

import PipelineKit

/// Reads a file of one JSON object a line; empty lines are passed over.
///
/// - Throws: `FileError`, or a `Failure` (bad data) that names path and line.
func jsonLines(path: String) throws -> [JSONObject] {
    let file = try MappedFile(path: path)
    return try file.withBytes { bytes in
        try bytes.split(separator: UInt8(ascii: "\n")).enumerated().map { number, line in
            let place = "\(path.escapedForTerminal), line \(number + 1)"
            do {
                guard let object = try JSONValue(parsing: UnsafeRawBufferPointer(rebasing: line)).objectValue else {
                    throw Failure(.badData, "not a JSON object", at: place)
                }
                return object
            } catch let error as JSONError {
                throw Failure(.badData, error.description, at: place)
            }
        }
    }
}
