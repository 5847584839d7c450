// Reads JSON (RFC 8259) from UTF-8 bytes, strictly: no NaN, no trailing commas, no lone surrogates, a bounded depth.
// Errors carry the byte offset.

import Foundation

/// Why a text is not JSON.
public struct JSONError: PersonReadable, Equatable {
    /// The offset of the first byte that does not fit.
    public var offset: Int
    /// What was found or expected there.
    public var reason: String

    public var failure: Failure { Failure(.badData, "invalid JSON at byte \(offset): \(reason)") }
}

extension JSONValue {
    /// The default bound on nesting, for rows and configs alike.
    public static let maximumDepth = 64

    /// Parses one document; white space around it is allowed, anything else is an error.
    ///
    /// - Parameter maximumDepth: arrays and objects may nest this deep.
    /// - Throws: `JSONError`.
    public init(parsing bytes: some Sequence<UInt8>, maximumDepth: Int = JSONValue.maximumDepth) throws {
        let parsed: JSONValue? = try bytes.withContiguousStorageIfAvailable { storage in
            try JSONValue(parsing: UnsafeRawBufferPointer(storage), maximumDepth: maximumDepth)
        }
        if let parsed {
            self = parsed
        } else {
            self = try Array(bytes).withUnsafeBytes { try JSONValue(parsing: $0, maximumDepth: maximumDepth) }
        }
    }

    /// Parses the UTF-8 of a string.
    public init(parsing text: String, maximumDepth: Int = JSONValue.maximumDepth) throws {
        try self.init(parsing: Array(text.utf8), maximumDepth: maximumDepth)
    }

    /// Parses the bytes of a buffer.
    public init(parsing bytes: UnsafeRawBufferPointer, maximumDepth: Int = JSONValue.maximumDepth) throws {
        var parser = JSONParser(bytes: bytes, maximumDepth: maximumDepth)
        self = try parser.value(depth: 0)
        parser.skipSpace()
        if parser.offset < bytes.count { throw parser.error("more text after the document") }
    }
}

/// A recursive-descent parser over a buffer. Also the scanner for documents too large to hold as values.
public struct JSONParser {
    let bytes: UnsafeRawBufferPointer
    let maximumDepth: Int
    /// The next byte to read.
    public internal(set) var offset = 0

    /// The buffer must outlive the parser.
    public init(bytes: UnsafeRawBufferPointer, maximumDepth: Int = JSONValue.maximumDepth) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
    }

    func error(_ reason: String, at offset: Int? = nil) -> JSONError {
        JSONError(offset: offset ?? self.offset, reason: reason)
    }

    /// Skips white space.
    public mutating func skipSpace() {
        while offset < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[offset]) { offset += 1 }
    }

    /// The next byte after white space, unread; nil at the end.
    public mutating func peek() -> UInt8? {
        skipSpace()
        return offset < bytes.count ? bytes[offset] : nil
    }

    /// Reads `byte` if it comes next after white space.
    public mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        offset += 1
        return true
    }

    /// Reads `byte`, which must come next after white space.
    public mutating func expect(_ byte: UInt8) throws {
        guard take(byte) else { throw error("expected '\(Character(UnicodeScalar(byte)))', got \(described)") }
    }

    private var described: String {
        guard offset < bytes.count else { return "the end of the text" }
        let byte = bytes[offset]
        return (0x20..<0x7F).contains(byte)
            ? "'\(Character(UnicodeScalar(byte)))'" : "byte 0x\(String(byte, radix: 16))"
    }

    /// Reads one value.
    public mutating func value(depth: Int = 0) throws -> JSONValue {
        guard let byte = peek() else { throw error("unexpected end of the text") }
        switch byte {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw error("unexpected \(described)")
        }
    }

    private mutating func literal(_ text: StaticString, _ value: JSONValue) throws -> JSONValue {
        let expected = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        guard bytes[offset...].starts(with: expected) else { throw error("unexpected \(described)") }
        offset += expected.count
        return value
    }

    private mutating func array(depth: Int) throws -> [JSONValue] {
        guard depth < maximumDepth else { throw error("nested deeper than \(maximumDepth) levels") }
        try expect(UInt8(ascii: "["))
        var elements: [JSONValue] = []
        if take(UInt8(ascii: "]")) { return elements }
        repeat { elements.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"))
        return elements
    }

    private mutating func object(depth: Int) throws -> JSONObject {
        guard depth < maximumDepth else { throw error("nested deeper than \(maximumDepth) levels") }
        try expect(UInt8(ascii: "{"))
        var object = JSONObject()
        if take(UInt8(ascii: "}")) { return object }
        // Large objects would make the search for a repeated key quadratic; they get a set.
        var seen = Set<[UInt8]>()
        repeat {
            guard peek() == UInt8(ascii: "\"") else { throw error("expected a key, got \(described)") }
            let key = try string()
            try expect(UInt8(ascii: ":"))
            let member = try value(depth: depth + 1)
            if object.members.count < 16 {
                object[key] = member
            } else {
                if seen.isEmpty { for (key, _) in object.members { seen.insert(Array(key.utf8)) } }
                if seen.insert(Array(key.utf8)).inserted {
                    object.appendUnique(key: key, value: member)
                } else {
                    object[key] = member
                }
            }
        } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"))
        return object
    }

    /// Reads a string. Its UTF-8 must be valid, its escapes must be complete and pair their surrogates.
    public mutating func string() throws -> String {
        try expect(UInt8(ascii: "\""))
        let start = offset
        // Most strings have no escape: find the end first.
        while offset < bytes.count, bytes[offset] != UInt8(ascii: "\""), bytes[offset] != UInt8(ascii: "\\") {
            guard bytes[offset] >= 0x20 else { throw error("a control character in a string") }
            offset += 1
        }
        guard offset < bytes.count else { throw error("a string without end", at: start - 1) }
        if bytes[offset] == UInt8(ascii: "\"") {
            offset += 1
            return try validated(UnsafeRawBufferPointer(rebasing: bytes[start..<offset - 1]), start: start)
        }
        var text = Array(bytes[start..<offset])
        while true {
            guard offset < bytes.count else { throw error("a string without end", at: start - 1) }
            let byte = bytes[offset]
            switch byte {
            case UInt8(ascii: "\""):
                offset += 1
                return try text.withUnsafeBytes { try validated($0, start: start) }
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw error("a control character in a string")
            default:
                text.append(byte)
                offset += 1
            }
        }
    }

    private func validated(_ text: UnsafeRawBufferPointer, start: Int) throws -> String {
        guard let string = String(validating: text, as: UTF8.self) else { throw error("invalid UTF-8", at: start) }
        return string
    }

    private mutating func escape(into text: inout [UInt8]) throws {
        guard offset + 1 < bytes.count else { throw error("an escape without end") }
        let code = bytes[offset + 1]
        offset += 2
        switch code {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(code)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var scalar = UInt32(try hexUnit())
            if (0xD800..<0xDC00).contains(scalar) {
                guard offset + 1 < bytes.count, bytes[offset] == UInt8(ascii: "\\"),
                    bytes[offset + 1] == UInt8(ascii: "u")
                else { throw error("a lone surrogate", at: offset - 6) }
                offset += 2
                let low = UInt32(try hexUnit())
                guard (0xDC00..<0xE000).contains(low) else { throw error("a lone surrogate", at: offset - 12) }
                scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let unicode = UnicodeScalar(scalar) else { throw error("a lone surrogate", at: offset - 6) }
            text += String(Character(unicode)).utf8
        default: throw error("an unknown escape", at: offset - 2)
        }
    }

    private mutating func hexUnit() throws -> UInt16 {
        guard offset + 4 <= bytes.count else { throw error("an escape without end") }
        var unit: UInt16 = 0
        for byte in bytes[offset..<offset + 4] {
            guard let digit = Character(UnicodeScalar(byte)).hexDigitValue, byte < 0x80 else {
                throw error("an escape that is not hexadecimal")
            }
            unit = unit << 4 | UInt16(digit)
        }
        offset += 4
        return unit
    }

    private mutating func number() throws -> JSONValue {
        let start = offset
        func isDigit(_ offset: Int) -> Bool {
            offset < bytes.count && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[offset])
        }
        func digits() throws {
            guard isDigit(offset) else { throw error("a number without digits") }
            while isDigit(offset) { offset += 1 }
        }
        var isInteger = true
        if bytes[offset] == UInt8(ascii: "-") { offset += 1 }
        if isDigit(offset), bytes[offset] == UInt8(ascii: "0") { offset += 1 } else { try digits() }
        if isDigit(offset) { throw error("a number with a leading zero", at: start) }
        if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") {
            isInteger = false
            offset += 1
            try digits()
        }
        if offset < bytes.count, bytes[offset] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            offset += 1
            if offset < bytes.count, [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(bytes[offset]) { offset += 1 }
            try digits()
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if isInteger { return Int(text).map { .int($0) } ?? .bigInteger(text) }
        guard let value = Double(text), value.isFinite else { throw error("a number out of range", at: start) }
        return .double(value)
    }
}
