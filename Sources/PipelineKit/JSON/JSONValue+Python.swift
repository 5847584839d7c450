// Writes JSON as Python's json.dumps does (CPython 3.11, Lib/json/encoder.py): `, ` and `: `, ASCII with \uXXXX, floats
// as repr. MDS headers and `json` columns are these bytes.

extension JSONValue {
    /// What Python's `json.dumps(value, sort_keys=sortKeys)` prints.
    ///
    /// - Parameters:
    ///   - sortKeys: sorts object keys by code point.
    ///   - ascii: escapes everything beyond ASCII, as `ensure_ascii=True` does; false keeps readable Arabic.
    public func pythonDump(sortKeys: Bool = false, ascii: Bool = true) -> String {
        String(decoding: pythonBytes(sortKeys: sortKeys, ascii: ascii), as: UTF8.self)
    }

    /// The same in UTF-8.
    func pythonBytes(sortKeys: Bool = false, ascii: Bool = true) -> [UInt8] {
        var text: [UInt8] = []
        write(to: &text, sortKeys: sortKeys, ascii: ascii, indent: nil, depth: 0)
        return text
    }

    /// The value over several lines, two spaces a level, keys in their order, non-ASCII characters as they are.
    public func pretty() -> String {
        var text: [UInt8] = []
        write(to: &text, sortKeys: false, ascii: false, indent: 2, depth: 0)
        return String(decoding: text, as: UTF8.self)
    }

    private func write(to text: inout [UInt8], sortKeys: Bool, ascii: Bool, indent: Int?, depth: Int) {
        /// Opens a new line at `depth`, or does nothing in one-line form.
        func newLine(_ depth: Int) {
            guard let indent else { return }
            text.append(UInt8(ascii: "\n"))
            text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent * depth))
        }
        let separator: String = indent == nil ? ", " : ","
        switch self {
        case .null: text += "null".utf8
        case .bool(let value): text += (value ? "true" : "false").utf8
        case .int(let value): text += String(value).utf8
        case .bigInteger(let digits): text += digits.utf8
        case .double(let value): text += Self.pythonRepr(value).utf8
        case .string(let value): Self.write(value, to: &text, ascii: ascii)
        case .array(let elements):
            text.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { text += separator.utf8 }
                newLine(depth + 1)
                element.write(to: &text, sortKeys: sortKeys, ascii: ascii, indent: indent, depth: depth + 1)
            }
            if !elements.isEmpty { newLine(depth) }
            text.append(UInt8(ascii: "]"))
        case .object(let object):
            var members = object.members
            if sortKeys {
                members.sort { $0.key.unicodeScalars.lexicographicallyPrecedes($1.key.unicodeScalars) }
            }
            text.append(UInt8(ascii: "{"))
            for (index, (key, value)) in members.enumerated() {
                if index > 0 { text += separator.utf8 }
                newLine(depth + 1)
                Self.write(key, to: &text, ascii: ascii)
                text += ": ".utf8
                value.write(to: &text, sortKeys: sortKeys, ascii: ascii, indent: indent, depth: depth + 1)
            }
            if !members.isEmpty { newLine(depth) }
            text.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ string: String, to text: inout [UInt8], ascii: Bool) {
        func escape(_ unit: UInt16) {
            let digits = String(unit, radix: 16)
            text += "\\u".utf8
            text.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: 4 - digits.utf8.count))
            text += digits.utf8
        }
        text.append(UInt8(ascii: "\""))
        for scalar in string.unicodeScalars {
            switch scalar.value {
            case 0x22: text += "\\\"".utf8
            case 0x5C: text += "\\\\".utf8
            case 0x0A: text += "\\n".utf8
            case 0x0D: text += "\\r".utf8
            case 0x09: text += "\\t".utf8
            case 0x0C: text += "\\f".utf8
            case 0x08: text += "\\b".utf8
            case 0..<0x20: escape(UInt16(scalar.value))
            case 0x20...0x7E: text.append(UInt8(scalar.value))
            default: if ascii { UTF16.encode(scalar)?.forEach(escape) } else { text += String(Character(scalar)).utf8 }
            }
        }
        text.append(UInt8(ascii: "\""))
    }

    /// Python's `repr` of a float: the shortest digits that read back, exponent form below 1e-4 and from 1e16.
    static func pythonRepr(_ value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity" }
        // Swift prints the shortest digits too, in its own layout; take them apart and lay them out again.
        let sign = value.sign == .minus ? "-" : ""
        let parts = "\(value.magnitude)".split(separator: "e")
        let mantissa = parts[0].split(separator: ".")
        var digits = Array(mantissa.joined().utf8)
        // The decimal point stands behind `point` digits.
        var point = mantissa[0].utf8.count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        let leadingZeros = digits.prefix { $0 == UInt8(ascii: "0") }.count
        guard leadingZeros < digits.count else { return sign + "0.0" }
        digits.removeFirst(leadingZeros)
        point -= leadingZeros
        while digits.last == UInt8(ascii: "0") { digits.removeLast() }
        let text = String(decoding: digits, as: UTF8.self)
        let exponent = point - 1
        if exponent < -4 || exponent >= 16 {
            let head = String(text.prefix(1)), tail = text.dropFirst()
            let magnitude = exponent.magnitude
            return sign + head + (tail.isEmpty ? "" : "." + tail) + "e" + (exponent < 0 ? "-" : "+")
                + (magnitude < 10 ? "0" : "") + String(magnitude)
        }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + text }
        if point >= text.utf8.count {
            return sign + text + String(repeating: "0", count: point - text.utf8.count) + ".0"
        }
        return sign + text.prefix(point) + "." + text.dropFirst(point)
    }
}
