// Looks for a text in the conversations of samples/: bytes in bytes, as ids are compared everywhere, optionally blind to
// harakat and tatweel. The conversation is what the manifest had, before any normalization.

import PipelineKit

/// What is looked for.
struct TextSearch: Sendable {
    /// One text of a sample that holds it.
    struct Match: Sendable {
        var sample: Int
        var id: String
        var speaker: String
        /// The message, from 0, and its role.
        var message: Int
        var role: String
        var text: String
        /// Where it stands in the text's UTF-8, without overlaps.
        var places: [Range<Int>]
    }

    private let pattern: [UInt8]
    let speaker: String?
    let role: ConversationRole?
    let ignoresHarakat: Bool

    /// - Parameter pattern: an empty one is in every text.
    init(pattern: String, speaker: String? = nil, role: ConversationRole? = nil, ignoresHarakat: Bool = false) {
        self.pattern = Self.folded(pattern, ignoresHarakat).bytes
        self.speaker = speaker
        self.role = role
        self.ignoresHarakat = ignoresHarakat
    }

    /// U+064B–U+0652, the superscript alef, open tanwin, tatweel.
    private static func isIgnored(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x640, 0x64B...0x652, 0x670, 0x8F0...0x8F2: true
        default: false
        }
    }

    /// The bytes that are compared, and the place of each in the text's own UTF-8; the text's length behind them.
    private static func folded(_ text: String, _ ignoresHarakat: Bool) -> (bytes: [UInt8], places: [Int]) {
        var bytes: [UInt8] = [], places: [Int] = []
        var place = 0
        for scalar in text.unicodeScalars {
            let units = Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            if !(ignoresHarakat && isIgnored(scalar)) {
                bytes += units
                places += units.indices.map { place + $0 }
            }
            place += units.count
        }
        return (bytes, places + [place])
    }

    /// Where the pattern stands in a text, as ranges of its UTF-8; nil where it does not.
    func places(in text: String) -> [Range<Int>]? {
        if pattern.isEmpty { return [] }
        let (bytes, places) = Self.folded(text, ignoresHarakat)
        var found: [Range<Int>] = []
        var start = 0
        while start + pattern.count <= bytes.count {
            if bytes[start] == pattern[0], bytes[start..<start + pattern.count].elementsEqual(pattern) {
                // Marks that are not seen belong to the letter before them.
                found.append(places[start]..<places[start + pattern.count])
                start += pattern.count
            } else {
                start += 1
            }
        }
        return found.isEmpty ? nil : found
    }

    /// The matches in one sample.
    /// - Throws: `MDSError` for damage.
    func matches(in sample: MDSSample, number: Int) throws -> [Match] {
        let said = try sample.string("speaker")
        if let speaker, !said.utf8.elementsEqual(speaker.utf8) { return [] }
        var matches: [Match] = []
        for (index, message) in (try sample.json("conversation").arrayValue ?? []).enumerated() {
            let name = message["role"]?.stringValue ?? ""
            if let role, !name.utf8.elementsEqual(role.rawValue.utf8) { continue }
            let content = message["content"] ?? .null
            for item in content.arrayValue ?? [content] {
                guard let text = item.stringValue ?? item["text"]?.stringValue, let places = places(in: text) else {
                    continue
                }
                matches.append(
                    Match(
                        sample: number, id: try sample.string("id"), speaker: said, message: index, role: name,
                        text: text, places: places))
            }
        }
        return matches
    }
}

extension TextSearch.Match {
    /// The line for people: the first place with what stands around it, between ⟦ and ⟧.
    var line: String {
        let bytes = Array(text.utf8)
        func part(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        let place = places.first ?? 0..<0
        var excerpt = Self.tail(part(0..<place.lowerBound))
        if !place.isEmpty { excerpt += "⟦" + part(place) + "⟧" }
        excerpt += part(place.upperBound..<bytes.count).truncated(to: 48)
        let more = places.count > 1 ? " (\(places.count) times)" : ""
        return "\(sample)  \(id.escapedForTerminal)  \(speaker.isEmpty ? "-" : speaker.escapedForTerminal)  \(message) "
            + "\(role.escapedForTerminal)  \(excerpt.escapedForTerminal)\(more)"
    }

    /// The last 24 scalars of a text.
    private static func tail(_ text: String) -> String {
        let scalars = text.unicodeScalars
        return scalars.count <= 24 ? text : "…" + String(String.UnicodeScalarView(scalars.suffix(24)))
    }

    var json: JSONValue {
        [
            "sample": .int(sample), "id": .string(id), "speaker": .string(speaker), "message": .int(message),
            "role": .string(role), "text": .string(text),
            "bytes": .array(places.map { [.int($0.lowerBound), .int($0.upperBound)] }),
        ]
    }
}
