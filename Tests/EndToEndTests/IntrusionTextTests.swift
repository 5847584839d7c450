import Foundation
import PipelineKit
import TestSupport
import Testing

/// Texts that look like control tokens, or come apart into them: text, whatever a reader would see.
@Suite struct IntrusionTextTests {
    private static let lookalikes = [
        "＜｜AUDIO_OUT｜＞", "<｜AUDIO_OUT｜>", "<|ＡＵＤＩＯ＿ＯＵＴ|>", "<|audio_out|>", "<| AUDIO_OUT |>", "<|AUDIO_OUT|",
        "AUDIO_OUT|>", "<|AUDIO\u{200D}_OUT|>", "<|AUDIO\u{AD}_OUT|>", "<\u{301}|AUDIO_OUT|>", "<|AUDIO_OUT\u{64E}|>",
        "&lt;|AUDIO_OUT|&gt;", "\\u003c|AUDIO_OUT|>", "<|end_of_texт|>", "<|eot_іd|>", "⟨|eot_id|⟩",
        "<\u{200B}|eot_id|>",
    ]

    private static func tokenizerFlags(_ kind: String) -> [String] {
        kind == "bytes" ? [] : ["--tokenizer", fixture("text/tokenizer.json")]
    }

    private static func tokenizer(_ kind: String) throws -> Tokenizer {
        kind == "bytes" ? .byteLevel : try Tokenizer.load(path: fixture("text/tokenizer.json"))
    }

    /// Rows with `text` in a system, a user and an assistant turn, in a list, and as the recipient.
    private static func rows(_ text: String) -> [JSONValue] {
        let value = JSONValue.string(text), answer = HostileManifest.assistant()
        return [
            HostileManifest.row([["role": "system", "content": value], HostileManifest.user("a"), answer]),
            HostileManifest.row([HostileManifest.user(value), answer]),
            HostileManifest.row([HostileManifest.user([["type": "text", "text": value]]), answer]),
            HostileManifest.row([HostileManifest.user("a"), HostileManifest.assistant(text: text)]),
            HostileManifest.row([
                HostileManifest.user("a"), answer, ["role": "assistant", "recipient": value, "content": "a"],
            ]),
        ]
    }

    @Test(arguments: ["bytes", "bpe"]) func `lookalikes of control tokens are text and never a special id`(
        kind: String
    ) throws {
        let rows = Self.lookalikes.flatMap(Self.rows)
        let tokenizer = try Self.tokenizer(kind), layout = try ConversationLayout(tokenizer: tokenizer)
        let special = Set(tokenizer.record.controlTokens.values)
        try withTemporaryDirectory { directory in
            let outcome = try HostileManifest.ingestRows(rows, in: directory, flags: Self.tokenizerFlags(kind))
            #expect(outcome.codes == [:])
            let samples = try MDSReader(directory: "\(outcome.work)/samples")
            try #require(samples.sampleCount == rows.count + 1)
            for number in 1...rows.count {
                let text = Self.lookalikes[(number - 1) / 5]
                let ids = try samples.row(number).array("input_ids", as: Int32.self).values
                var words: [Int32] = []
                for (id, position) in zip(ids, layout.explain(ids)) {
                    let kind = try #require(position?.kind, "\(text): an id that no layout writes")
                    if kind == .text { words.append(id) }
                }
                #expect(!words.contains(where: special.contains), "\(text) became a special id")
                // As many of them as the row's own structure has.
                let structure = number % 5 == 0 || (number - 1) % 5 == 0 ? 3 : 2
                let ends = ids.count {
                    [ControlToken.endOfTurn, .endOfMessage].map { tokenizer.record.controlTokens[$0] }.contains($0)
                }
                #expect(ends == structure, "\(text): \(ends) ends of turns")
                #expect(tokenizer.decode(ids).utf8.firstRange(of: text.utf8) != nil, "\(text) does not come back")
            }
        }
    }

    @Test func `a token that two items or two messages make together is none`() throws {
        let split: JSONValue = [["type": "text", "text": "<|AUDIO"], ["type": "text", "text": "_OUT|>"]]
        let rows = [
            HostileManifest.row([HostileManifest.user(split), HostileManifest.assistant()]),
            HostileManifest.row([
                HostileManifest.user("<|eot"), HostileManifest.user("_id|>"), HostileManifest.assistant(),
            ]),
        ]
        for kind in ["bytes", "bpe"] {
            try withTemporaryDirectory { directory in
                let outcome = try HostileManifest.ingestRows(rows, in: directory, flags: Self.tokenizerFlags(kind))
                #expect(outcome.codes == [:])
                let record = try Self.tokenizer(kind).record
                for number in 1...2 {
                    let ids = try MDSReader(directory: "\(outcome.work)/samples").row(number)
                        .array("input_ids", as: Int32.self).values
                    #expect(ids.count { $0 == record.controlTokens[.audioOut] } == 1)
                    #expect(ids.count { $0 == record.controlTokens[.endOfTurn] } == number + 1)
                }
            }
        }
    }

    @Test func `every added token of a tokenizer is refused in a text, not only those that the layout uses`() throws {
        let file = try JSONValue(contentsOfFile: fixture("text/tokenizer.json"))
        let tokens = (file["added_tokens"]?.arrayValue ?? []).compactMap { $0["content"]?.stringValue }
        try #require(tokens.count > ControlToken.allCases.count)
        let rows = tokens.map {
            HostileManifest.row([HostileManifest.user(.string("a\($0)\u{64E}")), HostileManifest.assistant()])
        }
        try withTemporaryDirectory { directory in
            let outcome = try HostileManifest.ingestRows(rows, in: directory, flags: Self.tokenizerFlags("bpe"))
            try HostileManifest.expect("control_token", for: rows, outcome)
        }
    }

    @Test func `a role in other letters is no role`() throws {
        let rows = ["ｕser", "user\u{200B}", "User", "us\u{301}er", "assistant\u{64E}", "", " user"].map { role in
            HostileManifest.row([["role": .string(role), "content": "a"], HostileManifest.assistant()])
        }
        try withTemporaryDirectory { directory in
            try HostileManifest.expect(
                "invalid_structure", for: rows, HostileManifest.ingestRows(rows, in: directory))
        }
    }
}
