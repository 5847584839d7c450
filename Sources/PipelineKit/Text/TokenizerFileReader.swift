// The scanner behind Tokenizer.load: walks a tokenizer.json once, checks what it does not implement, fills the tables.
// Every refusal names the member. Sizes are bounded by the file's own: an id is smaller than the number of its bytes.

/// One walk through a `tokenizer.json`.
struct TokenizerFileReader {
    /// A refusal, before the path is known.
    struct Refusal: Error { var reason: TokenizerError.Reason }

    private var parser: JSONParser
    private let fileSize: Int
    private var vocabulary = ByteStringTable()
    private var merges = MergeTable()
    private var added: [JSONValue] = []
    private var ignoreMerges = false
    private var seen = Set<String>()  // member names, all of them ASCII

    init(bytes: UnsafeRawBufferPointer) {
        parser = JSONParser(bytes: bytes)
        fileSize = bytes.count
    }

    private static func damaged(_ what: String) -> Refusal { Refusal(reason: .damaged(what)) }
    private static func unsupported(_ what: String) -> Refusal { Refusal(reason: .unsupported(what)) }

    /// Walks the members of an object; `body` reads each value.
    private mutating func members(_ body: (inout Self, String) throws -> Void) throws {
        try parser.expect(UInt8(ascii: "{"))
        if parser.take(UInt8(ascii: "}")) { return }
        repeat {
            let name = try parser.string()
            try parser.expect(UInt8(ascii: ":"))
            try body(&self, name)
        } while parser.take(UInt8(ascii: ","))
        try parser.expect(UInt8(ascii: "}"))
    }

    /// Reads the whole file.
    mutating func read() throws {
        try members { reader, name in
            guard reader.seen.insert(name).inserted else { throw Self.damaged("'\(name)' stands there twice") }
            switch name {
            case "model": try reader.readModel()
            case "added_tokens":
                guard let tokens = try reader.parser.value().arrayValue else {
                    throw Self.damaged("'added_tokens' is not a list")
                }
                reader.added = tokens
            case "normalizer":
                guard try reader.parser.value().isNull else { throw Self.unsupported("it has a normalizer") }
            case "pre_tokenizer": try Self.check(preTokenizer: reader.parser.value())
            case "decoder":
                let decoder = try reader.parser.value()
                guard decoder.isNull || decoder["type"] == "ByteLevel" else {
                    throw Self.unsupported("its decoder is not ByteLevel")
                }
            default: _ = try reader.parser.value()  // version, truncation, padding, post_processor: no effect on ids
            }
        }
        if parser.peek() != nil { throw parser.error("more text after the document") }
        for name in ["model", "pre_tokenizer"] where !seen.contains(name) { throw Self.damaged("no '\(name)'") }
    }

    private static func check(preTokenizer: JSONValue) throws {
        guard preTokenizer["type"] == "Sequence", let steps = preTokenizer["pretokenizers"]?.arrayValue,
            steps.count == 2, let split = steps.first, let bytes = steps.last, split["type"] == "Split",
            bytes["type"] == "ByteLevel"
        else { throw unsupported("its pre_tokenizer is not Split, then ByteLevel") }
        guard split["pattern"]?["Regex"] == .string(SplitScanner.pattern) else {
            throw unsupported("its split pattern is not Llama 3's")
        }
        guard split["behavior"] == "Isolated", split["invert"] ?? false == false else {
            throw unsupported("its split does not isolate the matches")
        }
        guard bytes["add_prefix_space"] == false, bytes["use_regex"] == false else {
            throw unsupported("its ByteLevel step adds a space or splits again")
        }
    }

    private mutating func readModel() throws {
        var mergesParser: JSONParser?
        var modelSeen = Set<String>()
        try members { reader, name in
            guard modelSeen.insert(name).inserted else { throw Self.damaged("'model.\(name)' stands there twice") }
            switch name {
            case "vocab": try reader.readVocabulary()
            case "merges" where modelSeen.contains("vocab"): try reader.readMerges()
            case "merges":  // before the vocabulary that gives them ids: come back later
                mergesParser = reader.parser
                _ = try reader.parser.value()
            default: try reader.checkModel(name, reader.parser.value())
            }
        }
        guard modelSeen.contains("vocab"), modelSeen.contains("merges"), modelSeen.contains("type") else {
            throw Self.damaged("its model has no type, vocab or merges")
        }
        if let mergesParser {
            let end = parser
            parser = mergesParser
            try readMerges()
            parser = end
        }
    }

    /// Checks a plain member of the model.
    private mutating func checkModel(_ name: String, _ value: JSONValue) throws {
        switch name {
        case "type":
            guard value == "BPE" else { throw Self.unsupported("its model is not BPE") }
        case "ignore_merges":
            guard let flag = value.boolValue else { throw Self.damaged("'model.ignore_merges' is not true or false") }
            ignoreMerges = flag
        case "fuse_unk": break  // every byte is in the vocabulary, so nothing is unknown
        case "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback":
            guard value.isNull || value == false || value == "" || value.doubleValue == 0 else {
                throw Self.unsupported("its model uses \(name)")
            }
        default: throw Self.unsupported("its model has the unknown member '\(name.escapedForTerminal)'")
        }
    }

    private mutating func readVocabulary() throws {
        vocabulary = ByteStringTable(expectedCount: fileSize / 128)
        var bytes: [UInt8] = []
        try parser.expect(UInt8(ascii: "{"))
        if parser.take(UInt8(ascii: "}")) { return }
        repeat {
            bytes.removeAll(keepingCapacity: true)
            let isMapped = try parser.token(into: &bytes)
            try parser.expect(UInt8(ascii: ":"))
            guard let id = try parser.value().intValue, (0..<fileSize).contains(id) else {
                throw parser.error("an id that is not a number of the vocabulary")
            }
            guard !bytes.isEmpty else { throw parser.error("a token without text") }
            guard !vocabulary.contains(id: id) else { throw parser.error("two tokens with the id \(id)") }
            guard bytes.withUnsafeBytes({ vocabulary.insert($0, id: id, isFindable: isMapped) }) else {
                throw parser.error("a token that stands there twice")
            }
        } while parser.take(UInt8(ascii: ","))
        try parser.expect(UInt8(ascii: "}"))
    }

    /// Merges are pairs, `["a", "b"]`, or in older files `"a b"`.
    private mutating func readMerges() throws {
        merges = MergeTable(expectedCount: fileSize / 64)
        var bytes: [UInt8] = []
        var rank: UInt32 = 0
        try parser.expect(UInt8(ascii: "["))
        if parser.take(UInt8(ascii: "]")) { return }
        repeat {
            bytes.removeAll(keepingCapacity: true)
            let leftCount: Int
            if parser.take(UInt8(ascii: "[")) {
                guard try parser.token(into: &bytes) else { throw parser.error("a merge of an unknown token") }
                leftCount = bytes.count
                try parser.expect(UInt8(ascii: ","))
                guard try parser.token(into: &bytes) else { throw parser.error("a merge of an unknown token") }
                try parser.expect(UInt8(ascii: "]"))
            } else {
                leftCount = try parser.tokenPair(into: &bytes)
            }
            let (left, right, whole) = bytes.withUnsafeBytes { bytes in
                (
                    vocabulary.id(of: UnsafeRawBufferPointer(rebasing: bytes[..<leftCount])),
                    vocabulary.id(of: UnsafeRawBufferPointer(rebasing: bytes[leftCount...])),
                    vocabulary.id(of: bytes)
                )
            }
            guard left >= 0, right >= 0, whole >= 0 else {
                throw parser.error("merge \(rank) is of or into a token that the vocabulary lacks")
            }
            merges.insert(left, right, MergeTable.Merge(rank: rank, id: whole))
            rank += 1
        } while parser.take(UInt8(ascii: ","))
        try parser.expect(UInt8(ascii: "]"))
    }

    /// The tokenizer of what was read.
    func tokenizer(digest: String) throws -> Tokenizer {
        let byteIDs = try (0..<256).map { byte in
            let id = withUnsafeBytes(of: UInt8(byte)) { vocabulary.id(of: $0) }
            guard id >= 0 else { throw Self.unsupported("its vocabulary lacks the byte 0x\(String(byte, radix: 16))") }
            return id
        }
        var pieces = vocabulary
        var raw = AddedTokens(), normalized = AddedTokens()
        var controlTokens: [ControlToken: Int32] = [:]
        for token in added {
            guard let content = token["content"]?.stringValue, !content.isEmpty, let id = token["id"]?.intValue,
                (0..<fileSize).contains(id)
            else { throw Self.damaged("an added token without content or id") }
            let name = content.escapedForTerminal
            for flag in ["single_word", "lstrip", "rstrip"] where token[flag] ?? false != false {
                throw Self.unsupported("the added token \(name) has \(flag)")
            }
            let text = Array(content.utf8)
            if pieces.contains(id: id) {
                guard pieces.piece(id).elementsEqual(text) else {
                    throw Self.damaged("the added token \(name) has the id of another token, \(id)")
                }
            } else {
                guard text.withUnsafeBytes({ pieces.id(of: $0) }) < 0 else {
                    throw Self.damaged("the added token \(name) has another id in the vocabulary than \(id)")
                }
                _ = text.withUnsafeBytes { pieces.insert($0, id: id, isFindable: false) }
            }
            let isNormalized = token["normalized"]?.boolValue ?? (token["special"] != true)
            guard isNormalized ? normalized.insert(text, id: Int32(id)) : raw.insert(text, id: Int32(id)) else {
                throw Self.damaged("the added token \(name) stands there twice")
            }
            if let control = ControlToken.allCases.first(where: { $0.rawValue.utf8.elementsEqual(text) }) {
                controlTokens[control] = Int32(id)
            }
        }
        let record = TextRecord(
            kind: .huggingFace, vocabularySize: pieces.count, digest: digest, controlTokens: controlTokens)
        return Tokenizer(
            record: record, vocabulary: pieces, ignoreMerges: ignoreMerges, merges: merges, byteIDs: byteIDs,
            addedTokens: [raw, normalized])
    }
}
