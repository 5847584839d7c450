// Aligned columns for terminals.

import PipelineKit

/// A table of texts whose columns are as wide as their widest cell.
struct Table {
    enum Alignment { case left, right }

    private let alignments: [Alignment]
    private var rows: [[String]] = []

    /// - Parameter columns: a header text and an alignment each; empty headers print no header row.
    init(_ columns: [(String, Alignment)]) {
        alignments = columns.map(\.1)
        if columns.contains(where: { !$0.0.isEmpty }) { rows.append(columns.map(\.0)) }
    }

    /// Appends a row; cells come from data and are escaped.
    mutating func add(_ cells: [String]) {
        precondition(cells.count == alignments.count, "a row has as many cells as the table has columns")
        rows.append(cells.map(\.escapedForTerminal))
    }

    /// The table's lines, without trailing spaces.
    func rendered(indent: Int = 0) -> String {
        let widths = alignments.indices.map { column in rows.reduce(0) { max($0, $1[column].displayWidth) } }
        return rows.map { cells in
            var line = String(repeating: " ", count: indent)
            for (column, cell) in cells.enumerated() {
                if column > 0 { line += "  " }
                line +=
                    alignments[column] == .right
                    ? cell.leftPadded(to: widths[column]) : cell.padded(to: widths[column])
            }
            while line.hasSuffix(" ") { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }
}
