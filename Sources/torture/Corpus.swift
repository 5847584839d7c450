// The data that is tortured: the rows of the example again and again, each repetition with other cuts of the same files, so
// that no clip is like another and no cache helps.

import Foundation
import PipelineKit

enum Corpus {
    /// Writes a manifest of `repetitions` times the example.
    static func write(_ repetitions: Int, from example: String, to path: String) throws {
        let rows = try MappedFile(path: "\(example)/manifest.json").withBytes { try JSONValue(parsing: $0) }
        guard let rows = rows.arrayValue, !rows.isEmpty else {
            throw Failure(.badUsage, "not the example's manifest", at: "\(example)/manifest.json")
        }
        var lines = ""
        for repetition in 0..<repetitions {
            for row in rows { lines += cut(row, repetition).pythonDump() + "\n" }
            // A row that is rejected, so that rejects.jsonl is tortured too.
            lines += "{\"id\": \"lost-\(repetition)\", \"messages\": 7}\n"
        }
        try AtomicFile.write(lines.utf8, to: path)
    }

    /// The value with every clip cut from another place on, and every id renamed.
    private static func cut(_ value: JSONValue, _ repetition: Int) -> JSONValue {
        switch value {
        case .array(let elements): return .array(elements.map { cut($0, repetition) })
        case .object(var object):
            for (key, member) in object.members { object[key] = cut(member, repetition) }
            if let id = object["id"]?.stringValue { object["id"] = .string("\(id)/\(repetition)") }
            if object["audio_url"] != nil, repetition > 0 { object["offset"] = .double(Double(repetition) * 0.013) }
            return .object(object)
        default: return value
        }
    }
}
