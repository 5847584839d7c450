// What a code point is in an Arabic text: the classes that the text report counts. Each code point is of one class.

/// The class of a code point.
enum ScalarKind: String, CaseIterable {
    case arabicLetter = "arabic_letters"
    case latinLetter = "latin_letters"
    case otherLetter = "other_letters"
    case asciiDigit = "ascii_digits"
    case arabicIndicDigit = "arabic_indic_digits"
    case extendedArabicIndicDigit = "extended_arabic_indic_digits"
    /// U+064B–U+0652, U+08F0–U+08F2.
    case haraka = "harakat"
    /// U+0653–U+0655: what the composed form has inside its letters.
    case hamzaMark = "hamza_and_madda_marks"
    /// U+0640.
    case tatweel
    /// Letters and ligatures by their shape; also counted in no other class.
    case presentationForm = "presentation_forms"
    /// U+200C and U+200D.
    case joiner = "joiners"
    /// Invisible: what the rule `zero-width` removes, and U+00AD, U+034F, U+180E, U+2061–U+2065.
    case zeroWidth = "zero_width_and_bidi"
    /// U+FFFD, which stands where somebody could not decode.
    case replacement = "replacement_characters"
    /// Control characters, but for tab and line ends.
    case control = "control_characters"
    /// White space, punctuation, symbols, other digits and marks.
    case other

    init(_ scalar: Unicode.Scalar) {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D: self = .other
        case 0x00..<0x20, 0x7F..<0xA0: self = .control
        case 0x30...0x39: self = .asciiDigit
        case 0x660...0x669: self = .arabicIndicDigit
        case 0x6F0...0x6F9: self = .extendedArabicIndicDigit
        case 0x640: self = .tatweel
        case 0x653...0x655: self = .hamzaMark
        case 0x200C, 0x200D: self = .joiner
        case 0xAD, 0x34F, 0x180E, 0x2061...0x2065: self = .zeroWidth
        case 0xFFFD: self = .replacement
        default:
            if TextNormalization.isHaraka(scalar) {
                self = .haraka
            } else if TextNormalization.isZeroWidth(scalar) {
                self = .zeroWidth
            } else if PresentationForms.letters(of: scalar) != nil {
                self = .presentationForm
            } else if ScalarClass.table[Int(scalar.value)] != ScalarClass.letter {
                self = .other
            } else {
                self =
                    Self.isArabicLetter(scalar) ? .arabicLetter : Self.isLatin(scalar) ? .latinLetter : .otherLetter
            }
        }
    }

    /// Whether a scalar is a letter of one of the Arabic blocks; tatweel is none.
    static func isArabicLetter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x640: false
        case 0x600...0x6FF, 0x750...0x77F, 0x870...0x8FF, 0xFB50...0xFDFF, 0xFE70...0xFEFF, 0x10EC0...0x10EFF:
            ScalarClass.table[Int(scalar.value)] == ScalarClass.letter
        default: false
        }
    }

    private static func isLatin(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x41...0x5A, 0x61...0x7A, 0xAA, 0xBA, 0xC0...0x24F, 0x1E00...0x1EFF, 0x2C60...0x2C7F, 0xA722...0xA7FF,
            0xFF21...0xFF3A, 0xFF41...0xFF5A:
            true
        default: false
        }
    }

    /// What every Arabic text is full of: the alphabet, its harakat and punctuation, printable ASCII. Never called rare.
    static func isOrdinary(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0A, 0x20...0x7E, 0x60C, 0x61B, 0x61F, 0x621...0x63A, 0x641...0x652, 0x660...0x669: true
        default: false
        }
    }
}
