import PipelineKit
import Testing

@testable import PipelineKit

@Suite struct JSONTests {
    /// Values as CPython 3.11's json.dumps prints them.
    @Test(arguments: [
        (0.0, "0.0"), (-0.0, "-0.0"), (1.0, "1.0"), (0.1, "0.1"), (1e-4, "0.0001"), (1e-5, "1e-05"),
        (1.5e-7, "1.5e-07"),
        (1e15, "1000000000000000.0"), (1e16, "1e+16"), (1.2345678901234568e17, "1.2345678901234568e+17"),
        (9007199254740993.0, "9007199254740992.0"), (-123.456, "-123.456"), (.leastNonzeroMagnitude, "5e-324"),
        (1e100, "1e+100"),
        (0.00012345, "0.00012345"), (3.2, "3.2"), (1.7976931348623157e308, "1.7976931348623157e+308"),
    ])
    func `floats print as Python's repr`(value: Double, expected: String) {
        #expect(JSONValue.pythonRepr(value) == expected)
    }

    @Test func `strings print as ASCII with surrogate pairs`() throws {
        let value = try JSONValue(
            parsing: #"{"b": "صوت\u0000\u001f \ud83d\ude00 \"\\/\b\f\n\r\t", "a": [1, 2.50, true, null, {}]}"#)
        #expect(
            value.pythonDump()
                == #"{"b": "\u0635\u0648\u062a\u0000\u001f \ud83d\ude00 \"\\/\b\f\n\r\t", "a": [1, 2.5, true, null, {}]}"#
        )
        #expect(value.pythonDump(sortKeys: true).hasPrefix(#"{"a": [1"#))
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":1,}", "01", "1.", "-", "NaN", "Infinity", "1e999", "\"\\ud800\"", "\"\\udc00x\"",
        "\"\u{1}\"",
        "tru", "[1] 2", "{1: 2}", "\"\\x\"", "\"abc", "'a'", "+1", ".5", "\"\\u00g0\"",
    ])
    func `what is not JSON is refused`(text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    }

    @Test func `nesting is bounded`() throws {
        let deep = { (n: Int) in String(repeating: "[", count: n) + String(repeating: "]", count: n) }
        _ = try JSONValue(parsing: deep(64))
        #expect(throws: JSONError.self) { try JSONValue(parsing: deep(65)) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: String(repeating: "[", count: 1_000_000)) }
    }

    @Test func `keys compare as bytes and the last of two wins`() throws {
        let value = try JSONValue(parsing: "{\"\u{65}\u{301}\": 1, \"\u{E9}\": 2, \"a\": 3, \"a\": 4}")
        #expect(value["\u{E9}"] == 2)
        #expect(value["e\u{301}"] == 1)
        #expect(value["a"] == 4)
        #expect(value.objectValue?.members.count == 3)
    }

    @Test func `invalid UTF-8 is refused`() {
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xED, 0xA0, 0x80, 0x22]) }
    }
}
