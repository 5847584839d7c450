// What the split pattern asks about a Unicode scalar: letter, number, white space, line end, or none of these.
// One byte a scalar in a flat table: texts of one script touch a page or two of it.

/// The classes of scalars that the Llama 3 split pattern tells apart.
enum ScalarClass {
    static let other: UInt8 = 0
    /// `\p{L}`.
    static let letter: UInt8 = 1
    /// `\p{N}`.
    static let number: UInt8 = 2
    /// `\s`, except `\r` and `\n`.
    static let space: UInt8 = 3
    /// `[\r\n]`.
    static let lineEnd: UInt8 = 4

    /// The class of every scalar, by its value. // (0x110000)
    static let table: [UInt8] = {
        var table = [UInt8](repeating: other, count: 0x110000)
        for (ranges, value) in [(letterRanges, letter), (numberRanges, number), (spaceRanges, space)] {
            for pair in stride(from: 0, to: ranges.count, by: 2) {
                for scalar in ranges[pair]...ranges[pair + 1] { table[Int(scalar)] = value }
            }
        }
        table[0x0A] = lineEnd
        table[0x0D] = lineEnd
        return table
    }()
}
