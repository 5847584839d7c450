// What each rule of a normalization does to a text.

import Foundation

extension TextNormalization {
    /// The text as the policy wants it, and what was changed on the way.
    public func apply(to text: String, counting counts: inout NormalizationCounts) -> String {
        if rules.isEmpty || text.isEmpty { return text }
        var scalars = Array(text.unicodeScalars)
        var isChanged = false
        for rule in rules {
            let changed = rule.change(&scalars)
            if changed > 0 {
                counts.note(rule, codePoints: changed)
                isChanged = true
            }
        }
        let result = isChanged ? Self.text(scalars) : text
        guard rules.contains(.nfc) else { return result }
        let composed = result.precomposedStringWithCanonicalMapping
        if composed.utf8.elementsEqual(result.utf8) { return result }
        counts.note(.nfc, codePoints: 0)
        return composed
    }

    private static func text(_ scalars: [Unicode.Scalar]) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    /// U+064B–U+0652 and their open forms, U+08F0–U+08F2: what the rule `harakat` strips.
    static func isHaraka(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x064B...0x0652, 0x08F0...0x08F2: true
        default: false
        }
    }

    /// What the rule `zero-width` removes.
    static func isZeroWidth(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x061C, 0x200B, 0x200E, 0x200F, 0x202A...0x202E, 0x2060, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }

    static let tatweel: Unicode.Scalar = "\u{640}"

    /// The value of a digit of the three kinds that Arabic text has, and the first digit of its kind.
    static func digit(_ scalar: Unicode.Scalar) -> (value: UInt32, zero: UInt32)? {
        for zero: UInt32 in [0x30, 0x660, 0x6F0] where (zero...zero + 9).contains(scalar.value) {
            return (scalar.value - zero, zero)
        }
        return nil
    }
}

extension TextNormalization.Rule {
    /// Applies the rule and says how many code points were changed or taken away. `nfc` is done on the whole string.
    fileprivate func change(_ scalars: inout [Unicode.Scalar]) -> Int {
        switch self {
        case .presentationForms: Self.spellOutForms(&scalars)
        case .zeroWidth: Self.remove(&scalars, where: TextNormalization.isZeroWidth)
        case .tatweel: Self.removeTatweel(&scalars)
        case .harakat: Self.remove(&scalars, where: TextNormalization.isHaraka)
        case .digitsASCII: Self.replaceDigits(&scalars, zero: 0x30)
        case .digitsArabicIndic: Self.replaceDigits(&scalars, zero: 0x660)
        case .nfc: 0
        }
    }

    private static func remove(_ scalars: inout [Unicode.Scalar], where isUnwanted: (Unicode.Scalar) -> Bool) -> Int {
        let count = scalars.count
        scalars.removeAll(where: isUnwanted)
        return count - scalars.count
    }

    private static func spellOutForms(_ scalars: inout [Unicode.Scalar]) -> Int {
        let count = scalars.count { PresentationForms.letters(of: $0) != nil }
        guard count > 0 else { return 0 }
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(scalars.count + count)
        for scalar in scalars {
            if let letters = PresentationForms.letters(of: scalar) {
                result += letters.compactMap { Unicode.Scalar($0) }
            } else {
                result.append(scalar)
            }
        }
        scalars = result
        return count
    }

    private static func replaceDigits(_ scalars: inout [Unicode.Scalar], zero: UInt32) -> Int {
        var count = 0
        for place in scalars.indices {
            guard let digit = TextNormalization.digit(scalars[place]), digit.zero != zero,
                let replacement = Unicode.Scalar(zero + digit.value)
            else { continue }
            scalars[place] = replacement
            count += 1
        }
        return count
    }

    private static func removeTatweel(_ scalars: inout [Unicode.Scalar]) -> Int {
        guard scalars.contains(TextNormalization.tatweel) else { return 0 }
        var kept: [Unicode.Scalar] = []
        kept.reserveCapacity(scalars.count)
        for (place, scalar) in scalars.enumerated() {
            if scalar == TextNormalization.tatweel {
                let marks = scalars[(place + 1)...].prefix { $0.properties.generalCategory == .nonspacingMark }
                let onlyHarakat = marks.allSatisfy(TextNormalization.isHaraka)
                if marks.isEmpty || onlyHarakat && kept.last.map(takesMarks) ?? false { continue }
            }
            kept.append(scalar)
        }
        defer { scalars = kept }
        return scalars.count - kept.count
    }

    /// Whether harakat that follow fall to this: an Arabic letter, or a mark on one.
    private static func takesMarks(_ scalar: Unicode.Scalar) -> Bool {
        ScalarKind.isArabicLetter(scalar) || scalar.properties.generalCategory == .nonspacingMark
    }
}
