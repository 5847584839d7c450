// Text to ids and back: byte-level byte-pair encoding with the Llama 3 split, as Hugging Face tokenizers 0.23 does it.
// Not here: normalization, post-processors, padding, truncation, other models. How a file is read: Tokenizer+File.swift;
// the vocabulary that needs no file: Tokenizer+ByteLevel.swift.

import Synchronization

/// A text tokenizer. Any number of threads may use one at the same time.
public final class Tokenizer: Sendable {
    /// Kind, size, digest and control tokens of the vocabulary.
    public let record: TextRecord
    /// The pieces of all ids: the model's by their bytes, added tokens by their text.
    let vocabulary: ByteStringTable
    /// Whether a piece of the split that is in the vocabulary is its id, whatever the merges say.
    private let ignoreMerges: Bool
    private let merges: MergeTable
    /// The id of each single byte. // (256)
    private let byteIDs: [Int32]
    /// Added tokens in the order of their search: those that want unnormalized text first, then the others.
    private let addedTokens: [AddedTokens]
    /// Working memory that no thread is using.
    private let idleEncoders = Mutex<[BytePairEncoder]>([])

    init(
        record: TextRecord, vocabulary: ByteStringTable, ignoreMerges: Bool, merges: MergeTable, byteIDs: [Int32],
        addedTokens: [AddedTokens]
    ) {
        precondition(byteIDs.count == 256, "every byte has an id")
        self.record = record
        self.vocabulary = vocabulary
        self.ignoreMerges = ignoreMerges
        self.merges = merges
        self.byteIDs = byteIDs
        self.addedTokens = addedTokens.filter { !$0.isEmpty }
    }

    /// One more than the largest id.
    public var vocabularySize: Int { record.vocabularySize }

    /// The ids of a text. Added tokens in it become their ids; nothing is put before or behind. Empty for "".
    public func encode(_ text: String) -> [Int32] {
        var text = text
        return text.withUTF8 { encode(utf8: $0) }
    }

    /// The ids of a text in UTF-8, which must be valid.
    func encode(utf8 text: UnsafeBufferPointer<UInt8>) -> [Int32] {
        var output: [Int32] = []
        output.reserveCapacity(text.count / 4 + 1)
        let encoder = idleEncoders.withLock { $0.popLast() } ?? BytePairEncoder(merges: merges, byteIDs: byteIDs)
        encode(text, 0..<text.count, lookingFor: addedTokens[...], encoder, into: &output)
        idleEncoders.withLock { $0.append(encoder) }
        return output
    }

    /// Encodes `text[range]`: added tokens of the first set by themselves, what lies between them by the others.
    private func encode(
        _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, lookingFor sets: ArraySlice<AddedTokens>,
        _ encoder: BytePairEncoder, into output: inout [Int32]
    ) {
        guard let set = sets.first else {
            return encodeBetweenTokens(UnsafeBufferPointer(rebasing: text[range]), encoder, into: &output)
        }
        var rest = range
        while let match = set.firstMatch(in: text, rest) {
            let before = rest.lowerBound..<match.range.lowerBound
            encode(text, before, lookingFor: sets.dropFirst(), encoder, into: &output)
            output.append(match.id)
            rest = match.range.upperBound..<rest.upperBound
        }
        encode(text, rest, lookingFor: sets.dropFirst(), encoder, into: &output)
    }

    private func encodeBetweenTokens(
        _ text: UnsafeBufferPointer<UInt8>, _ encoder: BytePairEncoder, into output: inout [Int32]
    ) {
        let whole = ignoreMerges ? vocabulary : nil
        SplitScanner.forEachPiece(in: text) { range in
            let piece = UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: text[range]))
            encoder.encode(piece, vocabulary: whole, into: &output)
        }
    }

    /// The first added token in a text, compared as bytes: a combining mark behind it does not hide it. Nil where none is.
    public func firstAddedToken(in text: String) -> String? {
        var text = text
        return text.withUTF8 { text in
            let matches = addedTokens.compactMap { $0.firstMatch(in: text, 0..<text.count) }
            return matches.min { $0.range.lowerBound < $1.range.lowerBound }.map { piece($0.id) }
        }
    }

    /// The text of some ids. Bytes that are not UTF-8 and ids outside the vocabulary become U+FFFD.
    public func decode(_ ids: some Sequence<Int32>) -> String {
        var bytes: [UInt8] = []
        for id in ids { bytes += vocabulary.contains(id: Int(id)) ? vocabulary.piece(Int(id)) : [0xEF, 0xBF, 0xBD] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The bytes of one id; empty outside the vocabulary.
    public func bytes(of id: Int32) -> [UInt8] { Array(vocabulary.piece(Int(id))) }

    /// One id as a person reads it: its text, with bytes that are not whole characters as `<0xD8>`. `<none>` outside the
    /// vocabulary. Not escaped for a terminal.
    public func piece(_ id: Int32) -> String {
        guard vocabulary.contains(id: Int(id)) else { return "<none>" }
        var text = ""
        var rest = vocabulary.piece(Int(id))
        while let first = rest.first {
            let whole = (1...4).first { String(validating: rest.prefix($0), as: UTF8.self) != nil }
            if let whole {
                text += String(decoding: rest.prefix(whole), as: UTF8.self)
            } else {
                text += "<0x\(first < 16 ? "0" : "")\(String(first, radix: 16, uppercase: true))>"
            }
            rest = rest.dropFirst(whole ?? 1)
        }
        return text
    }
}
