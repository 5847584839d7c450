// The text report for people: a few lines. What comes from data is escaped; code points are named, never printed.

import Foundation

extension TextReport {
    /// The report, line by line, ids escaped.
    public var lines: [String] {
        var lines = [
            "text: \(Self.number(texts)) texts, \(Self.number(codePoints)) characters; of \(Self.number(letters)) letters "
                + Self.list([
                    ("Arabic", count(.arabicLetter)), ("Latin", count(.latinLetter)), ("other", count(.otherLetter)),
                    ("presentation forms", count(.presentationForm)),
                ]) { name, count in "\(name) \(Self.share(count, of: letters))" },
            "  digits: "
                + Self.list([
                    ("ASCII", count(.asciiDigit)), ("Arabic-Indic", count(.arabicIndicDigit)),
                    ("extended Arabic-Indic", count(.extendedArabicIndicDigit)),
                ]) { name, count in "\(Self.number(count)) \(name)" }
                + "; harakat: \(Self.number(count(.haraka))) (\(Self.share(count(.haraka), of: codePoints)))"
                + "; tatweel: \(Self.number(count(.tatweel)))",
        ]
        let odd: [(String, ScalarKind)] = [
            ("zero-width and bidi marks", .zeroWidth), ("joiners", .joiner), ("hamza and madda marks", .hamzaMark),
            ("control characters", .control), ("U+FFFD", .replacement),
        ]
        let found = odd.map { ($0, count($1)) }.filter { $0.1 > 0 }
        if !found.isEmpty {
            lines.append("  " + found.map { "\($0): \(Self.number($1))" }.joined(separator: "; "))
        }
        lines.append(rateLine)
        if let outliers = rateOutliers, outliers.count > 0 { lines.append(Self.line(outliers)) }
        if rareCount > 0 {
            let shown = rare.prefix(6).map { "\($0.codePoint)\($0.name.isEmpty ? "" : " " + $0.name) × \($0.count)" }
            lines.append(
                "  rare: " + shown.joined(separator: ", ")
                    + (rareCount > shown.count ? " and \(Self.number(rareCount - shown.count)) more" : ""))
        }
        if !normalization.rules.isEmpty {
            let done = normalization.rules.filter { changes[$0].texts > 0 }.map { rule in
                let change = changes[rule]
                return rule == .nfc
                    ? "\(rule.rawValue) in \(Self.number(change.texts)) texts"
                    : "\(rule.rawValue) \(Self.number(change.codePoints)) in \(Self.number(change.texts)) texts"
            }
            lines.append(
                "  normalized by \(normalization): "
                    + (done.isEmpty ? "nothing to change" : done.joined(separator: "; ")))
        }
        return lines
    }

    private var rateLine: String {
        var parts: [String] = []
        if let idsPerLetter { parts.append("\(Self.decimal(idsPerLetter)) ids a letter") }
        if let rates = rateQuantiles, rates.count == 3 {
            parts.append(
                "\(Self.decimal(rates[1])) ids a second of target audio (median of \(Self.number(rateRows)) rows, 90 % from "
                    + "\(Self.decimal(rates[0])) to \(Self.decimal(rates[2])))")
        } else {
            parts.append("no target audio with a text")
        }
        return "  " + parts.joined(separator: "; ")
    }

    private static func line(_ outliers: SpeechRates.Outliers) -> String {
        let named = outliers.slow.prefix(3) + outliers.fast.prefix(3)
        let rest = outliers.count - named.count
        return "  outliers (below \(decimal(outliers.low)) or from \(decimal(outliers.high)) ids a second): "
            + named.map { "\($0.id.escapedForTerminal) \(decimal($0.idsPerSecond))" }.joined(separator: ", ")
            + (rest > 0 ? " and \(number(rest)) more" : "")
    }

    private static func list(_ parts: [(String, Int)], _ text: (String, Int) -> String) -> String {
        let there = parts.filter { $0.1 > 0 }
        return there.isEmpty ? "none" : there.map(text).joined(separator: ", ")
    }

    private static func share(_ count: Int, of all: Int) -> String {
        all == 0 ? "0 %" : String(format: "%.1f %%", 100 * Double(count) / Double(all))
    }

    private static func decimal(_ value: Double) -> String { String(format: "%.2f", value) }

    /// `1,234,567`.
    private static func number(_ count: Int) -> String {
        let digits = Array(String(count))
        return digits.enumerated().map { ($0 > 0 && (digits.count - $0) % 3 == 0 ? "," : "") + String($1) }.joined()
    }
}
