// Reads vocabulary tokens straight from JSON text: strings in the byte alphabet, as the bytes that they stand for.

extension JSONParser {
    /// Appends the bytes of the token that the next string writes. False where the string is not of the byte alphabet;
    /// its UTF-8 is appended then.
    mutating func token(into bytes: inout [UInt8]) throws -> Bool {
        if let plain = plainString(), ByteAlphabet.append(plain, to: &bytes) {
            offset += plain.count + 2
            return true
        }
        return try Array(string().utf8).withUnsafeBytes { text in
            if ByteAlphabet.append(text, to: &bytes) { return true }
            bytes.append(contentsOf: text)
            return false
        }
    }

    /// Appends the bytes of both tokens of a merge written as `"a b"`.
    ///
    /// - Returns: how many bytes belong to the first.
    mutating func tokenPair(into bytes: inout [UInt8]) throws -> Int {
        let start = offset
        if let plain = plainString(), let leftCount = Self.appendPair(plain, to: &bytes) {
            offset += plain.count + 2
            return leftCount
        }
        let leftCount = try Array(string().utf8).withUnsafeBytes { Self.appendPair($0, to: &bytes) }
        guard let leftCount else { throw error("a merge that is not a pair of tokens", at: start) }
        return leftCount
    }

    /// Appends both halves of `a b`; nil, with `bytes` as they were, where it is none.
    private static func appendPair(_ text: UnsafeRawBufferPointer, to bytes: inout [UInt8]) -> Int? {
        guard let space = text.firstIndex(of: UInt8(ascii: " ")) else { return nil }
        let count = bytes.count
        if ByteAlphabet.append(UnsafeRawBufferPointer(rebasing: text[..<space]), to: &bytes) {
            let leftCount = bytes.count
            if ByteAlphabet.append(UnsafeRawBufferPointer(rebasing: text[(space + 1)...]), to: &bytes) {
                return leftCount
            }
        }
        bytes.removeSubrange(count...)
        return nil
    }

    /// The text between the quotes of the next string, unread, if it has no escapes. Its UTF-8 is not yet checked.
    private mutating func plainString() -> UnsafeRawBufferPointer? {
        guard peek() == UInt8(ascii: "\"") else { return nil }
        var end = offset + 1
        while end < bytes.count, bytes[end] != UInt8(ascii: "\"") {
            if bytes[end] == UInt8(ascii: "\\") || bytes[end] < 0x20 { return nil }
            end += 1
        }
        return end < bytes.count ? UnsafeRawBufferPointer(rebasing: bytes[(offset + 1)..<end]) : nil
    }
}
