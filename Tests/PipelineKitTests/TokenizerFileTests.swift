// What a tokenizer.json may be, and what it may not: refusals are named, damage is an error and never a crash.

import Foundation
import TestSupport
import Testing

@testable import PipelineKit

@Suite struct TokenizerFileTests {
    private let fixtureBytes: [UInt8]

    init() throws {
        fixtureBytes = Array(try Data(contentsOf: URL(fileURLWithPath: fixture("text/tokenizer.json"))))
    }

    private func load(_ bytes: [UInt8]) throws -> Tokenizer {
        try bytes.withUnsafeBytes { try Tokenizer.load(json: $0, path: "t.json") }
    }

    /// The fixture with a change.
    private func changed(_ change: (inout JSONObject) -> Void) throws -> [UInt8] {
        var object = try #require(try JSONValue(parsing: fixtureBytes).objectValue)
        change(&object)
        return Array(JSONValue.object(object).pythonDump().utf8)
    }

    private func changedModel(_ name: String, _ value: JSONValue?) throws -> [UInt8] {
        try changed { object in
            var model = object["model"]?.objectValue ?? [:]
            model[name] = value
            object["model"] = .object(model)
        }
    }

    @Test func `what the reference computes otherwise is refused by name`() throws {
        for (name, value) in [
            ("dropout", JSONValue.double(0.1)), ("unk_token", "<unk>"), ("continuing_subword_prefix", "##"),
            ("end_of_word_suffix", "</w>"), ("byte_fallback", true), ("type", "Unigram"), ("novelty", 1),
        ] {
            let refusal = #expect(throws: TokenizerError.self) { _ = try load(changedModel(name, value)) }
            guard case .unsupported(let what)? = refusal?.reason else {
                Issue.record("\(name): \(String(describing: refusal))")
                continue
            }
            #expect(what.contains(name) || name == "type")
            #expect(refusal?.failure.location == "t.json")
        }
        for (name, value) in [
            ("normalizer", ["type": "NFC"] as JSONValue), ("decoder", ["type": "Metaspace"]),
            ("pre_tokenizer", ["type": "ByteLevel", "add_prefix_space": false, "use_regex": true]),
        ] {
            let refusal = #expect(throws: TokenizerError.self) { _ = try load(changed { $0[name] = value }) }
            #expect(refusal?.failure.status == .badUsage)
        }
    }

    @Test func `another split pattern is refused`() throws {
        let text = String(decoding: fixtureBytes, as: UTF8.self)
        let other = text.replacing(#"\\p{N}{1,3}"#, with: #"\\p{N}"#)
        #expect(other != text)
        #expect(throws: TokenizerError.self) { try load(Array(other.utf8)) }
        for (from, to) in [
            ("\"Isolated\"", "\"Removed\""), ("\"invert\": false", "\"invert\": true"),
            ("\"add_prefix_space\": false", "\"add_prefix_space\": true"), ("\"lstrip\": false", "\"lstrip\": true"),
            ("\"single_word\": false", "\"single_word\": true"),
        ] {
            let other = text.replacing(from, with: to)
            #expect(other != text)
            #expect(throws: TokenizerError.self, "\(from)") { try load(Array(other.utf8)) }
        }
    }

    @Test func `post-processor, padding and truncation are left aside`() throws {
        let bytes = try changed {
            $0["post_processor"] = ["type": "TemplateProcessing"]
            $0["padding"] = ["strategy": "BatchLongest"]
            $0["truncation"] = ["max_length": 2]
        }
        #expect(try load(bytes).encode("سلام hello").count > 2)
    }

    @Test func `merges may be pairs or strings, before or behind the vocabulary`() throws {
        let cases = try TextCase.read(fixture("text/cases.jsonl"))
        let old = try changed { object in
            let model = object["model"]?.objectValue ?? [:]
            let merges = (model["merges"]?.arrayValue ?? []).map { pair -> JSONValue in
                .string((pair.arrayValue ?? []).compactMap(\.stringValue).joined(separator: " "))
            }
            var turned: JSONObject = ["merges": .array(merges)]
            for (key, value) in model.members where key != "merges" { turned[key] = value }
            object["model"] = .object(turned)
        }
        let tokenizer = try load(old)
        for one in cases { #expect(tokenizer.encode(one.text) == one.ids) }
    }

    @Test func `without ignore_merges the merges alone decide`() throws {
        // Words of the vocabulary that no merge reaches, with the ids of the reference.
        let tokenizer = try load(changedModel("ignore_merges", false))
        #expect(tokenizer.encode(" استنساخ") == [220, 256, 276, 268, 269, 276, 317, 106])
        #expect(tokenizer.encode("الإسكندرية") == [259, 148, 536, 828])
        let whole = try load(fixtureBytes)
        #expect(whole.encode(" استنساخ") == [887] && whole.encode("الإسكندرية") == [888])
    }

    @Test func `a control token that sequences need and that is absent is named`() throws {
        let bytes = try changed { object in
            let tokens = (object["added_tokens"]?.arrayValue ?? []).filter { $0["content"] != "<|AUDIO_OUT|>" }
            object["added_tokens"] = .array(tokens)
        }
        let refusal = #expect(throws: TokenizerError.self) {
            _ = try ConversationLayout(tokenizer: load(bytes), path: "t.json")
        }
        #expect(refusal?.reason == .lacks(.audioOut))
        #expect(refusal?.description.contains("<|AUDIO_OUT|>") == true)
    }

    @Test func `contradictions are damage`() throws {
        let text = String(decoding: fixtureBytes, as: UTF8.self)
        for (from, to) in [
            ("\"id\": 891", "\"id\": 890"), ("\"id\": 902", "\"id\": 17"), ("\"id\": 902", "\"id\": -1"),
            ("\"id\": 902", "\"id\": 99999999999"), ("\"<|AUDIO|>\"", "\"<|AUDIO_OUT|>\""),
            ("\"<|AUDIO|>\"", "\"\""), ("\"merges\": [", "\"merges\": [[\"a\", \"\\u0627\"],"),
            ("\"merges\": [", "\"merges\": [[\"a\"],"), ("\"merges\": [", "\"merges\": [\"ab\","),
            ("\"vocab\": {", "\"vocab\": {\"a\": 5000,"), ("\"vocab\": {", "\"vocab\": {\"zzz\": 5,"),
            ("\"vocab\": {", "\"vocab\": {\"zzz\": 1.5,"), ("\"model\": {", "\"model\": {}, \"model\": {"),
        ] {
            let other = text.replacing(from, with: to)
            #expect(other != text, "\(from)")
            let refusal = #expect(throws: TokenizerError.self, "\(to)") { _ = try load(Array(other.utf8)) }
            #expect(refusal?.failure.status == .badData, "\(to): \(String(describing: refusal))")
        }
    }

    @Test func `damage of any kind is an error or another tokenizer, never a crash`() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var errors = 0
        for _ in 0..<400 {
            var bytes = fixtureBytes
            switch next(4) {
            case 0: bytes.removeLast(1 + next(bytes.count - 1))
            case 1: bytes[next(bytes.count)] ^= UInt8(1 << next(8))
            case 2: bytes.insert(contentsOf: Array("\"[]{}:,0".utf8).prefix(1 + next(8)), at: next(bytes.count))
            default: bytes.removeSubrange({ $0..<min(bytes.count, $0 + 1 + next(64)) }(next(bytes.count)))
            }
            do {
                let tokenizer = try load(bytes)
                #expect(tokenizer.decode(tokenizer.encode("سلام")).isEmpty == false)
            } catch is TokenizerError {
                errors += 1
            }
        }
        #expect(errors > 100, "seed \(seed)")
    }

    @Test func `a samples record that is no JSON is named by its path`() throws {
        try withTemporaryDirectory { directory in
            try AtomicFile.write("{\"text\": ".utf8, to: directory + "/stage.json")
            let failure = failure { try Tokenizer.load(samplesDirectory: directory) }
            #expect(failure?.location == directory + "/stage.json")
            #expect(failure?.status == .badData)
        }
    }
}
