// inspect --html FILE: one page about a WORK that needs no other file, no network and no script. What is counted stands in
// DataStatistics and RejectStatistics, the parts of the page in HTMLReport+Sections, how it looks in PageStyle.

import Foundation
import PipelineKit

/// The page, written.
struct HTMLReport: Report {
    let path: String
    let work: Work
    let statistics: DataStatistics?
    let rejects: RejectStatistics
    let codes: CodeStatistics?
    let chosen: [ChosenSample]
    let player: CodePlayer
    var budget = MediaBudget()
    private(set) var pageBytes = 0

    /// Reads the WORK and writes the page under a temporary name, then renames it.
    ///
    /// - Parameter codec: the codec that plays codes; nil takes WORK/codec, if that made them.
    /// - Throws: `Failure`, `MDSError`, `AudioError`, `FileError`, `Interrupted`.
    init(work: Work, path: String, codec: String?) throws {
        guard !work.parts.isEmpty else { throw Work.nothingFinished(work.directory) }
        self.path = path
        self.work = work
        let samples = work.report("samples")
        let text = try samples?.stage?.record("text").map {
            try TextRecord(json: $0, path: "\(work.directory)/samples/\(StageRecord.basename)")
        }
        statistics = try samples.map { try DataStatistics(samples: $0.reader, text: text) }
        rejects = try RejectStatistics(directory: work.directory, record: samples?.stage)
        codes = try work.report("codes").flatMap { try CodeStatistics($0.reader, record: $0.stage?.record("codec")) }
        chosen = ChosenSample.choose(from: statistics, count: work.sampleCount)
        player = try CodePlayer(work: work, path: codec)
        let page = try self.page()
        pageBytes = page.html.utf8.count
        try AtomicFile.write(page.html.utf8, to: path)
    }

    var text: String {
        "\(path.escapedForTerminal): \(bytesText(pageBytes)), \(counted(work.sampleCount, "sample")), "
            + "\(chosen.count) of them to look at and hear"
            + (budget.isFull ? "; sounds were left out at \(bytesText(MediaBudget.limitBytes))" : "")
    }

    var json: JSONObject {
        [
            "kind": "html", "path": .string(path), "bytes": .int(pageBytes), "samples": .int(work.sampleCount),
            "shown": .array(chosen.map { .int($0.sample) }), "is_full": .bool(budget.isFull),
        ]
    }

    // MARK: The page

    private mutating func page() throws -> Markup {
        let shown = try samplesSection()
        let sections =
            [durations, speakers, texts, textMaterial, rejected, codeUse].compactMap { $0 } + [shown, provenance]
        let body = [header, tiles, .element("nav", sections.map(\.link))] + sections.map(\.markup) + [footer]
        return .document(
            head: [
                .void("meta", ["charset": "utf-8"]),
                .void("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"]),
                // Nothing is fetched and nothing runs, whatever the data says.
                .void(
                    "meta",
                    [
                        "http-equiv": "Content-Security-Policy",
                        "content": "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'",
                    ]),
                .void("meta", ["name": "color-scheme", "content": "light dark"]),
                .element("title", "sawt: \(work.directory)"), PageStyle.sheet,
            ],
            body: [.element("main", body)])
    }

    private var footer: Markup {
        .element("footer", "Made by sawt \(sawtVersion), inspect --html. The same data gives the same page.")
    }
}
