// A small check of pages: every element closes what it opens, and quotes end.

/// The first thing that is wrong with the markup of a page; nil where all elements are balanced.
///
/// Knows what sawt writes: tags with quoted attributes, void elements closed with `/>`, one document type. A `<` that starts
/// no tag, an attribute without quotes or a close tag out of order is a fault.
public func markupFault(_ page: String) -> String? {
    let bytes = Array(page.utf8)
    var open: [String] = []
    var place = 0
    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
    while place < bytes.count {
        guard bytes[place] == UInt8(ascii: "<") else {
            if bytes[place] == UInt8(ascii: ">"), open.last != "style" { return "a bare > at byte \(place)" }
            place += 1
            continue
        }
        var end = place + 1
        var quoted = false
        while end < bytes.count, quoted || bytes[end] != UInt8(ascii: ">") {
            if bytes[end] == UInt8(ascii: "\"") { quoted.toggle() }
            if !quoted, bytes[end] == UInt8(ascii: "<") { return "a bare < at byte \(place)" }
            end += 1
        }
        guard end < bytes.count else { return "a tag that does not end, at byte \(place)" }
        let tag = text(place + 1..<end)
        place = end + 1
        if tag.hasPrefix("!DOCTYPE") { continue }
        let isClosing = tag.hasPrefix("/")
        let name = String(tag.drop { $0 == "/" }.prefix { $0.isLetter || $0.isNumber })
        guard !name.isEmpty else { return "a tag without a name: <\(tag.prefix(40))>" }
        if isClosing {
            guard open.popLast() == name else { return "</\(name)> closes something else" }
        } else if !tag.hasSuffix("/") {
            open.append(name)
        }
    }
    return open.last.map { "<\($0)> is never closed" }
}
