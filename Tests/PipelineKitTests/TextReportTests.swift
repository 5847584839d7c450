import Foundation
import TestSupport
import Testing

@testable import PipelineKit

/// The text report and the counts behind it.
@Suite struct TextReportTests {
    private static func row(_ texts: [String], ids: Int = 0, seconds: Double = 0) -> RowText {
        var row = RowText()
        row.texts = texts
        row.ids = ids
        row.spokenIDs = ids
        row.spokenSeconds = seconds
        return row
    }

    private static func report(_ texts: [String]) -> TextReport {
        var statistics = TextStatistics()
        statistics.add(row(texts), id: "a")
        return TextReport(statistics, normalization: .none)
    }

    @Test func `every code point is of one class`() throws {
        let report = Self.report([
            "كَتَبَ abÉ 12٣۴۵", "ـ\u{FEFB}\u{FE70}", "\u{200F}\u{200B}\u{FEFF}\u{AD}\u{200D}\u{200C}",
            "ا\u{654}\u{653} ж漢",
            "\u{FFFD}\u{7}\t\n،½",
        ])
        let kinds = try #require(report.json["kinds"]?.objectValue)
        let expected: [(String, Int)] = [
            ("arabic_letters", 4), ("latin_letters", 3), ("other_letters", 2), ("ascii_digits", 2),
            ("arabic_indic_digits", 1), ("extended_arabic_indic_digits", 2), ("harakat", 3),
            ("hamza_and_madda_marks", 2),
            ("tatweel", 1), ("presentation_forms", 2), ("joiners", 2), ("zero_width_and_bidi", 4),
            ("replacement_characters", 1), ("control_characters", 1), ("other", 7),
        ]
        for (name, count) in expected { #expect(kinds[name] == .int(count), "\(name)") }
        #expect(kinds.members.count == expected.count)
        #expect(report.json["code_points"] == .int(expected.reduce(0) { $0 + $1.1 }))
        #expect(report.letters == 4 + 3 + 2 + 2)
    }

    @Test func `rare code points are named, never printed`() throws {
        let report = Self.report([String(repeating: "سلام ", count: 20_000), "\u{202E}\u{202E}\u{6A9}", "\u{E000}"])
        #expect(report.rareAtMost == 10)
        #expect(report.rare.map(\.codePoint) == ["U+06A9", "U+E000", "U+202E"])
        #expect(report.rare.map(\.count) == [1, 1, 2])
        let text = report.lines.joined(separator: "\n")
        #expect(text.contains("U+202E RIGHT-TO-LEFT OVERRIDE × 2"))
        #expect(!text.unicodeScalars.contains("\u{202E}"))
        // An alphabet has thousands of letters; the record stays small.
        let many = Self.report([String(String.UnicodeScalarView((0x4E00..<0x9000).compactMap { Unicode.Scalar($0) }))])
        #expect(many.rareCount == 0x9000 - 0x4E00 && many.rare.count == 48)
    }

    @Test func `rows far from the median are named`() throws {
        var statistics = TextStatistics()
        for number in 0..<200 { statistics.add(Self.row(["x"], ids: 40 + number % 20, seconds: 2), id: "r\(number)") }
        statistics.add(Self.row(["x"], ids: 3, seconds: 10), id: "slow")
        statistics.add(Self.row(["x"], ids: 900, seconds: 2), id: "fa\u{202E}st")
        statistics.add(Self.row(["x"], ids: 0, seconds: 2), id: "nothing said")
        let outliers = try #require(statistics.rates.outliers)
        #expect(outliers.count == 2)
        #expect(outliers.slow == [.init(id: "slow", idsPerSecond: 0.3)])
        #expect(outliers.fast == [.init(id: "fa\u{202E}st", idsPerSecond: 450)])
        #expect(outliers.low < 20 && outliers.low > 5 && outliers.high > 30 && outliers.high < 90)
        let median = try #require(statistics.rates.quantile(0.5))
        #expect(abs(median - 24.75) < 24.75 * 0.03)
        #expect(statistics.rates.rows == 202)
        let lines = TextReport(statistics, normalization: .none).lines.joined(separator: "\n")
        #expect(lines.contains("slow 0.30, fa\\u{202E}st 450.00"))
        // A few rows prove nothing.
        var few = TextStatistics()
        for number in 0..<15 { few.add(Self.row(["x"], ids: number == 7 ? 900 : 4, seconds: 1), id: "r\(number)") }
        #expect(few.rates.outliers == nil)
    }

    @Test func `however the rows are cut, the sum is the same`() throws {
        var state: UInt64 = 7
        func random(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        let alphabet = Array("ابتثجحخد َُِـ\u{200F}1٣abcж".unicodeScalars)
        let rows = (0..<300).map { _ in
            var text = String.UnicodeScalarView()
            for _ in 0..<random(30) { text.append(alphabet[random(alphabet.count)]) }
            // Few different rates: equal ones must be kept in the order of the rows.
            return Self.row([String(text)], ids: random(5), seconds: Double(1 + random(3)))
        }
        var whole = TextStatistics()
        for (number, row) in rows.enumerated() { whole.add(row, id: "r\(number)") }
        for size in [1, 7, 50, 299] {
            var sum = TextStatistics()
            for start in stride(from: 0, to: rows.count, by: size) {
                var part = TextStatistics()
                for number in start..<min(start + size, rows.count) { part.add(rows[number], id: "r\(number)") }
                // Through the sidecar's JSON and back.
                let json = try JSONValue(parsing: part.json.pythonDump())
                sum.add(try #require(TextStatistics(json: json)))
            }
            #expect(sum == whole, "\(size) rows a shard")
            #expect(sum.json.pythonDump() == whole.json.pythonDump())
        }
    }

    @Test func `the report is read back as it was written`() throws {
        var statistics = TextStatistics()
        for number in 0..<40 { statistics.add(Self.row(["سلام\u{200F}"], ids: 9, seconds: 1), id: "r\(number)") }
        statistics.add(Self.row(["x"], ids: 900, seconds: 1), id: "fast")
        let report = TextReport(statistics, normalization: .arabic)
        let json = try JSONValue(parsing: JSONValue.object(report.json).pretty())
        #expect(TextReport(json: json) == report)
        #expect(TextReport(json: json)?.lines == report.lines)
        #expect(TextReport(json: ["texts": 1]) == nil)
        let empty = TextReport(TextStatistics(), normalization: .none)
        #expect(TextReport(json: .object(empty.json)) == empty)
        #expect(!empty.lines.isEmpty)
    }

    @Test func `a target says the text that stands last before it`() throws {
        let layout = try ConversationLayout(tokenizer: .byteLevel)
        func count(_ turns: [ConversationTurn], start: Int = 0, _ seconds: [Double]) throws -> [Double] {
            var row = RowText()
            row.count(try layout.sequence(of: turns, startIndex: start), seconds: seconds)
            return [Double(row.ids), Double(row.spokenIDs), row.spokenSeconds]
        }
        let user = ConversationTurn(role: .user, items: [.text("reference"), .audio, .text("words")])
        let silent = ConversationTurn(role: .assistant, items: [.audio])
        let spoken = ConversationTurn(role: .assistant, items: [.text("said"), .audio])
        #expect(try count([user, silent], [3, 2]) == [14, 5, 2])
        let system = ConversationTurn(role: .system, items: [.text("be kind")])
        #expect(try count([system, user, silent], [3, 2]) == [14, 5, 2])
        #expect(try count([user, spoken], [3, 2]) == [18, 4, 2])
        #expect(try count([user, silent, silent], [3, 2, 1]) == [14, 5, 3])
        #expect(try count([user, spoken], start: 5, [3, 2]) == [18, 0, 0])
        #expect(try count([user, spoken, user, silent], start: 2, [3, 2, 3, 4]) == [32, 5, 4])
        #expect(try count([ConversationTurn(role: .user, items: [.audio]), silent], [1, 1]) == [0, 0, 0])
    }

    @Test func `samples know their rows and lines, and back`() throws {
        var runs = ManifestRuns()
        let rows = [(1, 2), (2, 3), (4, 5), (5, 9), (6, 10), (7, 10), (8, 11)]
        for (row, line) in rows { runs.append(row: row, line: line) }
        #expect(runs.count == 7)
        let read = try #require(ManifestRuns(json: try JSONValue(parsing: runs.json.pythonDump())))
        #expect(read == runs)
        for (sample, (row, line)) in rows.enumerated() {
            let got = try #require(read[sample])
            #expect(got.row == row && got.line == line)
            #expect(read.sample(ofRow: row) == sample)
            #expect(read.sample(ofLine: line) == (line == 10 ? 4 : sample))
        }
        #expect(read[7] == nil && read.sample(ofRow: 3) == nil && read.sample(ofLine: 4) == nil)
        #expect(read.sample(ofRow: 9) == nil && read[-1] == nil)
        #expect(ManifestRuns(json: [[1, 2]]) == nil && ManifestRuns(json: [[0, 1, 1]]) == nil)
    }
}
