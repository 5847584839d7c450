// Base64, strictly (RFC 4648, section 4): no line breaks, no other alphabet, whole padding, no stray bits. What is not
// exactly that was damaged on its way.

/// Decodes base64.
enum Base64 {
    /// The value of each byte, 255 for bytes that are not of the alphabet. // (256)
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        for (value, byte) in alphabet.utf8.enumerated() { values[Int(byte)] = UInt8(value) }
        return values
    }()

    /// The bytes of `text`; nil where it is not base64.
    static func decode(_ text: String) -> [UInt8]? {
        var text = text
        return text.withUTF8 { text in
            guard text.count % 4 == 0 else { return nil }
            let padding = text.reversed().prefix(2).prefix { $0 == UInt8(ascii: "=") }.count
            let digits = text.count - padding
            var bytes: [UInt8] = []
            bytes.reserveCapacity(text.count / 4 * 3)
            var bits: UInt32 = 0
            for place in 0..<digits {
                let value = values[Int(text[place])]
                guard value < 64 else { return nil }
                bits = bits << 6 | UInt32(value)
                switch place % 4 {
                case 1: bytes.append(UInt8(truncatingIfNeeded: bits >> 4))
                case 2: bytes.append(UInt8(truncatingIfNeeded: bits >> 2))
                case 3: bytes.append(UInt8(truncatingIfNeeded: bits))
                default: break
                }
            }
            let strayBits: UInt32 = padding == 2 ? 0xF : padding == 1 ? 0x3 : 0
            return bits & strayBits == 0 ? bytes : nil
        }
    }
}
