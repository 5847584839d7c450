// The GPT-2 byte alphabet: each byte as one printable character, in which byte-level vocabularies are written.
// Reference: openai/gpt-2 `bytes_to_unicode`; tokenizers 0.23 `bytes_char`.

/// The mapping between bytes and the characters that stand for them in a `tokenizer.json`.
enum ByteAlphabet {
    /// The scalar of each byte. // (256)
    static let scalars: [UInt16] = {
        var scalars: [UInt16] = []
        var next: UInt16 = 256
        for byte in UInt16(0)..<256 {
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: scalars.append(byte)
            default:
                scalars.append(next)
                next += 1
            }
        }
        return scalars
    }()

    /// The byte of each scalar below 324, −1 where none is. // (324)
    static let bytes: [Int16] = {
        var bytes = [Int16](repeating: -1, count: 324)
        for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar)] = Int16(byte) }
        return bytes
    }()

    /// Appends the bytes that `text`, UTF-8 in the alphabet, stands for. False, with `result` as it was, where a
    /// character is not of the alphabet.
    static func append(_ text: UnsafeRawBufferPointer, to result: inout [UInt8]) -> Bool {
        let count = result.count
        let isMapped = bytes.withUnsafeBufferPointer { bytes in
            var offset = 0
            while offset < text.count {
                // The alphabet ends below U+0144, so two bytes of UTF-8 hold all of it.
                var scalar = Int(text[offset])
                offset += 1
                if scalar >= 0x80 {
                    guard scalar & 0xE0 == 0xC0, offset < text.count, text[offset] & 0xC0 == 0x80 else { return false }
                    scalar = (scalar & 0x1F) << 6 | Int(text[offset] & 0x3F)
                    offset += 1
                }
                guard scalar < bytes.count, bytes[scalar] >= 0 else { return false }
                result.append(UInt8(truncatingIfNeeded: bytes[scalar]))
            }
            return true
        }
        if !isMapped { result.removeSubrange(count...) }
        return isMapped
    }
}
