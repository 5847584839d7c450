// Reads a Hugging Face `tokenizer.json`: byte-level byte-pair encoding, Llama 3 split pattern, added tokens. What would
// change the ids and is not that is refused by name; post-processor, padding and truncation are left aside.
// The vocabulary and the merges are scanned, not read into values: 17 MB of them take half a second.

/// Why a tokenizer cannot be used.
public struct TokenizerError: PersonReadable {
    public enum Reason: Sendable, Equatable {
        /// The file is damaged or contradicts itself.
        case damaged(String)
        /// The file asks for something that this program does not do.
        case unsupported(String)
        /// A control token that conversations need is absent.
        case lacks(ControlToken)
    }

    public var path: String
    public var reason: Reason

    public init(path: String, reason: Reason) {
        self.path = path
        self.reason = reason
    }

    public var failure: Failure {
        let place = path.escapedForTerminal
        return switch reason {
        case .damaged(let what): Failure(.badData, what, at: place, remedy: "fetch the tokenizer again")
        case .unsupported(let what):
            Failure(
                .badUsage, "unsupported tokenizer: \(what)", at: place,
                remedy: "use a Llama 3 style tokenizer.json, or leave it out for the built-in byte vocabulary")
        case .lacks(let token):
            Failure(
                .badUsage, "the vocabulary lacks the control token \(token.rawValue)", at: place,
                remedy: "use the tokenizer.json of a Higgs Audio v2 model")
        }
    }
}

extension Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// - Throws: `FileError` or `Failure` where the file cannot be read, `TokenizerError` where it cannot be used.
    public static func load(path: String) throws -> Tokenizer {
        let file = try MappedFile(path: path)
        return try withExtendedLifetime(file) { try load(json: file.bytes, path: path) }
    }

    /// Reads the bytes of a `tokenizer.json`; `path` is named in errors.
    public static func load(json bytes: UnsafeRawBufferPointer, path: String) throws -> Tokenizer {
        do {
            var reader = TokenizerFileReader(bytes: bytes)
            try reader.read()
            return try reader.tokenizer(digest: XXH64.hash(bytes).hexDigits)
        } catch let error as JSONError {
            throw TokenizerError(
                path: path, reason: .damaged("not a tokenizer.json at byte \(error.offset): \(error.reason)"))
        } catch let reason as TokenizerFileReader.Refusal {
            throw TokenizerError(path: path, reason: reason.reason)
        }
    }

    /// The tokenizer that made the ids of a samples directory: the record in its stage.json, the copy of the file beside.
    ///
    /// - Throws: `Failure` or `TokenizerError` where the record is absent or the copy is another file.
    public static func load(samplesDirectory directory: String) throws -> Tokenizer {
        let stagePath = directory + "/stage.json"
        let json = try JSONValue(contentsOfFile: stagePath)
        guard let text = json["text"] else {
            throw Failure(
                .badData, "no text record", at: stagePath.escapedForTerminal, remedy: "name a samples directory")
        }
        var record = try TextRecord(json: text, path: stagePath)
        record.normalization = .none  // of the texts, not of the vocabulary
        let path = record.kind == .byteLevel ? stagePath : directory + "/tokenizer.json"
        let tokenizer = record.kind == .byteLevel ? Tokenizer.byteLevel : try load(path: path)
        guard tokenizer.record == record else {
            throw TokenizerError(
                path: path,
                reason: .damaged("not the vocabulary of the record (\(tokenizer.record.digest), not \(record.digest))"))
        }
        return tokenizer
    }
}
