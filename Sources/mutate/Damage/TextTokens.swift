// Damage that keeps a text readable for its parser: whole strings, words, numbers and brackets are exchanged, so that what
// lies behind the parser is reached.

import PipelineKit

/// Tokens that do harm where something else is expected.
private let hostileTokens = [
    "null", "true", "false", "[]", "{}", "\"\"", "[[]]", "{\"\":{}}", "[null]", "\"\\u0000\"", "\"../../x\"",
    "\"/etc/passwd\"", "\"\\u202e\\u001b[2J\\n\"", "\"<|AUDIO_OUT|>\\u064e\"", "\"\\ud83d\\ude00\"", "\"NaN\"", "NaN",
    "*a", "&a", "\"é\"", String(repeating: "[", count: 70) + String(repeating: "]", count: 70),
    String(repeating: "[", count: 5_000), "\"" + String(repeating: "x", count: 5_000) + "\"",
]

/// Replaces, removes, repeats or exchanges tokens.
func exchangeToken(random: inout SplitMix64, bytes: inout [UInt8]) {
    let tokens = tokenRanges(of: bytes)
    guard !tokens.isEmpty else { return }
    let token = tokens[random.below(tokens.count)], other = tokens[random.below(tokens.count)]
    switch random.below(6) {
    case 0...1: bytes.replaceSubrange(token, with: hostileTokens[random.below(hostileTokens.count)].utf8)
    case 2: bytes.replaceSubrange(token, with: bytes[other])
    case 3: bytes.removeSubrange(token)
    case 4: bytes.insert(contentsOf: bytes[token], at: other.lowerBound)
    default:
        // From one token to another: members, elements, lines.
        let range = min(token.lowerBound, other.lowerBound)..<max(token.upperBound, other.upperBound)
        if range.count <= 4_096 { bytes.insert(contentsOf: bytes[range], at: range.upperBound) }
    }
}

/// Strings with their quotes, words and numbers, and every other character that is no white space.
private func tokenRanges(of bytes: [UInt8]) -> [Range<Int>] {
    func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"), 0x80...:
            true
        default: false
        }
    }
    var ranges: [Range<Int>] = []
    var start = 0
    while start < bytes.count {
        var end = start + 1
        if bytes[start] == UInt8(ascii: "\"") {
            while end < bytes.count, bytes[end] != UInt8(ascii: "\"") {
                end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1
            }
            end = min(bytes.count, end + 1)
        } else if isWord(bytes[start]) {
            while end < bytes.count, isWord(bytes[end]) { end += 1 }
        }
        if bytes[start] > 0x20 { ranges.append(start..<end) }
        start = end
    }
    return ranges
}
