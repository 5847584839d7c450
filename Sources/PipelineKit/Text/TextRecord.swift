// What a stage that reads ids must know about their vocabulary. Stands in samples/stage.json under `text`.

/// The record of a text vocabulary: its kind, size, digest, the ids of the control tokens, and what texts go through
/// before they meet it.
public struct TextRecord: Sendable, Equatable {
    /// Where the vocabulary comes from.
    public enum Kind: String, Sendable {
        /// A Hugging Face `tokenizer.json`, a copy of which lies beside the record.
        case huggingFace = "tokenizer.json"
        /// The built-in one: a byte is an id.
        case byteLevel = "byte-level"
    }

    public var kind: Kind
    /// One more than the largest id.
    public var vocabularySize: Int
    /// XXH64 of the file, or of the built-in vocabulary's definition: 16 hexadecimal digits.
    public var digest: String
    /// The ids of the control tokens that the vocabulary has.
    public var controlTokens: [ControlToken: Int32]
    /// What ingest did to each text before it tokenized it; in the JSON only where it did something.
    public var normalization: TextNormalization

    public init(
        kind: Kind, vocabularySize: Int, digest: String, controlTokens: [ControlToken: Int32],
        normalization: TextNormalization = .none
    ) {
        self.kind = kind
        self.vocabularySize = vocabularySize
        self.digest = digest
        self.controlTokens = controlTokens
        self.normalization = normalization
    }

    /// The record as it stands in a `stage.json`.
    public var json: JSONValue {
        var tokens = JSONObject()
        for token in ControlToken.allCases {
            if let id = controlTokens[token] { tokens[token.rawValue] = .int(Int(id)) }
        }
        var json: JSONObject = [
            "kind": .string(kind.rawValue), "vocabulary_size": .int(vocabularySize), "digest": .string(digest),
            "control_tokens": .object(tokens),
        ]
        if !normalization.rules.isEmpty { json["normalization"] = .string("\(normalization)") }
        return .object(json)
    }

    /// Reads a record.
    ///
    /// - Parameters:
    ///   - json: what `json` made.
    ///   - path: the file that it comes from, for errors.
    /// - Throws: `Failure` (bad data) where a member is absent, of another type or out of range.
    public init(json: JSONValue, path: String) throws {
        func refuse(_ what: String) -> Failure {
            Failure(.badData, "the text record \(what)", at: path.escapedForTerminal, remedy: "run ingest again")
        }
        guard let kind = json["kind"]?.stringValue.flatMap(Kind.init(rawValue:)) else {
            throw refuse("names no kind of vocabulary that this program knows")
        }
        guard let size = json["vocabulary_size"]?.intValue, (1...Int(Int32.max)).contains(size) else {
            throw refuse("has no vocabulary_size")
        }
        guard let digest = json["digest"]?.stringValue, digest.utf8.count == 16 else {
            throw refuse("has no digest of 16 digits")
        }
        guard let tokens = json["control_tokens"]?.objectValue else { throw refuse("has no control_tokens") }
        var ids: [ControlToken: Int32] = [:]
        for token in ControlToken.allCases {
            guard let value = tokens[token.rawValue] else { continue }
            guard let id = value.intValue, (0..<size).contains(id) else {
                throw refuse("gives \(token.rawValue) an id outside its \(size)")
            }
            ids[token] = Int32(id)
        }
        var normalization = TextNormalization.none
        if let rules = json["normalization"] {
            guard let known = rules.stringValue.flatMap({ try? TextNormalization(parsing: $0) }) else {
                throw refuse("names a normalization that this program does not know")
            }
            normalization = known
        }
        self.init(
            kind: kind, vocabularySize: size, digest: digest, controlTokens: ids, normalization: normalization)
    }
    /// What differs, as `text.member: old → new`, an entry a leaf.
    public func differences(from old: TextRecord) -> [String] {
        JSONValue.differences(from: old.json, to: json, of: "text")
    }
}
