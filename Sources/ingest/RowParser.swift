// From the JSON of a row to a conversation and its clips: all the forms that ChatML manifests of this family come in,
// and nothing else. Nothing is opened or decoded here.

import PipelineKit

/// A clip as a row names it.
struct ClipRequest: Sendable, Equatable {
    enum Source: Sendable, Equatable {
        case path(String)
        case base64(String)
    }

    var source: Source
    /// Seconds; where it is given, the clip is a segment.
    var offset: Double?
    /// Seconds: of the segment, or of a whole file, where it is only a note.
    var duration: Double?
    /// Whether it stands in an assistant turn: `out`, a clip that is spoken.
    var isOut: Bool

    /// The path for messages and `clips`; nil for base64.
    var path: String? { if case .path(let path) = source { path } else { nil } }
    /// Bytes of the manifest that are the audio itself.
    var embeddedBytes: Int { if case .base64(let text) = source { text.utf8.count } else { 0 } }
}

/// A row, understood.
struct ParsedRow: Sendable {
    var speaker: String
    var turns: [ConversationTurn]
    var startIndex: Int
    /// In the order of the placeholders.
    var clips: [ClipRequest]
    /// The messages as read, without raw audio.
    var conversation: JSONValue
}

/// Reads rows.
struct RowParser {
    /// The bytes of an id or a speaker at most.
    static let longestName = 1_024

    /// Finds an added token in a text, for roles that are none of the three.
    var addedToken: @Sendable (String) -> String?

    /// The id that a row asks for: `id`, else `misc.sample_id`; nil where it has none.
    static func id(of row: JSONValue) throws -> String? {
        try name(row["id"], "id") ?? name(row["misc"]?["sample_id"], "misc.sample_id")
    }

    /// - Throws: `Reject` (invalid_structure, control_token).
    func parse(_ row: JSONValue) throws -> ParsedRow {
        let misc = row["misc"] ?? .null
        guard misc.isNull || misc.objectValue != nil else { throw Self.refuse("'misc' is not an object") }
        let speaker = try Self.name(row["speaker"], "speaker") ?? Self.name(misc["speaker"], "misc.speaker") ?? ""
        guard let messages = row["messages"]?.arrayValue, !messages.isEmpty else {
            throw Self.refuse("'messages' is not a list of at least one message")
        }
        let start = row["start_index"] ?? .null
        guard let startIndex = start.isNull ? 0 : start.intValue, startIndex >= 0 else {
            throw Self.refuse("'start_index' is not a number from 0 on: \(Self.excerpt(start))")
        }
        var parsed = ParsedRow(speaker: speaker, turns: [], startIndex: startIndex, clips: [], conversation: [])
        var read: [JSONValue] = []
        for (index, message) in messages.enumerated() {
            let place = "message \(index)"
            guard var object = message.objectValue else { throw Self.refuse("\(place) is not an object") }
            let role = try role(object["role"], place)
            let recipient = try Self.text(object["recipient"], "the recipient of \(place)")
            guard recipient == nil || role == .assistant else {
                throw Self.refuse("\(place) has a recipient, which only an assistant's may have")
            }
            var turn = ConversationTurn(role: role, recipient: recipient, items: [])
            guard let content = object["content"] else { throw Self.refuse("\(place) has no 'content'") }
            for (number, item) in (content.arrayValue ?? [content]).enumerated() {
                let place = content.arrayValue == nil ? "the content of \(place)" : "item \(number) of \(place)"
                switch try Self.item(item, isOut: role == .assistant, place) {
                case .text(let text): turn.items.append(.text(text))
                case .clip(let clip):
                    turn.items.append(.audio)
                    parsed.clips.append(clip)
                }
            }
            parsed.turns.append(turn)
            object["content"] = Self.withoutRawAudio(content)
            read.append(.object(object))
        }
        parsed.conversation = .array(read)
        return parsed
    }

    private func role(_ value: JSONValue?, _ place: String) throws -> ConversationRole {
        guard let name = value?.stringValue else { throw Self.refuse("\(place) has no 'role'") }
        if let role = ConversationRole.allCases.first(where: { $0.rawValue.utf8.elementsEqual(name.utf8) }) {
            return role
        }
        if let token = addedToken(name) {
            throw Reject(.controlToken, "the role of \(place) holds \(token)")
        }
        throw Self.refuse("the role of \(place) is \(Self.excerpt(.string(name))), not system, user or assistant")
    }

    private enum Item {
        case text(String)
        case clip(ClipRequest)
    }

    private static func item(_ item: JSONValue, isOut: Bool, _ place: String) throws -> Item {
        if let text = item.stringValue { return .text(text) }
        guard let object = item.objectValue else { throw refuse("\(place) is neither a string nor an object") }
        switch object["type"]?.stringValue {
        case "text":
            guard let text = object["text"]?.stringValue else { throw refuse("\(place) has no 'text'") }
            return .text(text)
        case "audio":
            return .clip(try clip(object, isOut: isOut, place))
        default:
            throw refuse("\(place) has the type \(excerpt(object["type"] ?? .null)), not \"text\" or \"audio\"")
        }
    }

    private static func clip(_ object: JSONObject, isOut: Bool, _ place: String) throws -> ClipRequest {
        var source: ClipRequest.Source?
        for key in ["audio_url", "url", "path"] where source == nil {
            source = try text(object[key], "'\(key)' of \(place)").map { .path($0) }
        }
        if source == nil { source = try text(object["raw_audio"], "'raw_audio' of \(place)").map { .base64($0) } }
        guard let source else { throw Reject(.missingAudio, "\(place) names no audio") }
        var clip = ClipRequest(source: source, isOut: isOut)
        let offset = object["offset"] ?? .null, duration = object["duration"] ?? .null
        if !offset.isNull {
            guard let seconds = offset.doubleValue, seconds >= 0 else {
                throw Reject(
                    .invalidStructure, "'offset' of \(place) is not a number of seconds: \(excerpt(offset))",
                    path: clip.path)
            }
            clip.offset = seconds
        }
        // Without an offset the duration is a note, whatever it is.
        clip.duration = duration.doubleValue
        if !offset.isNull, !duration.isNull, clip.duration.map({ $0 >= 0 }) != true {
            throw Reject(
                .invalidStructure, "'duration' of \(place) is not a number of seconds: \(excerpt(duration))",
                path: clip.path)
        }
        return clip
    }

    // MARK: Values

    private static func refuse(_ what: String) -> Reject { Reject(.invalidStructure, what) }

    /// A string that is there and not empty; nil where it is absent, null or empty.
    private static func text(_ value: JSONValue?, _ what: String) throws -> String? {
        guard let value, !value.isNull else { return nil }
        guard let text = value.stringValue else { throw refuse("\(what) is not a string") }
        return text.isEmpty ? nil : text
    }

    /// An id or a speaker: a string, or an integer, which becomes its digits.
    private static func name(_ value: JSONValue?, _ what: String) throws -> String? {
        if case .int(let number)? = value { return String(number) }
        let name = try text(value, "'\(what)'")
        guard name.map({ $0.utf8.count <= longestName }) ?? true else {
            throw refuse("'\(what)' is longer than \(longestName) bytes")
        }
        return name
    }

    /// The content without the audio itself, which lies in the audio directory.
    private static func withoutRawAudio(_ content: JSONValue) -> JSONValue {
        switch content {
        case .array(let items): return .array(items.map(withoutRawAudio))
        case .object(var item):
            item["raw_audio"] = nil
            return .object(item)
        default: return content
        }
    }

    /// The beginning of a value, for messages.
    private static func excerpt(_ value: JSONValue) -> String {
        let text = value.pythonDump(ascii: false)
        return text.unicodeScalars.count > 60
            ? String(String.UnicodeScalarView(text.unicodeScalars.prefix(60))) + "…" : text
    }
}
