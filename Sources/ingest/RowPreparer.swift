// A row of the manifest, worked through: parsed, laid out, its clips loaded. Everything that can be done without knowing
// the rows before; the rest (its final id, the shard that it goes to) is IngestRun's.

import PipelineKit

/// The bounds of a message's texts together, in Unicode scalars after trimming.
struct TextLimits: Sendable, Equatable {
    var minimum: Int
    var maximum: Int
}

/// A row on its way into the shards.
struct PreparedRow: Sendable {
    /// What goes into the shards, all but the id.
    struct Content: Sendable {
        var samples: MDSRow
        var audio: MDSRow
        /// Bytes of the row in the manifest, but for audio in it.
        var textBytes: Int
        var counts: IngestCounts.Kept
        var text: RowText
    }

    enum Outcome: Sendable {
        case kept(Content)
        /// The seconds are those of its clips, as far as they are known.
        case rejected(Reject, seconds: Double)
    }

    var row: ManifestRow
    /// The id that the row asks for; nil where it cannot be read as an object.
    var id: String?
    var outcome: Outcome
}

/// Works rows through. Any number of threads may use one.
struct RowPreparer: Sendable {
    /// A row's audio at most: what a shard holds.
    static let longestRowSeconds = 3_600.0

    var manifestPath: String
    var layout: ConversationLayout
    var clips: ClipLoader
    var text: TextLimits
    var normalization = TextNormalization.none
    var keepsTextOnly: Bool

    /// - Throws: `ManifestError` where an array's element is not JSON, `FileError` where the system fails; what is wrong
    ///   with the row alone is its outcome.
    func prepare(_ row: ManifestRow) throws -> PreparedRow {
        var prepared = PreparedRow(row: row, id: nil, outcome: .rejected(Reject(.invalidJSON, ""), seconds: 0))
        var requests: [ClipRequest] = []
        var loaded: [LoadedClip] = []
        do {
            let json = try parse(row)
            prepared.id = "row-\(row.number)"
            prepared.id = try RowParser.id(of: json) ?? prepared.id
            let tokenizer = layout.tokenizer
            var parsed = try RowParser(addedToken: { tokenizer.firstAddedToken(in: $0) }).parse(json)
            requests = parsed.clips
            var rowText = RowText()
            try normalize(&parsed.turns, counting: &rowText.changes)
            let sequence = try layOut(parsed)
            for request in requests {
                loaded.append(try clips.load(request))
                let seconds = loaded.reduce(0) { $0 + $1.seconds }
                guard seconds <= Self.longestRowSeconds else {
                    throw Reject(.rowTooLarge, "over \(Int(Self.longestRowSeconds)) s of audio in one row")
                }
            }
            let embedded = requests.reduce(0) { $0 + $1.embeddedBytes }
            rowText.texts = parsed.turns.filter { $0.role != .system }.flatMap(\.texts)
            rowText.count(sequence, seconds: loaded.map(\.seconds))
            prepared.outcome = .kept(
                RowColumns.content(
                    parsed, sequence, loaded, text: rowText,
                    textBytes: max(0, row.end.offset - row.offset - embedded)))
        } catch let reject as Reject {
            let seconds =
                loaded.reduce(0) { $0 + $1.seconds }
                + requests.dropFirst(loaded.count).reduce(0) { $0 + clips.claimedSeconds($1) }
            prepared.outcome = .rejected(reject, seconds: seconds)
        }
        // The bytes have done their work; what waits for its turn need not hold them.
        prepared.row.content = .skipped
        return prepared
    }

    private func parse(_ row: ManifestRow) throws -> JSONValue {
        switch row.content {
        case .skipped: preconditionFailure("a row without its bytes")
        case .tooLarge(let count):
            throw Reject(.rowTooLarge, "a row of \(count) bytes, at most \(ManifestReader.largestRow) are read")
        case .tooDeep:
            throw Reject(.invalidJSON, "nested deeper than \(JSONValue.maximumDepth) levels")
        case .bytes(let bytes):
            let json: JSONValue
            do {
                json = try JSONValue(parsing: bytes)
            } catch let error as JSONError {
                let what = "byte \(error.offset) of the row: \(error.reason)"
                guard row.isElement else { throw Reject(.invalidJSON, what) }
                let line = row.line + bytes.prefix(error.offset).count { $0 == 0x0A }
                throw ManifestError(path: manifestPath, line: line, what: "syntax error in row \(row.number), \(what)")
            }
            guard json.objectValue != nil else { throw Reject(.invalidStructure, "the row is not an object") }
            return json
        }
    }

    /// Normalizes the texts of all turns, where that was asked for. Text that holds a control token before is refused
    /// here; one that the normalization would make of it is refused by the layout, as any other.
    private func normalize(_ turns: inout [ConversationTurn], counting counts: inout NormalizationCounts) throws {
        guard !normalization.rules.isEmpty else { return }
        for turn in turns.indices {
            for item in turns[turn].items.indices {
                guard case .text(let text) = turns[turn].items[item] else { continue }
                if let token = layout.tokenizer.firstAddedToken(in: text) {
                    throw Reject(.controlToken, "the text of message \(turn) holds \(token)")
                }
                turns[turn].items[item] = .text(normalization.apply(to: text, counting: &counts))
            }
        }
    }

    private func layOut(_ row: ParsedRow) throws -> ConversationSequence {
        let sequence: ConversationSequence
        do {
            sequence = try layout.sequence(of: row.turns, startIndex: row.startIndex)
        } catch let error as ControlTokenIntrusion {
            let when = normalization.rules.isEmpty ? "" : ", normalized,"
            throw Reject(.controlToken, "the text of message \(error.turn)\(when) holds \(error.token)")
        }
        for (index, turn) in row.turns.enumerated() {
            guard let count = Self.trimmedCount(turn) else { continue }
            guard count >= text.minimum else {
                throw Reject(
                    .textTooShort, "the text of message \(index) has \(count) characters, at least \(text.minimum)")
            }
            guard count <= text.maximum else {
                throw Reject(
                    .textTooLong, "the text of message \(index) has \(count) characters, at most \(text.maximum)")
            }
        }
        guard keepsTextOnly || sequence.isTarget.contains(true) else {
            throw Reject(.noTargetAudio, "no assistant turn from start_index \(row.startIndex) on has audio")
        }
        return sequence
    }

    /// The scalars of a turn's texts together, without white space around them; nil where it has none.
    private static func trimmedCount(_ turn: ConversationTurn) -> Int? {
        var scalars: [UnicodeScalar]?
        for text in turn.texts { scalars = (scalars ?? []) + text.unicodeScalars }
        guard let scalars else { return nil }
        let isSpace = { (scalar: UnicodeScalar) in scalar.properties.isWhitespace }
        guard let first = scalars.firstIndex(where: { !isSpace($0) }) else { return 0 }
        let last = scalars.lastIndex { !isSpace($0) } ?? first
        return last - first + 1
    }
}

extension ConversationTurn {
    /// The texts of the turn.
    var texts: [String] {
        items.compactMap { if case .text(let text) = $0 { text } else { nil } }
    }
}
