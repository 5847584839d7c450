// The Llama 3 split pattern, written out as a scanner over UTF-8:
//
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// The alternatives are tried in this order and each is greedy. Every scalar belongs to one of them, so the pieces cover
// the text. Reference: tokenizers 0.23, `Split` with behavior `Isolated`.

/// Cuts a text into the pieces that byte-pair encoding works on.
struct SplitScanner {
    /// The pattern that the scanner implements, as it stands in a `tokenizer.json`.
    static let pattern =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"#
        + #"|\s*[\r\n]+|\s+(?!\S)|\s+"#

    /// Valid UTF-8.
    private let text: UnsafeBufferPointer<UInt8>
    private let classes: UnsafeBufferPointer<UInt8>

    /// Calls `body` with the range of each piece of `text`, which must be valid UTF-8.
    static func forEachPiece(in text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) -> Void) {
        ScalarClass.table.withUnsafeBufferPointer { classes in
            let scanner = SplitScanner(text: text, classes: classes)
            var start = 0
            while start < text.count {
                let end = scanner.endOfPiece(at: start)
                body(start..<end)
                start = end
            }
        }
    }

    /// The class and the byte count of the scalar at `offset`; a class that nothing matches at the end of the text.
    @inline(__always)
    private func scalar(at offset: Int) -> (kind: UInt8, length: Int) {
        guard offset < text.count else { return (0xFF, 0) }
        let lead = UInt32(text[offset])
        func tail(_ k: Int) -> UInt32 { UInt32(text[offset + k]) & 0x3F }
        let value: UInt32
        let length: Int
        switch lead {
        case 0..<0x80: (value, length) = (lead, 1)
        case 0x80..<0xE0: (value, length) = ((lead & 0x1F) << 6 | tail(1), 2)
        case 0xE0..<0xF0: (value, length) = ((lead & 0x0F) << 12 | tail(1) << 6 | tail(2), 3)
        default: (value, length) = ((lead & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3), 4)
        }
        return (classes[Int(value)], length)
    }

    /// The end of the run of scalars of class `kind` that starts at `offset`.
    @inline(__always)
    private func run(of kind: UInt8, from offset: Int) -> Int {
        var end = offset
        while true {
            let next = scalar(at: end)
            if next.kind != kind { return end }
            end += next.length
        }
    }

    private func endOfPiece(at start: Int) -> Int {
        let first = scalar(at: start)
        if text[start] == UInt8(ascii: "'"), let end = endOfContraction(at: start) { return end }
        // [^\r\n\p{L}\p{N}]?\p{L}+
        let second = start + first.length
        switch first.kind {
        case ScalarClass.letter: return run(of: ScalarClass.letter, from: second)
        case ScalarClass.space, ScalarClass.other:
            let end = run(of: ScalarClass.letter, from: second)
            if end > second { return end }
        default: break
        }
        // \p{N}{1,3}
        if first.kind == ScalarClass.number {
            var end = second
            for _ in 1..<3 {
                let next = scalar(at: end)
                if next.kind != ScalarClass.number { break }
                end += next.length
            }
            return end
        }
        // ` ?[^\s\p{L}\p{N}]+[\r\n]*`
        let symbols = text[start] == UInt8(ascii: " ") ? second : start
        let end = run(of: ScalarClass.other, from: symbols)
        if end > symbols { return run(of: ScalarClass.lineEnd, from: end) }
        return endOfSpace(at: start)
    }

    /// `\s*[\r\n]+|\s+(?!\S)|\s+`
    private func endOfSpace(at start: Int) -> Int {
        var end = start, last = start, lineEnd: Int?
        while true {
            let next = scalar(at: end)
            guard next.kind == ScalarClass.space || next.kind == ScalarClass.lineEnd else { break }
            last = end
            end += next.length
            if next.kind == ScalarClass.lineEnd { lineEnd = end }
        }
        if let lineEnd { return lineEnd }
        // White space before something else leaves its last scalar to that.
        return end == text.count || last == start ? end : last
    }

    /// The end of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` in any case; ſ (U+017F) folds to s.
    private func endOfContraction(at start: Int) -> Int? {
        func folded(_ offset: Int) -> UInt8 { offset < text.count ? text[offset] | 0x20 : 0 }
        switch folded(start + 1) {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
        case UInt8(ascii: "r"), UInt8(ascii: "v"): return folded(start + 2) == UInt8(ascii: "e") ? start + 3 : nil
        case UInt8(ascii: "l"): return folded(start + 2) == UInt8(ascii: "l") ? start + 3 : nil
        default:
            let isLongS = start + 2 < text.count && text[start + 1] == 0xC5 && text[start + 2] == 0xBF
            return isLongS ? start + 3 : nil
        }
    }
}
