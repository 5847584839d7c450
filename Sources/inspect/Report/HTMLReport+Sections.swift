// The parts of the page, from the header to where the data comes from.

import Foundation
import PipelineKit

extension HTMLReport {
    var header: Markup {
        var problems = work.unfinished.map { "\($0) has no index: the stage that writes it has not finished" }
        problems += work.staleParts.map { "\($0.name) was made from other audio; \($0.remedy)" }
        problems += work.stepDifferences.map { "not in step: \($0)" }
        let state =
            problems.isEmpty
            ? [
                Markup.element(
                    "p", ["class": "state good"], "✓ all directories were made from this audio and are in step")
            ]
            : problems.map { .element("p", ["class": "state bad"], "✗ \($0)") }
        return .element(
            "header",
            [.element("p", ["class": "kind"], "data set"), .element("h1", ["dir": "auto"], work.directory)] + state)
    }

    var tiles: Markup {
        var tiles: [Markup] = []
        func add(_ value: String, _ name: String, _ detail: String) {
            tiles.append(
                .element(
                    "div", ["class": "tile"],
                    [
                        .element("span", ["class": "name"], name), .element("strong", value),
                        .element("span", ["class": "detail"], detail),
                    ]))
        }
        if let statistics {
            let seconds = statistics.references.sum + statistics.answers.sum
            add(
                hoursText(seconds), "kept",
                "\(hoursText(statistics.answers.sum)) answers, \(hoursText(statistics.references.sum)) references; "
                    + "\(hoursText(statistics.distinctSeconds)) without repeats")
            add(
                countText(statistics.samples), "samples",
                "\(counted(statistics.answers.count, "answer")), \(counted(statistics.references.count, "reference"))")
            let named = statistics.namedSpeakers.count
            add(
                countText(named), "speakers",
                statistics.unnamed.map { "\(counted($0.samples, "sample")) without one" } ?? "every sample names one")
        }
        let share = rejects.rowsRead.map { $0 > 0 ? Double(rejects.rows) / Double($0) : 0 }
        add(
            countText(rejects.rows), "rejected rows",
            rejects.rows == 0
                ? (rejects.rowsRead.map { "of \(countText($0)) read" } ?? "none")
                : (share.map { "\(numberText($0 * 100, 1)) % of \(countText(rejects.rowsRead ?? 0)) read; " } ?? "")
                    + "\(hoursText(rejects.seconds)) of their audio had been read")
        return .element("section", ["class": "tiles"], tiles)
    }

    var durations: Section? {
        guard let statistics else { return nil }
        let charts = [
            Chart.histogram("Answers", statistics.answers, unit: "seconds", places: 1),
            Chart.histogram("References", statistics.references, unit: "seconds", places: 1),
        ].compactMap { $0 }
        let rates = statistics.rates.sorted { $0.key < $1.key }
            .map { "\(countText($0.key)) Hz: \(counted($0.value, "clip"))" }.joined(separator: ", ")
        return section(
            "How long the clips are", id: "clips",
            [.element("div", ["class": "charts"], charts), .element("p", ["class": "note"], "Stored rates: \(rates).")])
    }

    var texts: Section? {
        guard let statistics else { return nil }
        let charts = [
            Chart.histogram("Characters of the answer", statistics.characters, unit: "", places: 0),
            Chart.histogram("Text ids trained on", statistics.textIDs, unit: "", places: 0),
            Chart.histogram("Text ids a second", statistics.idsPerSecond, unit: "", places: 1),
        ].compactMap { $0 }
        guard !charts.isEmpty else { return nil }
        return section(
            "How long the texts are", id: "texts",
            [
                .element("div", ["class": "charts"], charts),
                .element(
                    "p", ["class": "note"],
                    "Characters are Unicode scalars, harakat among them. Text ids are those with a label, control tokens "
                        + "aside; a second is one of the clips that are trained on. Samples far out in the last chart often "
                        + "have a text that is not what is said."),
            ])
    }

    var codeUse: Section? {
        guard let codes, !codes.counts.isEmpty else { return nil }
        let rows = codes.counts.indices.map { k -> Markup in
            let size = codes.counts[k].count, most = log2(Double(max(2, size)))
            return .element(
                "tr",
                [
                    .element("th", ["scope": "row"], "k\(k)"),
                    .element("td", ["class": "number"], "\(countText(codes.used(k))) of \(countText(size))"),
                    .element(
                        "td", ["class": "number"],
                        "\(numberText(codes.entropyBits(k), 2)) of \(numberText(most, 2)) bit"),
                    .element("td", ["class": "wide"], [Chart.bar(codes.entropyBits(k) / most)]),
                ])
        }
        return section(
            "How the codebooks are used", id: "codes",
            [
                Chart.table([("codebook", .text), ("codes used", .number), ("entropy", .number), ("", .wide)], rows),
                .element(
                    "p", ["class": "note"],
                    "\(countText(codes.frames)) frames. A bar is the entropy over the most that a codebook of its size can "
                        + "have; a short one is a codebook that says little."),
            ])
    }

    var rejected: Section? {
        guard rejects.rows > 0 else { return nil }
        let blocks = rejects.codes.map { code -> Markup in
            let examples = code.examples.map { example -> Markup in
                var parts: [Markup] = []
                if let row = example.row { parts += [.text("row \(countText(row)) ")] }
                if let id = example.id { parts += [.isolated(shortened(id)), .text(" ")] }
                if let path = example.path { parts += [.element("code", [.isolated(shortened(path))]), .text(" ")] }
                parts.append(.element("span", ["class": "detail", "dir": "auto"], shortened(example.detail)))
                return .element("li", parts)
            }
            return .element(
                "div", ["class": "reject"],
                [
                    .element(
                        "h3",
                        [
                            .element("code", shortened(code.name)),
                            .text(
                                " \(counted(code.rows, "row"))"
                                    + (code.seconds.map { $0 > 0 ? ", \(hoursText($0))" : "" } ?? "")),
                        ]),
                    Chart.bar(Double(code.rows) / Double(rejects.rows)), .element("ul", examples),
                ])
        }
        return section("What was rejected", id: "rejected", blocks)
    }

    var speakers: Section? {
        guard let statistics, !statistics.speakers.isEmpty else { return nil }
        let named = statistics.namedSpeakers, limit = 40
        let most = max(named.map(\.totals.answerSeconds).max() ?? 0, statistics.unnamed?.answerSeconds ?? 0, 1e-9)
        func row(_ name: Markup, _ totals: DataStatistics.Speaker) -> Markup {
            .element(
                "tr",
                [
                    .element("th", ["scope": "row"], [name]),
                    .element("td", ["class": "number"], countText(totals.samples)),
                    .element("td", ["class": "number"], minutesText(totals.answerSeconds)),
                    .element("td", ["class": "number"], minutesText(totals.referenceSeconds)),
                    .element("td", ["class": "wide"], [Chart.bar(totals.answerSeconds / most)]),
                ])
        }
        var rows = named.prefix(limit).map { row(.isolated(shortened($0.name)), $0.totals) }
        if named.count > limit {
            let rest = named.dropFirst(limit).reduce(into: DataStatistics.Speaker()) { $0.add($1.totals) }
            rows.append(row(.element("em", "\(counted(named.count - limit, "other"))"), rest))
        }
        if let unnamed = statistics.unnamed { rows.append(row(.element("em", "without a name"), unnamed)) }
        return section(
            "Who speaks", id: "speakers",
            [
                Chart.table(
                    [
                        ("speaker", .text), ("samples", .number), ("answers (minutes)", .number),
                        ("references (minutes)", .number), ("", .wide),
                    ], Array(rows))
            ])
    }

    mutating func samplesSection() throws -> Section {
        let progress = Progress("drawing", unit: "samples", total: Double(chosen.count))
        defer { progress.finish() }
        var cards: [Markup] = []
        for choice in chosen {
            try Interrupt.check()
            cards.append(try SampleCard(work: work, choice: choice, player: player).markup(&budget))
            progress.advance()
        }
        var notes = [
            "The extremes, where mistakes gather, and \(counted(min(ChosenSample.drawn, work.sampleCount), "sample")) drawn "
                + "by a fixed seed. Sounds are 16 kHz mono, at most \(Int(MediaBudget.longestSeconds)) s of a clip; sounds and "
                + "pictures take \(bytesText(budget.used)) of at most \(bytesText(MediaBudget.limitBytes))."
        ]
        if case .none(let reason) = player { notes.append("Codes cannot be heard: \(reason).") }
        return section(
            "Samples to look at and hear", id: "samples",
            [.element("p", ["class": "note"], notes.joined(separator: " "))] + cards)
    }

    var provenance: Section {
        let blocks = work.parts.map { name, report -> Markup in
            let reader = report.reader
            let size =
                "\(counted(reader.shards.count, "shard")), \(bytesText(report.storedBytes)) stored, "
                + "\(bytesText(report.rawBytes)) raw, \(report.compression)"
            let rows =
                (report.stage?.fields ?? []).filter { !$0.name.hasPrefix("counts.text.") }.map {
                    field, value -> Markup in
                    .element(
                        "tr",
                        [
                            .element("th", ["scope": "row"], [.isolated(shortened(field))]),
                            .element("td", ["dir": "auto"], shortened(value)),
                        ])
                } + [
                    .element(
                        "tr", [.element("th", ["scope": "row"], "index digest"), .element("td", reader.indexDigest)])
                ]
            return .element(
                "details",
                [
                    .element("summary", [.element("code", name), .text(" \(size)")]),
                    .element("div", ["class": "scroll"], [.element("table", [.element("tbody", rows)])]),
                ])
        }
        return section("Where it comes from", id: "provenance", blocks)
    }

    /// A part of the page with the name by which the list at the top leads to it.
    func section(_ title: String, id: String, _ content: [Markup]) -> Section {
        Section(
            title: title, id: id, markup: .element("section", ["id": id], [.element("h2", title)] + content))
    }
}

/// A part of the page.
struct Section {
    var title: String
    var id: String
    var markup: Markup

    var link: Markup { .element("a", ["href": "#\(id)"], title) }
}

/// Seconds as hours or, below one hour, minutes or seconds.
func hoursText(_ seconds: Double) -> String {
    seconds >= 36_000
        ? "\(countText(Int((seconds / 3_600).rounded()))) h"
        : seconds >= 3_600
            ? "\(numberText(seconds / 3_600, 1)) h"
            : seconds >= 60 ? "\(numberText(seconds / 60, 1)) min" : "\(numberText(seconds, 1)) s"
}

/// Seconds as minutes with one decimal.
func minutesText(_ seconds: Double) -> String { numberText(seconds / 60, 1) }

/// A text from data in at most 300 characters.
func shortened(_ text: String, limit: Int = 300) -> String {
    text.unicodeScalars.count <= limit
        ? text : String(String.UnicodeScalarView(text.unicodeScalars.prefix(limit))) + "…"
}
