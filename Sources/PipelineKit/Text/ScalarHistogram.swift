// How often each code point stands in some texts. Grows with the alphabet, not with the texts.

/// Counts of code points. Counts add up.
public struct ScalarHistogram: Sendable, Equatable {
    /// The block of 256 counts of each page of code points; −1 where none of the page was seen. // (0x1100)
    private var blocks = [Int16](repeating: -1, count: 0x1100)
    private var counts: [Int] = []

    public init() {}

    public static func == (a: ScalarHistogram, b: ScalarHistogram) -> Bool {
        a.entries.elementsEqual(b.entries) { $0 == $1 }
    }

    /// Counts every code point of a text.
    mutating func add(_ text: String) {
        for scalar in text.unicodeScalars { add(scalar.value, 1) }
    }

    private mutating func add(_ scalar: UInt32, _ count: Int) {
        let page = Int(scalar >> 8)
        if blocks[page] < 0 {
            blocks[page] = Int16(counts.count / 256)
            counts += repeatElement(0, count: 256)
        }
        counts[Int(blocks[page]) * 256 + Int(scalar & 0xFF)] += count
    }

    mutating func add(_ other: ScalarHistogram) {
        for (scalar, count) in other.entries { add(scalar.value, count) }
    }

    /// The code points that were seen, in order, and how often.
    public var entries: [(scalar: Unicode.Scalar, count: Int)] {
        var entries: [(scalar: Unicode.Scalar, count: Int)] = []
        for (page, block) in blocks.enumerated() where block >= 0 {
            for low in 0..<256 {
                let count = counts[Int(block) * 256 + low]
                if count > 0, let scalar = Unicode.Scalar(UInt32(page * 256 + low)) { entries.append((scalar, count)) }
            }
        }
        return entries
    }

    /// Code point, count, code point, count, …
    var json: JSONValue {
        .array(entries.flatMap { [.int(Int($0.scalar.value)), .int($0.count)] })
    }

    /// Reads counts; nil for anything that `json` did not write.
    init?(json: JSONValue?) {
        guard let numbers = json?.arrayValue, numbers.count % 2 == 0 else { return nil }
        for place in stride(from: 0, to: numbers.count, by: 2) {
            guard let value = numbers[place].intValue.flatMap({ UInt32(exactly: $0) }),
                Unicode.Scalar(value) != nil, let count = numbers[place + 1].intValue, count > 0
            else { return nil }
            add(value, count)
        }
    }
}
