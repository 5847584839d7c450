// The result of the preflight: a line a question, ✓ or ✗, what was found, what to do.

import PipelineKit

/// The table of `train check`.
struct CheckTable: Sendable {
    enum Mark: String, Sendable {
        case passed = "✓"
        case failed = "✗"
        /// Not asked, because an earlier answer was no.
        case skipped = "–"
    }

    struct Row: Sendable {
        var mark: Mark
        var title: String
        var finding: String
        var remedy: String?
    }

    private(set) var rows: [Row] = []
    /// The exit status of the first failure; nil where all is well.
    private(set) var status: ExitStatus?

    mutating func add(_ title: String, passed finding: String) {
        rows.append(Row(mark: .passed, title: title, finding: finding))
    }

    mutating func add(_ title: String, failed failure: Failure) {
        var found = failure
        found.remedy = nil
        rows.append(Row(mark: .failed, title: title, finding: found.description, remedy: failure.remedy))
        status = status ?? failure.status
    }

    mutating func add(_ title: String, skipped reason: String) {
        rows.append(Row(mark: .skipped, title: title, finding: reason))
    }

    /// Lines of mark, title and finding; the remedy stands below its finding.
    var text: String {
        let width = rows.map(\.title.count).max() ?? 0
        return rows.flatMap { row in
            let title = row.title + String(repeating: " ", count: width - row.title.count)
            let indent = String(repeating: " ", count: width + 4)
            return ["\(row.mark.rawValue) \(title)  \(row.finding)"] + (row.remedy.map { ["\(indent)→ \($0)"] } ?? [])
        }.joined(separator: "\n")
    }
}
