// Arabic presentation forms (U+FB50–U+FDFF, U+FE70–U+FEFF): letters by the shape that they take in a word, and ligatures.
// Old encodings and text taken out of PDFs are full of them. The letters behind each: PresentationForms+Table.swift.

enum PresentationForms {
    private static let first = 0xFB50, last = 0xFEFC

    /// Where the letters of each form start in `table`; 0 for what is none. // (last − first + 1)
    private static let places: [UInt16] = {
        var places = [UInt16](repeating: 0, count: last - first + 1)
        var place = 0
        while place < table.count {
            places[Int(table[place]) - first] = UInt16(place + 1)
            place = (table[place...].firstIndex(of: 0) ?? table.count) + 1
        }
        return places
    }()

    /// The letters that a form stands for; nil for what is not a form of letters, such as ornate parentheses.
    static func letters(of scalar: Unicode.Scalar) -> ArraySlice<UInt16>? {
        let value = Int(scalar.value)
        guard (first...last).contains(value), case let place = Int(places[value - first]), place > 0 else { return nil }
        return table[place...].prefix { $0 != 0 }
    }
}
