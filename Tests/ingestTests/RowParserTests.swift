// The forms that a row may have, and those that it may not.

import PipelineKit
import Testing

@testable import ingest

@Suite struct RowParserTests {
    let parser = RowParser(addedToken: { Tokenizer.byteLevel.firstAddedToken(in: $0) })

    private func parse(_ text: String) throws -> ParsedRow { try parser.parse(JSONValue(parsing: text)) }

    /// A row of one message with this content.
    private func content(_ content: String, role: String = "assistant") -> String {
        #"{"messages": [{"role": "\#(role)", "content": \#(content)}]}"#
    }

    @Test func `content is a string, an item, or a list of both`() throws {
        #expect(try parse(content(#""نص""#)).turns[0].items == [.text("نص")])
        #expect(try parse(content(#"{"type": "text", "text": "a"}"#)).turns[0].items == [.text("a")])
        #expect(try parse(content(#"{"type": "audio", "audio_url": "a.wav"}"#)).turns[0].items == [.audio])
        #expect(try parse(content("[]")).turns[0].items == [])
        let row = try parse(content(#"["a", {"type": "audio", "path": "x"}, {"type": "text", "text": ""}]"#))
        #expect(row.turns[0].items == [.text("a"), .audio, .text("")])
        #expect(row.clips == [ClipRequest(source: .path("x"), isOut: true)])
    }

    @Test func `audio is a url, a path or base64, and empty is absent`() throws {
        func clip(_ members: String, role: String = "user") throws -> ClipRequest? {
            try parse(content(#"{"type": "audio", \#(members)}"#, role: role)).clips.first
        }
        #expect(try clip(#""audio_url": "a""#) == ClipRequest(source: .path("a"), isOut: false))
        #expect(try clip(#""url": "a""#, role: "assistant") == ClipRequest(source: .path("a"), isOut: true))
        #expect(
            try clip(#""path": "a", "url": "", "audio_url": null"#) == ClipRequest(source: .path("a"), isOut: false))
        #expect(
            try clip(#""audio_url": "", "raw_audio": "QUJD""#) == ClipRequest(source: .base64("QUJD"), isOut: false))
        #expect(
            try clip(#""audio_url": "a", "raw_audio": "QUJD", "offset": 1, "duration": 0.5"#)
                == ClipRequest(source: .path("a"), offset: 1, duration: 0.5, isOut: false))
        #expect(try clip(#""url": "a", "duration": "3 s""#) == ClipRequest(source: .path("a"), isOut: false))
        for nothing in [#""audio_url": """#, #""raw_audio": null"#, #""x": 1"#] {
            #expect(throws: Reject(.missingAudio, "the content of message 0 names no audio")) { try clip(nothing) }
        }
    }

    @Test func `names come from the row, else from misc`() throws {
        func id(_ text: String) throws -> String? { try RowParser.id(of: JSONValue(parsing: text)) }
        #expect(try id(#"{"id": "a", "misc": {"sample_id": "b"}}"#) == "a")
        #expect(try id(#"{"id": "", "misc": {"sample_id": "b"}}"#) == "b")
        #expect(try id(#"{"id": 17}"#) == "17")
        #expect(try id(#"{"misc": {}}"#) == nil)
        #expect(try id(#"{"misc": null}"#) == nil)
        #expect(throws: Reject.self) { try id(#"{"id": ["a"]}"#) }
        #expect(throws: Reject.self) { try id("{\"id\": \"\(String(repeating: "x", count: 1_025))\"}") }
        func speaker(_ members: String) throws -> String {
            try parse(#"{\#(members) "messages": [{"role": "user", "content": "a"}]}"#).speaker
        }
        #expect(try speaker(#""speaker": "s", "misc": {"speaker": "m"},"#) == "s")
        #expect(try speaker(#""misc": {"speaker": "m"},"#) == "m")
        #expect(try speaker("") == "")
    }

    @Test func `start_index and recipient are read`() throws {
        let message = #"{"role": "assistant", "content": "a", "recipient": "tts"}"#
        #expect(try parse(#"{"messages": [\#(message)], "start_index": null}"#).startIndex == 0)
        #expect(try parse(#"{"messages": [\#(message)], "start_index": 3}"#).startIndex == 3)
        #expect(try parse(#"{"messages": [\#(message)]}"#).turns[0].recipient == "tts")
        #expect(try parse(#"{"messages": [{"role": "user", "content": "a", "recipient": null}]}"#).startIndex == 0)
    }

    @Test func `the conversation is kept without raw audio`() throws {
        let row = try parse(
            #"{"messages": [{"role": "user", "content": [{"type": "audio", "raw_audio": "QUJD", "x": 1}], "y": 2}]}"#)
        let expected = try JSONValue(
            parsing: #"[{"role": "user", "content": [{"type": "audio", "x": 1}], "y": 2}]"#)
        #expect(row.conversation == expected)
    }

    @Test(arguments: [
        #"{}"#, #"{"messages": []}"#, #"{"messages": {}}"#, #"{"messages": ["a"]}"#,
        #"{"messages": [{"content": "a"}]}"#, #"{"messages": [{"role": "user"}]}"#,
        #"{"messages": [{"role": "User", "content": "a"}]}"#, #"{"messages": [{"role": 1, "content": "a"}]}"#,
        #"{"messages": [{"role": "user", "content": null}]}"#, #"{"messages": [{"role": "user", "content": 1}]}"#,
        #"{"messages": [{"role": "user", "content": [[]]}]}"#,
        #"{"messages": [{"role": "user", "content": {"type": "text"}}]}"#,
        #"{"messages": [{"role": "user", "content": {"type": "text", "text": 1}}]}"#,
        #"{"messages": [{"role": "user", "content": {"type": "video", "url": "x"}}]}"#,
        #"{"messages": [{"role": "user", "content": {"text": "x"}}]}"#,
        #"{"messages": [{"role": "user", "content": {"type": "audio", "audio_url": 1}}]}"#,
        #"{"messages": [{"role": "user", "content": {"type": "audio", "url": "x", "offset": "1"}}]}"#,
        #"{"messages": [{"role": "user", "content": {"type": "audio", "url": "x", "offset": -1}}]}"#,
        #"{"messages": [{"role": "user", "content": {"type": "audio", "url": "x", "offset": 0, "duration": "1"}}]}"#,
        #"{"messages": [{"role": "user", "content": {"type": "audio", "url": "x", "offset": 0, "duration": -1}}]}"#,
        #"{"messages": [{"role": "user", "content": "a", "recipient": "tts"}]}"#,
        #"{"messages": [{"role": "assistant", "content": "a", "recipient": 1}]}"#,
        #"{"messages": [{"role": "user", "content": "a"}], "start_index": "0"}"#,
        #"{"messages": [{"role": "user", "content": "a"}], "start_index": -1}"#,
        #"{"messages": [{"role": "user", "content": "a"}], "start_index": 0.5}"#,
        #"{"messages": [{"role": "user", "content": "a"}], "speaker": {}}"#,
        #"{"messages": [{"role": "user", "content": "a"}], "misc": []}"#,
    ])
    func `any other structure is refused`(text: String) throws {
        let reject = #expect(throws: Reject.self) { try parse(text) }
        #expect(reject?.code == .invalidStructure)
    }

    @Test func `a control token in a role is an intrusion`() throws {
        let reject = #expect(throws: Reject.self) { try parse(content(#""a""#, role: "user<|eot_id|>\u{64E}")) }
        #expect(reject?.code == .controlToken)
    }
}
