// The tokenizer against Hugging Face tokenizers, whose ids are in the fixture, and against naive oracles.

import Foundation
import TestSupport
import Testing

@testable import PipelineKit

/// A text and the ids that the reference gives it.
struct TextCase {
    var text: String
    var ids: [Int32]

    /// Reads `{"text": …, "ids": […]}` lines.
    static func read(_ path: String) throws -> [TextCase] {
        try String(contentsOfFile: path, encoding: .utf8).utf8.split(separator: UInt8(ascii: "\n")).map { line in
            let json = try JSONValue(parsing: Array(line))
            let text = try #require(json["text"]?.stringValue)
            let ids = try #require(json["ids"]?.arrayValue).map { Int32(try #require($0.intValue)) }
            return TextCase(text: text, ids: ids)
        }
    }
}

@Suite struct TokenizerTests {
    let tokenizer: Tokenizer

    init() throws {
        tokenizer = try Tokenizer.load(path: fixture("text/tokenizer.json"))
    }

    @Test(arguments: ["text/cases.jsonl", "text/edges.jsonl"])
    func `the ids are the reference's`(file: String) throws {
        let cases = try TextCase.read(fixture(file))
        #expect(cases.count >= 240)
        for (line, one) in cases.enumerated() {
            #expect(tokenizer.encode(one.text) == one.ids, "line \(line + 1): \(one.text.debugDescription)")
        }
    }

    @Test func `decoding gives the text back`() throws {
        for one in try TextCase.read(fixture("text/cases.jsonl")) {
            #expect(tokenizer.decode(one.ids).utf8.elementsEqual(one.text.utf8))
        }
    }

    @Test func `the record knows size, digest and control tokens`() throws {
        let record = tokenizer.record
        #expect(record.kind == .huggingFace)
        #expect(record.vocabularySize == 903)
        #expect(record.controlTokens.count == 12)
        #expect(record.controlTokens[.audioOut] == 902)
        #expect(try TextRecord(json: record.json, path: "x") == record)
    }

    @Test func `bytes that are not whole characters are shown and repaired`() {
        let half = tokenizer.encode("ا")  // two bytes, one piece or two
        #expect(tokenizer.decode(half) == "ا")
        let alif: Int32 = Int32(tokenizer.vocabulary.id(of: [0xD8]))
        #expect(tokenizer.piece(alif) == "<0xD8>")
        #expect(tokenizer.decode([alif]) == "\u{FFFD}")
        #expect(tokenizer.piece(-100) == "<none>")
        #expect(tokenizer.piece(903) == "<none>")
        #expect(tokenizer.decode([5_000]) == "\u{FFFD}")
        #expect(tokenizer.piece(902) == "<|AUDIO_OUT|>")
    }

    @Test func `an added token is found whatever follows it`() {
        #expect(tokenizer.firstAddedToken(in: "قل <|AUDIO_OUT|>\u{064E} شيئا") == "<|AUDIO_OUT|>")
        #expect(tokenizer.firstAddedToken(in: "\u{301}<|eot_id|>\u{301}") == "<|eot_id|>")
        #expect(tokenizer.firstAddedToken(in: "<|eot_id| >, <|audio|>") == nil)
        #expect(tokenizer.encode("<|AUDIO_OUT|>\u{064E}").first == 902)
    }

    @Test func `the byte vocabulary is bytes and control tokens`() throws {
        let bytes = Tokenizer.byteLevel
        let text = "صوت, 123 voice's\r\n\u{1F600}\u{200D} "
        #expect(bytes.encode(text) == text.utf8.map { Int32($0) })
        #expect(bytes.encode("a<|AUDIO|>b") == [97, 266, 98])
        #expect(bytes.decode(bytes.encode(text + "<|eot_id|>")) == text + "<|eot_id|>")
        #expect(bytes.vocabularySize == 268)
        #expect(bytes.record.controlTokens.count == ControlToken.allCases.count)
        #expect(try TextRecord(json: bytes.record.json, path: "x") == bytes.record)
        #expect(bytes.record.digest == "04e29a122e352868")
    }

    /// Merges by the definition: the lowest rank, the leftmost, one at a time.
    private func naive(_ piece: [UInt8], _ merges: MergeTable) -> [Int32] {
        var ids = piece.map { Int32($0) }
        while true {
            let pairs = ids.indices.dropLast().map { (merges.merge(ids[$0], ids[$0 + 1]), $0) }
            guard let best = pairs.min(by: { ($0.0.rank, $0.1) < ($1.0.rank, $1.1) }), best.0.id >= 0 else {
                return ids
            }
            ids.replaceSubrange(best.1...best.1 + 1, with: [best.0.id])
        }
    }

    @Test func `scanning and heap make the same merges as the definition`() {
        var random = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: 0...UInt64.max, using: &random)
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for round in 0..<300 {
            // Few symbols and dense merges: long chains, equal neighbours, ties.
            var merges = MergeTable()
            let letters = 1 + next(4)
            var ids = (0..<letters).map { Int32(97 + $0) }
            for rank in 0..<UInt32(1 + next(30)) {
                let id = 256 + Int32(rank)
                merges.insert(ids[next(ids.count)], ids[next(ids.count)], .init(rank: rank, id: id))
                ids.append(id)
            }
            let encoder = BytePairEncoder(merges: merges, byteIDs: (0..<256).map { Int32($0) })
            for count in [1, 2, 7, 8, 9, 31, 47, 48, 49, 50, 120] {
                let piece = (0..<count).map { _ in UInt8(97 + next(letters)) }
                var got: [Int32] = []
                piece.withUnsafeBytes { encoder.encode($0, vocabulary: nil, into: &got) }
                #expect(got == naive(piece, merges), "seed \(seed), round \(round), \(count) bytes")
            }
        }
    }

    @Test func `a long piece is encoded whole`() {
        let text = String(repeating: "سلام", count: 250_000)
        #expect(tokenizer.decode(tokenizer.encode(text)) == text)
    }
}

extension ByteStringTable {
    fileprivate func id(of bytes: [UInt8]) -> Int32 { bytes.withUnsafeBytes { id(of: $0) } }
}
