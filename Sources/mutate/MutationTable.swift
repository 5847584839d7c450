// What came of the mutants, a line a format, and those that got in with the command that makes them again.

import PipelineKit

/// Counts verdicts.
struct MutationTable {
    private let formats: [Format]
    private let seed: UInt64
    private var counts: [String: [Verdict: Int]] = [:]
    private(set) var violations: [Finding] = []

    init(formats: [Format], seed: UInt64) {
        self.formats = formats
        self.seed = seed
    }

    mutating func add(_ finding: Finding) {
        counts[finding.format, default: [:]][finding.verdict, default: 0] += 1
        let isChecked = formats.first { $0.name == finding.format }?.isChecked ?? false
        switch finding.verdict {
        case .refused, .same: break
        case .changed where !isChecked: break
        default: violations.append(finding)
        }
    }

    private static let columns: [(title: String, verdict: Verdict)] = [
        ("refused", .refused), ("same", .same), ("changed", .changed), ("crashes", .crashed), ("hangs", .hung),
        ("memory", .grew), ("broken", .broken),
    ]

    /// The table, then at most 40 of the violations.
    var text: String {
        let width = (formats.map(\.name.count).max() ?? 0) + 1
        func cell(_ text: String) -> String { String(repeating: " ", count: max(0, 9 - text.count)) + text }
        func line(_ name: String, _ cells: [String]) -> String {
            name + String(repeating: " ", count: max(0, width - name.count)) + cells.map(cell).joined()
        }
        func row(_ name: String, _ verdicts: [Verdict: Int], isChecked: Bool) -> String {
            let cells = Self.columns.map { column in
                let count = verdicts[column.verdict] ?? 0
                return column.verdict == .changed && isChecked && count == 0 ? "never" : String(count)
            }
            return line(name, [String(verdicts.values.reduce(0, +))] + cells)
        }
        var lines = [line("format", ["mutants"] + Self.columns.map(\.title))]
        var all: [Verdict: Int] = [:]
        for format in formats {
            let verdicts = counts[format.name] ?? [:]
            all.merge(verdicts, uniquingKeysWith: +)
            lines.append(row(format.name, verdicts, isChecked: format.isChecked))
        }
        lines.append(row("all", all, isChecked: false))
        for violation in violations.prefix(40) {
            lines.append("\(violation.verdict.rawValue): \(violation.format), \(violation.number): \(violation.detail)")
            lines.append("    mutate show \"\(violation.format)\" \(violation.number) --seed \(seed) --output mutant")
        }
        if violations.count > 40 { lines.append("and \(violations.count - 40) more") }
        return lines.joined(separator: "\n")
    }
}
