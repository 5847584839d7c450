// What was rejected and why: the counts of ingest's record, with examples from rejects.jsonl.

import Foundation
import PipelineKit

/// Rejected rows by code.
struct RejectStatistics {
    struct Code {
        var name: String
        var rows = 0
        /// Seconds of their audio, as far as it was read before they were rejected; nil without a record.
        var seconds: Double?
        var examples: [Example] = []
    }

    struct Example {
        /// The row of the manifest, from 1.
        var row: Int?
        var id: String?
        var path: String?
        var detail: String
    }

    /// Most frequent first.
    private(set) var codes: [Code] = []
    /// Rows of the manifest that were read; nil without a record.
    let rowsRead: Int?
    private static let examplesACode = 3

    var rows: Int { codes.reduce(0) { $0 + $1.rows } }
    var seconds: Double { codes.reduce(0) { $0 + ($1.seconds ?? 0) } }

    /// Reads WORK/rejects.jsonl line by line.
    ///
    /// - Throws: a `Failure` (bad data) for a line that is no reject.
    init(directory: String, record: StageRecord?) throws {
        rowsRead = record?.counts["rows"]?.intValue
        let path = "\(directory)/rejects.jsonl"
        if FileManager.default.fileExists(atPath: path) {
            try forEachJSONLine(path: path) { number, line in
                guard let name = line["code"]?.stringValue else {
                    throw Failure(.badData, "a reject without a code", at: "\(path.escapedForTerminal), line \(number)")
                }
                add(name, line)
            }
        }
        for (name, counts) in record?.counts["rejected"]?.objectValue?.members ?? [] {
            guard let place = codes.firstIndex(where: { $0.name.utf8.elementsEqual(name.utf8) }) else { continue }
            codes[place].seconds = counts["seconds"]?.doubleValue
        }
        codes.sort { $0.rows != $1.rows ? $0.rows > $1.rows : $0.name < $1.name }
    }

    private mutating func add(_ name: String, _ line: JSONObject) {
        let place = codes.firstIndex { $0.name.utf8.elementsEqual(name.utf8) } ?? codes.count
        if place == codes.count { codes.append(Code(name: name)) }
        codes[place].rows += 1
        guard codes[place].examples.count < Self.examplesACode else { return }
        codes[place].examples.append(
            Example(
                row: line["row"]?.intValue, id: line["id"]?.stringValue, path: line["path"]?.stringValue,
                detail: line["detail"]?.stringValue ?? ""))
    }
}
