// The vocabulary that needs no file: ids 0 to 255 are the bytes, the control tokens follow. Nothing to download, nothing
// to go wrong; sequences are four to seven times as long as with a real one.

extension Tokenizer {
    /// The built-in byte-level vocabulary of 268 ids.
    public static let byteLevel: Tokenizer = {
        var vocabulary = ByteStringTable(expectedCount: 256 + ControlToken.allCases.count)
        for byte in 0..<256 {
            let isNew = withUnsafeBytes(of: UInt8(byte)) { vocabulary.insert($0, id: byte) }
            precondition(isNew, "bytes differ")
        }
        var added = AddedTokens()
        var ids: [ControlToken: Int32] = [:]
        for (index, token) in ControlToken.allCases.enumerated() {
            let text = Array(token.rawValue.utf8)
            let isNew = text.withUnsafeBytes { vocabulary.insert($0, id: 256 + index, isFindable: false) }
            precondition(isNew && added.insert(text, id: Int32(256 + index)), "control tokens differ")
            ids[token] = Int32(256 + index)
        }
        // What a change of the vocabulary changes; the digest follows from it.
        let definition = "byte-level\n" + ControlToken.allCases.map(\.rawValue).joined(separator: "\n")
        return Tokenizer(
            record: TextRecord(
                kind: .byteLevel, vocabularySize: vocabulary.count, digest: XXH64.hash(definition.utf8).hexDigits,
                controlTokens: ids),
            vocabulary: vocabulary, ignoreMerges: false, merges: MergeTable(), byteIDs: (0..<256).map { Int32($0) },
            addedTokens: [added])
    }()
}
