// Which changes a text goes through before it is tokenized. A policy is a list of rules; what they do to a text stands in
// TextNormalization+Rules.swift. The policy stands in the text record, since a model must be asked in the words that it
// learnt.

/// A normalization policy: rules, applied in the order of `Rule.allCases`.
public struct TextNormalization: Sendable, Equatable, CustomStringConvertible {
    /// One change. No rule takes a hamza or a madda away, whether it is part of a letter or a combining mark.
    public enum Rule: String, Sendable, CaseIterable {
        /// Presentation forms become the letters that they stand for, ligatures (ﻷ, ﷺ) all of theirs. Forms of harakat
        /// become the mark alone. Symbols without letters (﴾, ﷽) stay.
        case presentationForms = "presentation-forms"
        /// U+200B, U+2060, U+FEFF and the marks of direction go (U+061C, U+200E, U+200F, U+202A–U+202E, U+2066–U+2069).
        /// U+200C and U+200D stay: Persian spells with the one, and both shape letters.
        case zeroWidth = "zero-width"
        /// U+064B–U+0652 and U+08F0–U+08F2 go: fathatan to sukun, shadda among them. Hamza and madda (U+0653–U+0655) and
        /// the superscript alef (U+0670), which is a long vowel, stay.
        case harakat = "harakat=strip"
        /// U+0640 goes, unless it carries a mark that is not of the harakat (شيـٔا), or has no letter before it for its
        /// harakat to fall to.
        case tatweel
        /// Arabic-Indic and extended Arabic-Indic digits become ASCII.
        case digitsASCII = "digits=ascii"
        /// ASCII and extended Arabic-Indic digits become Arabic-Indic.
        case digitsArabicIndic = "digits=arabic-indic"
        /// Unicode's composed form: a letter and its combining hamza or madda become one, marks stand in their order.
        /// Last, so that what the other rules leave is composed too.
        case nfc
    }

    /// In the order of their application, each once.
    public let rules: [Rule]

    /// What is safe for Arabic text of any kind: letters change their encoding and nothing that is read aloud does.
    public static let arabic = TextNormalization([.presentationForms, .zeroWidth, .tatweel, .nfc])
    public static let none = TextNormalization([])

    public init(_ rules: [Rule]) {
        self.rules = Rule.allCases.filter { rules.contains($0) }
    }

    /// Reads a comma list of rules and presets, as `description` prints it.
    ///
    /// - Throws: `Failure` (bad usage) for a name that is none, and for two kinds of digits.
    public init(parsing list: String) throws {
        var rules: [Rule] = []
        for name in list.split(separator: ",", omittingEmptySubsequences: false) {
            switch name {
            case "none", "harakat=keep": break
            case "arabic": rules += Self.arabic.rules
            default:
                guard let rule = Rule.allCases.first(where: { $0.rawValue.utf8.elementsEqual(name.utf8) }) else {
                    let known = ["none", "arabic"] + Rule.allCases.map(\.rawValue) + ["harakat=keep"]
                    throw Failure(
                        .badUsage, "no normalization is called '\(String(name).escapedForTerminal)'",
                        remedy: "give a comma list of \(known.joined(separator: ", "))")
                }
                rules.append(rule)
            }
        }
        guard !(rules.contains(.digitsASCII) && rules.contains(.digitsArabicIndic)) else {
            throw Failure(
                .badUsage, "digits cannot become both ASCII and Arabic-Indic", remedy: "give one kind of digits")
        }
        self.init(rules)
    }

    /// The rules as a comma list; `none` where there are none.
    public var description: String {
        rules.isEmpty ? "none" : rules.map(\.rawValue).joined(separator: ",")
    }
}

/// What a normalization did: of each rule the texts and the code points that it changed. Counts add up.
public struct NormalizationCounts: Sendable, Equatable {
    /// Of the composed form only the texts are counted: code points change in groups there.
    public struct Change: Sendable, Equatable {
        public var texts = 0
        public var codePoints = 0
    }

    private var changes = [Change](repeating: Change(), count: TextNormalization.Rule.allCases.count)

    public init() {}

    public subscript(rule: TextNormalization.Rule) -> Change { changes[Self.place(rule)] }

    private static func place(_ rule: TextNormalization.Rule) -> Int {
        TextNormalization.Rule.allCases.firstIndex(of: rule) ?? 0
    }

    /// Counts a text in which a rule changed code points.
    mutating func note(_ rule: TextNormalization.Rule, codePoints: Int) {
        changes[Self.place(rule)].texts += 1
        changes[Self.place(rule)].codePoints += codePoints
    }

    public mutating func add(_ other: NormalizationCounts) {
        for place in changes.indices {
            changes[place].texts += other.changes[place].texts
            changes[place].codePoints += other.changes[place].codePoints
        }
    }

    /// The rules that changed something, by name.
    var json: JSONValue {
        .object(
            JSONObject(
                TextNormalization.Rule.allCases.filter { self[$0].texts > 0 }.map { rule in
                    var entry: JSONObject = ["texts": .int(self[rule].texts)]
                    if rule != .nfc { entry["code_points"] = .int(self[rule].codePoints) }
                    return (key: rule.rawValue, value: .object(entry))
                }))
    }

    /// Reads counts; nil for anything that `json` did not write.
    init?(json: JSONValue?) {
        guard let members = json?.objectValue?.members else { return nil }
        for (name, value) in members {
            let known = TextNormalization.Rule.allCases
            guard let rule = known.first(where: { $0.rawValue.utf8.elementsEqual(name.utf8) }),
                let texts = value["texts"]?.intValue
            else { return nil }
            changes[Self.place(rule)] = Change(texts: texts, codePoints: value["code_points"]?.intValue ?? 0)
        }
    }
}
