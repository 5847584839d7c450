// tokenizer.json by itself and beside the record that vouches for it; compressed streams of text.

import Foundation
import PipelineKit

extension Format {
    static let texts: [Format] = [
        Format(
            name: "tokenizer.json", folder: "text", file: "tokenizer.json", kind: .text,
            open: { place in try meaning(of: Tokenizer.load(path: place.file)) }),
        Format(
            name: "tokenizer.json beside its record", folder: "samples-bpe", file: "tokenizer.json", kind: .text,
            isChecked: true, open: { place in try meaning(of: Tokenizer.load(samplesDirectory: place.folder)) }),
        Format(
            name: "record of the built-in tokenizer", folder: "work/samples", file: StageRecord.basename, kind: .text,
            isChecked: true, open: { place in try meaning(of: Tokenizer.load(samplesDirectory: place.folder)) }),
        Format(
            name: "gzip stream", folder: "streams", file: "rows.jsonl.gz", kind: .binary, isChecked: true,
            open: { place in try content(of: place.file, as: .gzip) }),
        // A frame's window may be 128 MiB.
        Format(
            name: "zstd stream", folder: "streams", file: "rows.jsonl.zst", kind: .binary, isChecked: true,
            allowance: Allowance(constant: 192 << 20), open: { place in try content(of: place.file, as: .zstd) }),
    ]

    private static let sentences = [
        "السلام عليكم، كيفَ حالُك؟", "It's 3.14, isn't it? <|AUDIO_OUT|> and\r\n\nmore   spaces ",
        "日本語 123456 ÀÉ e\u{301}",
    ]

    private static func meaning(of tokenizer: Tokenizer) -> UInt64 {
        var digest = MeaningDigest()
        for sentence in sentences {
            let ids = tokenizer.encode(sentence)
            digest.add(values: ids)
            digest.add(tokenizer.decode(ids))
            digest.add(tokenizer.firstAddedToken(in: sentence) ?? "")
        }
        for id in Int32(0)..<Int32(min(tokenizer.vocabularySize, 4_096)) { digest.add(tokenizer.bytes(of: id)) }
        digest.add("\(tokenizer.vocabularySize)")
        return digest.value
    }

    /// What a stream decompresses to. Both files end in a checksum; without their first bytes they are plain text, which is
    /// the next reader's concern.
    private static func content(of path: String, as format: ByteSource.Format) throws -> UInt64 {
        let source = try ByteSource(path: path)
        guard source.format == format else { throw Failure(.badData, "read as \(source.format)", at: path) }
        let hash = XXH64()
        while let bytes = try source.next() { hash.update(bytes) }
        return hash.digest
    }
}
