// A sample's report with its clips drawn below.

import PipelineKit

/// What `inspect WORK --sample N` shows.
struct DrawnSample: Report {
    let sample: SampleReport
    let drawings: [ClipDrawing]

    /// - Parameter style: nil leaves the drawings out, and reads no audio: for JSON.
    init(work: Work, sample number: Int, style: TerminalStyle?) throws {
        sample = try SampleReport(work: work, sample: number)
        drawings =
            try style.map { style in
                try work.clipViews(ofSample: number).map { ClipDrawing(view: $0, style: style) }
            } ?? []
    }

    var text: String {
        ([sample.text] + drawings.map { $0.lines.joined(separator: "\n") }).joined(separator: "\n\n")
    }

    var json: JSONObject { sample.json }
}
