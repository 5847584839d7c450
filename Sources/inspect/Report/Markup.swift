// HTML that is well-formed and escaped by construction: text and attributes can only be put in through functions that escape
// them, and an element closes what it opens. Void elements are closed as in XML, which HTML allows.

/// A piece of a page.
struct Markup: Sendable {
    let html: String

    private init(html: String) { self.html = html }

    /// Nothing.
    static let empty = Markup(html: "")

    /// Text, shown as it is.
    static func text(_ text: String) -> Markup { Markup(html: escaped(text)) }

    /// Pieces one after another.
    static func all(_ pieces: [Markup]) -> Markup { Markup(html: pieces.map(\.html).joined()) }

    /// An element with its attributes and content.
    static func element(
        _ name: StaticString, _ attributes: KeyValuePairs<StaticString, String>, _ content: [Markup]
    ) -> Markup {
        Markup(html: "<\(name)\(list(attributes))>\(content.map(\.html).joined())</\(name)>")
    }

    static func element(_ name: StaticString, _ content: [Markup]) -> Markup { element(name, [:], content) }

    /// An element around a text.
    static func element(
        _ name: StaticString, _ attributes: KeyValuePairs<StaticString, String>, _ text: String
    ) -> Markup {
        element(name, attributes, [.text(text)])
    }

    static func element(_ name: StaticString, _ text: String) -> Markup { element(name, [:], [.text(text)]) }

    /// An element that has no content.
    static func void(_ name: StaticString, _ attributes: KeyValuePairs<StaticString, String> = [:]) -> Markup {
        Markup(html: "<\(name)\(list(attributes)) />")
    }

    /// The page's own style sheet.
    static func style(_ css: StaticString) -> Markup { Markup(html: "<style>\(css)</style>") }

    /// A page around its head and body.
    static func document(head: [Markup], body: [Markup]) -> Markup {
        Markup(
            html: "<!DOCTYPE html>\n"
                + element("html", ["lang": "en"], [element("head", head), element("body", body)]).html + "\n")
    }

    private static func list(_ attributes: KeyValuePairs<StaticString, String>) -> String {
        attributes.map { " \($0.key)=\"\(escaped($0.value))\"" }.joined()
    }

    /// Text with the characters that mean something to HTML as references, and with control characters, which HTML has no
    /// reference for, and characters that turn the direction of what follows, made visible as `\u{202E}`. Tabs and line
    /// feeds stay.
    static func escaped(_ text: String) -> String {
        var result = ""
        result.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x26: result += "&amp;"
            case 0x3C: result += "&lt;"
            case 0x3E: result += "&gt;"
            case 0x22: result += "&quot;"
            case 0x27: result += "&#39;"
            case 0x09, 0x0A: result.unicodeScalars.append(scalar)
            case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF,
                0xFDD0...0xFDEF:
                result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
            case let value where value & 0xFFFE == 0xFFFE:
                result += "\\u{\(String(value, radix: 16, uppercase: true))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension Markup {
    /// A text from data inside a line: it keeps its own direction and does not turn its neighbours.
    static func isolated(_ text: String) -> Markup { element("bdi", text) }

    /// Bytes as a `data:` address.
    static func dataAddress(_ bytes: [UInt8], type: StaticString) -> String {
        "data:\(type);base64," + base64(bytes)
    }

    private static let base64Digits = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// RFC 4648, section 4.
    static func base64(_ bytes: [UInt8]) -> String {
        let count = (bytes.count + 2) / 3 * 4
        return String(unsafeUninitializedCapacity: count) { digits in
            var place = 0
            for start in stride(from: 0, to: bytes.count, by: 3) {
                let left = min(3, bytes.count - start)
                let word = (0..<3).reduce(UInt32(0)) { $0 << 8 | ($1 < left ? UInt32(bytes[start + $1]) : 0) }
                for digit in 0..<4 {
                    digits[place] =
                        digit <= left ? base64Digits[Int(word >> UInt32(18 - 6 * digit) & 63)] : UInt8(ascii: "=")
                    place += 1
                }
            }
            return count
        }
    }
}
