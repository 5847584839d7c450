// Rows of a table by id, and sums of rows over codebooks.

/// y[rows[i]] = Σ over j of table[ids[i, j]].
///
/// With one id a row this is the text embedding; with Q ids, of which the k-th lies in the k-th codebook's part of the
/// table, the code embedding.
enum Embedding {
    /// - Parameters:
    ///   - table: (V, C).
    ///   - ids: one or more a row, row by row, below V.
    ///   - rows: the rows of y that are overwritten.
    static func forward(table: StoredMatrix, ids: [Int32], rows: [Int32], y: Matrix) {
        let perRow = check(rows: table.rows, columns: table.columns, ids, rows, y)
        ThreadTeam.forEachRows(rows.count, columns: y.columns) { range in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: max(1, y.columns)) { buffer in
                guard let entry = buffer.baseAddress else { return }
                for i in range {
                    let target = y.row(Int(rows[i]))
                    for j in 0..<perRow {
                        let id = Int(ids[i * perRow + j])
                        table.read(id..<id + 1, into: j == 0 ? target : entry)
                        if j > 0 { add(entry, to: target, count: y.columns) }
                    }
                }
            }
        }
    }

    /// Adds the rows of dy to the table's gradient.
    static func backward(dTable: Matrix, ids: [Int32], rows: [Int32], dy: Matrix) {
        let perRow = check(rows: dTable.rows, columns: dTable.columns, ids, rows, dy)
        // By columns: an id may come again, and its sum keeps its order.
        ThreadTeam.forEachRange(dy.columns, grain: 64) { columns in
            for (i, row) in rows.enumerated() {
                for id in ids[i * perRow..<(i + 1) * perRow] {
                    add(
                        dy.row(Int(row)) + columns.lowerBound, to: dTable.row(Int(id)) + columns.lowerBound,
                        count: columns.count)
                }
            }
        }
    }

    /// The number of ids a row.
    private static func check(rows count: Int, columns: Int, _ ids: [Int32], _ rows: [Int32], _ y: Matrix) -> Int {
        precondition(columns == y.columns, "a table of \(columns) columns for rows of \(y.columns)")
        if rows.isEmpty {
            precondition(ids.isEmpty, "ids without rows")
            return 0
        }
        precondition(!ids.isEmpty && ids.count % rows.count == 0, "\(ids.count) ids for \(rows.count) rows")
        precondition(ids.allSatisfy { 0 <= $0 && Int($0) < count }, "an id is outside of \(count) rows")
        return ids.count / rows.count
    }
}
