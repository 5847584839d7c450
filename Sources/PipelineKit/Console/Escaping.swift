// Text from data (ids, paths, speakers) is escaped before it reaches a terminal, so that it can neither move the
// cursor nor reorder what a person reads.

extension UnicodeScalar {
    /// Whether a terminal would do something else than show it: control characters, separators of lines, marks that
    /// reorder, the byte order mark.
    var movesTerminal: Bool {
        switch value {
        case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }
}

extension String {
    /// The string with control, line-separating and bidirectional-formatting characters as `\u{…}`, and backslashes
    /// doubled. Letters of every script, harakat included, stay as they are.
    public var escapedForTerminal: String {
        var result = ""
        for scalar in unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case _ where scalar.movesTerminal:
                result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension Console {
    /// Writes a JSON document to stdout, on one line, readable: of what is not ASCII only that is written as `\uXXXX`
    /// which `escapedForTerminal` would escape too.
    public static func print(_ json: JSONValue) {
        var line = ""
        // Raw control characters below a space stand in no JSON, and the others only within strings.
        for scalar in json.pythonDump(ascii: false).unicodeScalars {
            if scalar.movesTerminal {
                let digits = String(scalar.value, radix: 16)
                line += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            } else {
                line.unicodeScalars.append(scalar)
            }
        }
        print(line)
    }
}
