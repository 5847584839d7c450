// Text from data (ids, paths, speakers) is escaped before it reaches a terminal, so that it can neither move the
// cursor nor reorder what a person reads.

extension String {
    /// The string with control, line-separating and bidirectional-formatting characters as `\u{…}`, and backslashes
    /// doubled. Letters of every script, harakat included, stay as they are.
    public var escapedForTerminal: String {
        var result = ""
        for scalar in unicodeScalars {
            switch scalar.value {
            case 0x5C: result += "\\\\"
            case 0x0A: result += "\\n"
            case 0x09: result += "\\t"
            case 0x0D: result += "\\r"
            case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF:
                result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
