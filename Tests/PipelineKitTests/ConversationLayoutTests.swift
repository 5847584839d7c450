// The layout of conversations against the original Higgs Audio v2 preparation.

import Foundation
import TestSupport
import Testing

@testable import PipelineKit

@Suite struct ConversationLayoutTests {
    let layout: ConversationLayout

    init() throws {
        layout = try ConversationLayout(tokenizer: Tokenizer.load(path: fixture("text/tokenizer.json")))
    }

    private func lines(_ path: String) throws -> [JSONValue] {
        try Array(Data(contentsOf: URL(fileURLWithPath: fixture(path)))).split(separator: UInt8(ascii: "\n"))
            .map { try JSONValue(parsing: $0) }
    }

    /// The turns of a fixture's row; how ingest reads rows is tested there.
    private func turns(_ row: JSONValue) throws -> [ConversationTurn] {
        try #require(row["messages"]?.arrayValue).map { message in
            let content = try #require(message["content"])
            return ConversationTurn(
                role: try #require(message["role"]?.stringValue.flatMap(ConversationRole.init(rawValue:))),
                recipient: message["recipient"]?.stringValue,
                items: try content.stringValue.map { [.text($0)] }
                    ?? (content.arrayValue ?? [content]).map { item in
                        item["type"] == "audio" ? .audio : .text(try #require(item["text"]?.stringValue))
                    })
        }
    }

    @Test func `all rows have the reference's ids and labels`() throws {
        let rows = try lines("chatml/manifest.jsonl"), expected = try lines("chatml/expected.jsonl")
        #expect(rows.count == 60 && expected.count == 60)
        for (number, (row, expected)) in zip(rows, expected).enumerated() {
            let sequence = try layout.sequence(of: turns(row), startIndex: row["start_index"]?.intValue ?? 0)
            let ids = try #require(expected["input_ids"]?.arrayValue).map { Int32(try #require($0.intValue)) }
            let labels = try #require(expected["label_ids"]?.arrayValue).map { Int32(try #require($0.intValue)) }
            let kind = expected["kind"]?.stringValue ?? ""
            #expect(sequence.inputIDs == ids, "row \(number + 1), \(kind)")
            #expect(sequence.labelIDs == labels, "row \(number + 1), \(kind)")
            #expect(sequence.isTarget.count == expected["audio_urls"]?.arrayValue?.count)
            #expect(layout.explain(sequence.inputIDs) == sequence.positions)
        }
    }

    @Test func `a clip is a target where its placeholder is labelled`() throws {
        let audio = ConversationTurn(role: .assistant, items: [.audio])
        let sequence = try layout.sequence(
            of: [ConversationTurn(role: .user, items: [.audio]), audio, audio], startIndex: 2)
        #expect(sequence.isTarget == [false, false, true])
        for (place, position) in sequence.positions.enumerated() where position.kind == .placeholder {
            #expect((sequence.labelIDs[place] != ignoredLabel) == (position.turn == 2))
        }
        // An assistant turn before another one ends with <|eom_id|>.
        let ends = zip(sequence.inputIDs, sequence.positions).filter { $0.1.kind == .end }.map(\.0)
        #expect(ends == [895, 894, 895])
    }

    @Test func `a recipient is labelled even before the first trained turn`() throws {
        let turn = ConversationTurn(role: .assistant, recipient: "tts", items: [.text("a")])
        let sequence = try layout.sequence(of: [turn], startIndex: 1)
        for (label, position) in zip(sequence.labelIDs, sequence.positions) {
            #expect((label != ignoredLabel) == (position.kind == .recipient))
        }
        let user = ConversationTurn(role: .user, recipient: "tts", items: [.text("a")])
        #expect(try layout.sequence(of: [user]).positions.allSatisfy { $0.kind != .recipient })
    }

    @Test(arguments: ["<|AUDIO_OUT|>\u{064E}", "سلام<|eot_id|>", "<|reserved_special_token_6|>"])
    func `a control token in a text or a recipient is an intrusion`(text: String) {
        let user = ConversationTurn(role: .user, items: [.text("ok"), .text(text)])
        #expect(throws: ControlTokenIntrusion.self) { try layout.sequence(of: [user]) }
        let assistant = ConversationTurn(role: .assistant, recipient: text, items: [])
        #expect(throws: ControlTokenIntrusion.self) { try layout.sequence(of: [user, assistant]) }
    }

    @Test func `a token that only two texts together would make is none`() throws {
        let turn = ConversationTurn(role: .user, items: [.text("<|eot"), .text("_id|>")])
        let sequence = try layout.sequence(of: [turn])
        #expect(sequence.inputIDs.filter { $0 == 895 }.count == 1)
    }

    @Test func `foreign ids are not explained`() {
        #expect(layout.explain([]).isEmpty)
        #expect(layout.explain([1, 2, 3]) == [nil, nil, nil])
        #expect(layout.explain([890, 5]) == [nil, nil])
    }
}
