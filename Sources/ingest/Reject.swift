// Why a row is left out. Rejects are data: a stable code for programs, a sentence for people.

import PipelineKit

/// The stable reason of a rejection, as it stands in rejects.jsonl.
enum RejectCode: String, Sendable, CaseIterable {
    case invalidJSON = "invalid_json"
    case invalidStructure = "invalid_structure"
    case controlToken = "control_token"
    case missingAudio = "missing_audio"
    case pathOutsideRoot = "path_outside_root"
    case unreadableAudio = "unreadable_audio"
    case audioTooShort = "audio_too_short"
    case audioTooLong = "audio_too_long"
    case silentAudio = "silent_audio"
    case textTooShort = "text_too_short"
    case textTooLong = "text_too_long"
    case noTargetAudio = "no_target_audio"
    case rowTooLarge = "row_too_large"
    /// Named by `--exclude`: the person's wish, not a fault of the row.
    case excluded
}

/// A row that cannot be used.
struct Reject: Error, Sendable, Equatable {
    var code: RejectCode
    /// What is wrong, with got and expected.
    var detail: String
    /// The clip's path as the manifest has it; nil where no clip is to blame.
    var path: String?

    init(_ code: RejectCode, _ detail: String, path: String? = nil) {
        self.code = code
        self.detail = detail
        self.path = path
    }

    /// The line of rejects.jsonl, with its line end. ASCII: nothing in it can move a terminal's cursor.
    func line(row: Int, line: Int, id: String?) -> [UInt8] {
        let json: JSONValue = [
            "row": .int(row), "line": .int(line), "id": id.map(JSONValue.string) ?? .null,
            "code": .string(code.rawValue), "detail": .string(detail), "path": path.map(JSONValue.string) ?? .null,
        ]
        return Array((json.pythonDump() + "\n").utf8)
    }
}
