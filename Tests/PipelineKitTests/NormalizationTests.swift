import Foundation
import TestSupport
import Testing

@testable import PipelineKit

/// Each rule of a normalization, against pairs made by hand and against Python's unicodedata.
@Suite struct NormalizationTests {
    /// The code points of a text, so that a failure can be read.
    private static func codes(_ text: String) -> [String] {
        text.unicodeScalars.map { String($0.value, radix: 16, uppercase: true) }
    }

    private static func apply(_ rules: String, _ text: String) throws -> String {
        var counts = NormalizationCounts()
        return try TextNormalization(parsing: rules).apply(to: text, counting: &counts)
    }

    @Test(arguments: [
        // Presentation forms: letters by shape, hamza where it belongs, lam-alef, ligatures of words, forms of harakat.
        ("presentation-forms", "\u{FEE3}\u{FEAE}\u{FEA3}\u{FE92}\u{FE8E}", "مرحبا"),
        ("presentation-forms", "\u{FE83}\u{FE87}\u{FE81}\u{FE85}\u{FE89}", "أإآؤئ"),
        ("presentation-forms", "\u{FEF5}\u{FEF7}\u{FEF9}\u{FEFB}\u{FEFC}", "لآلألإلالا"),
        ("presentation-forms", "\u{FBEA}\u{FBA4}\u{FBDD}", "\u{626}\u{627}\u{6C0}\u{677}"),
        ("presentation-forms", "محمد \u{FDFA}", "محمد صلى الله عليه وسلم"),
        ("presentation-forms", "\u{FDFC}\u{FDF2}", "ریالالله"),
        ("presentation-forms", "شكرا\u{FE70} \u{FE77}", "شكرا\u{64B} \u{640}\u{64E}"),
        ("presentation-forms", "\u{FD3E}١\u{FD3F} \u{FDFD} \u{FE73}", "\u{FD3E}١\u{FD3F} \u{FDFD} \u{FE73}"),
        ("presentation-forms", "ا\u{654} و\u{654}", "ا\u{654} و\u{654}"),
        // Invisible marks go, joiners stay.
        ("zero-width", "\u{FEFF}كتا\u{200B}ب\u{200F} \u{202B}a\u{202C}\u{61C}\u{2066}b\u{2069}\u{2060}", "كتاب ab"),
        ("zero-width", "می\u{200C}خواهم ه\u{200D}", "می\u{200C}خواهم ه\u{200D}"),
        ("zero-width", "co\u{AD}op", "co\u{AD}op"),
        // Tatweel goes, unless it carries what its neighbours must not get.
        ("tatweel", "مـــرحـبا", "مرحبا"),
        ("tatweel", "مـَـرحبا", "مَرحبا"),
        ("tatweel", "شيـ\u{654}ا", "شيـ\u{654}ا"),
        ("tatweel", "شيــ\u{64E}\u{654}ا", "شيـ\u{64E}\u{654}ا"),
        ("tatweel", "ـ\u{670} الرحمـ\u{670}ن", "ـ\u{670} الرحمـ\u{670}ن"),
        ("tatweel", "ـَ ـ", "ـَ "),
        ("tatweel", "١٤٤٥ هـ", "١٤٤٥ ه"),
        ("tatweel,harakat=strip", "ـَ شيـَ\u{654}ا", " شيـ\u{654}ا"),
        // Harakat go; hamza, madda and the superscript alef stay.
        ("harakat=strip", "كَتَبَ مُدَرِّسٌ بًٍ\u{8F0}\u{8F1}\u{8F2}", "كتب مدرس ب"),
        ("harakat=strip", "ا\u{653}ا\u{654}\u{64E}ا\u{655}\u{650}", "ا\u{653}ا\u{654}ا\u{655}"),
        ("harakat=strip", "آأإؤئء هٰذا", "آأإؤئء هٰذا"),
        ("harakat=strip", "e\u{301}", "e\u{301}"),
        ("harakat=keep", "كَتَبَ", "كَتَبَ"),
        // Digits of one kind.
        ("digits=ascii", "٠١٢٣٤٥٦٧٨٩ ۰۱۲۳۴۵۶۷۸۹ 5", "0123456789 0123456789 5"),
        ("digits=arabic-indic", "0123456789 ۴۵۶ ٧", "٠١٢٣٤٥٦٧٨٩ ٤٥٦ ٧"),
        ("digits=ascii", "½²५٫٪", "½²५٫٪"),
        // The composed form.
        ("nfc", "ا\u{653}ا\u{654}ا\u{655}و\u{654}ي\u{654}", "\u{622}\u{623}\u{625}\u{624}\u{626}"),
        ("nfc", "ا\u{64E}\u{654}", "\u{623}\u{64E}"),
        ("nfc", "ب\u{651}\u{64E}", "ب\u{64E}\u{651}"),
        ("nfc", "\u{FE8E}ﷺ", "\u{FE8E}ﷺ"),
        // Together: what was taken away no longer keeps a letter from its hamza.
        ("arabic", "\u{FE8E}\u{200B}\u{654}", "\u{623}"),
        ("arabic", "ا\u{200D}\u{654}", "ا\u{200D}\u{654}"),
        ("arabic", "كَتَبَ ٣ 3", "كَتَبَ ٣ 3"),
        ("arabic,harakat=strip,digits=ascii", "\u{FEDB}ـَتَبَ ٣ 3", "كتب 3 3"),
        ("none", "\u{FE8E}ـ\u{200B}", "\u{FE8E}ـ\u{200B}"),
        ("arabic", "", ""),
    ])
    func `a rule does this and nothing else`(rules: String, text: String, expected: String) throws {
        #expect(Self.codes(try Self.apply(rules, text)) == Self.codes(expected))
    }

    @Test func `the composed form and the forms' letters are unicodedata's`() throws {
        let lines = try Array(Data(contentsOf: URL(fileURLWithPath: fixture("text/normalization.jsonl"))))
            .split(separator: 0x0A).map { try JSONValue(parsing: $0) }
        #expect(lines.count == 490)
        for line in lines {
            let rule = try #require(line["rule"]?.stringValue), text = try #require(line["text"]?.stringValue)
            let expected = try #require(line["expected"]?.stringValue)
            #expect(Self.codes(try Self.apply(rule, text)) == Self.codes(expected), "\(rule) of \(Self.codes(text))")
        }
    }

    @Test func `no rule but the composed form touches a hamza or a madda`() throws {
        let text = "ءآأؤإئ ا\u{653}ا\u{654}و\u{654}ا\u{655}ي\u{654} \u{674}\u{675} ىٕ"
        let rules = TextNormalization.Rule.allCases.filter { $0 != .nfc }.map(\.rawValue)
        for rule in rules { #expect(Self.codes(try Self.apply(rule, text)) == Self.codes(text), "\(rule)") }
    }

    @Test func `changes are counted by rule`() throws {
        var counts = NormalizationCounts()
        let policy = try TextNormalization(parsing: "nfc,tatweel,zero-width")
        _ = policy.apply(to: "مـــ\u{200B}", counting: &counts)
        _ = policy.apply(to: "ـا\u{654}", counting: &counts)
        _ = policy.apply(to: "بلا", counting: &counts)
        #expect(counts[.tatweel] == .init(texts: 2, codePoints: 4))
        #expect(counts[.zeroWidth] == .init(texts: 1, codePoints: 1))
        #expect(counts[.nfc] == .init(texts: 1, codePoints: 0))
        #expect(counts[.harakat] == .init())
    }

    @Test func `a policy is written in one order and read back`() throws {
        let policy = try TextNormalization(parsing: "nfc,digits=ascii,harakat=keep,tatweel,nfc")
        #expect("\(policy)" == "tatweel,digits=ascii,nfc")
        #expect(try TextNormalization(parsing: "\(policy)") == policy)
        #expect(try TextNormalization(parsing: "none") == .none && "\(TextNormalization.none)" == "none")
        #expect(try TextNormalization(parsing: "arabic") == .arabic)
        for bad in ["", "NFC", "nfc,", "digits", "digits=ascii,digits=arabic-indic", "harakat", "tat\u{1B}weel"] {
            let refusal = failure { try TextNormalization(parsing: bad) }
            #expect(refusal?.status == .badUsage, "\(bad)")
            #expect(refusal?.description.contains("\u{1B}") == false)
        }
    }

    @Test func `the policy stands in the text record, and only where there is one`() throws {
        let plain = Tokenizer.byteLevel.record
        #expect(plain.json["normalization"] == nil)
        var record = plain
        record.normalization = .arabic
        #expect(record.json["normalization"] == "presentation-forms,zero-width,tatweel,nfc")
        #expect(try TextRecord(json: record.json, path: "x") == record)
        #expect(try TextRecord(json: record.json, path: "x") != plain)
        var json = try #require(record.json.objectValue)
        json["normalization"] = "of tomorrow"
        #expect(failure { try TextRecord(json: .object(json), path: "x") }?.status == .badData)
    }
}
