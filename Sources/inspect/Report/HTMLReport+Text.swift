// What the texts are made of, as ingest recorded it: classes of characters, what is rare or invisible, and the rows whose
// text does not fit their audio.

import PipelineKit

extension HTMLReport {
    /// nil without a text report in samples/stage.json.
    var textReport: TextReport? { TextReport(json: work.report("samples")?.stage?.counts["text"]) }

    var textMaterial: Section? {
        guard let report = textReport, report.codePoints > 0 else { return nil }
        var content = [kindTable(report)]
        var facts = [
            "\(countText(report.codePoints)) characters (code points) in \(counted(report.texts, "text")), "
                + "\(countText(report.letters)) of them letters."
        ]
        if let ids = report.idsPerLetter { facts.append("\(numberText(ids, 2)) ids a letter.") }
        let rules = "\(report.normalization)"
        facts.append(
            rules.isEmpty || rules == "none" ? "Texts are stored as they were read." : "Normalized by: \(rules).")
        content.append(.element("p", ["class": "note"], facts.joined(separator: " ")))
        if let outliers = report.rateOutliers, outliers.count > 0 { content.append(outlierList(outliers)) }
        if !report.rare.isEmpty { content.append(rareTable(report)) }
        return section("What the texts are made of", id: "characters", content)
    }

    private func kindTable(_ report: TextReport) -> Markup {
        var kinds: [(name: String, count: Int)] = []
        for (name, value) in report.json["kinds"]?.objectValue?.members ?? [] {
            if let count = value.intValue, count > 0 { kinds.append((Self.words(name), count)) }
        }
        kinds.sort { $0.count != $1.count ? $0.count > $1.count : $0.name < $1.name }
        let rows = kinds.map { name, count -> Markup in
            let share = Double(count) / Double(report.codePoints)
            return .element(
                "tr",
                [
                    .element("th", ["scope": "row"], name), .element("td", ["class": "number"], countText(count)),
                    .element("td", ["class": "number"], "\(numberText(share * 100, share < 0.01 ? 2 : 1)) %"),
                    .element("td", ["class": "wide"], [Chart.bar(share)]),
                ])
        }
        return Chart.table([("characters", .text), ("number", .number), ("share", .number), ("", .wide)], rows)
    }

    /// A class of the record as people write it: `extended Arabic Indic digits`.
    private static func words(_ name: String) -> String {
        let proper = ["arabic": "Arabic", "latin": "Latin", "indic": "Indic", "ascii": "ASCII"]
        return name.split(separator: "_").map { proper[String($0)] ?? String($0) }.joined(separator: " ")
    }

    private func outlierList(_ outliers: SpeechRates.Outliers) -> Markup {
        func item(_ row: SpeechRates.Row) -> Markup {
            .element("li", [.isolated(shortened(row.id)), .text(" \(numberText(row.idsPerSecond, 2))")])
        }
        return .all([
            .element("h3", "\(counted(outliers.count, "row")) with a text that hardly fits the audio"),
            .element(
                "p", ["class": "note"],
                "Below \(numberText(outliers.low, 2)) or from \(numberText(outliers.high, 2)) text ids a second of the answer, "
                    + "which is far from the median; the slowest and the fastest:"),
            .element("ul", (outliers.slow + outliers.fast).map(item)),
        ])
    }

    private func rareTable(_ report: TextReport) -> Markup {
        let shown = report.rare.prefix(24)
        let rows = shown.map { rare -> Markup in
            .element(
                "tr",
                [
                    .element("th", ["scope": "row"], [.element("code", shortened(rare.codePoint))]),
                    .element("td", shortened(rare.name)), .element("td", ["class": "number"], countText(rare.count)),
                ])
        }
        let rest = report.rareCount - shown.count
        return .all([
            .element("h3", "Rare characters"),
            .element(
                "p", ["class": "note"],
                "Outside of the Arabic alphabet and ASCII, and there at most \(counted(report.rareAtMost, "time"))"
                    + (rest > 0 ? "; \(countText(rest)) more are not listed" : "")),
            Chart.table([("code point", .text), ("name", .text), ("number", .number)], rows),
        ])
    }
}
