// How many terminal columns a text takes: harakat and other marks stand on their letter, wide East Asian characters
// take two. An approximation of Unicode's UAX #11, good for aligning tables.

extension String {
    /// The number of columns the string takes in a terminal.
    var displayWidth: Int {
        unicodeScalars.reduce(0) { $0 + $1.displayWidth }
    }

    /// The string with spaces behind it up to `width` columns.
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - displayWidth))
    }

    /// The string with spaces before it up to `width` columns.
    func leftPadded(to width: Int) -> String {
        String(repeating: " ", count: max(0, width - displayWidth)) + self
    }

    /// The string cut to `width` columns, with `…` where something was cut.
    func truncated(to width: Int) -> String {
        guard displayWidth > width else { return self }
        var result = String.UnicodeScalarView(), taken = 0
        for scalar in unicodeScalars {
            taken += scalar.displayWidth
            if taken > width - 1 { break }
            result.append(scalar)
        }
        return String(result) + "…"
    }
}

extension UnicodeScalar {
    fileprivate var displayWidth: Int {
        switch properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: 0
        default:
            switch value {
            case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
                0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
                2
            default: 1
            }
        }
    }
}
