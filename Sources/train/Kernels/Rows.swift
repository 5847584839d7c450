// Moving rows between the order of the sequence and packed groups, so that each group runs through its own weights.

/// Where the i-th row of a group lies in the other matrix.
enum RowPlacement {
    /// At its own place in the sequence.
    case kept
    /// In the group's order, from a first row on.
    case packed(from: Int)

    @inline(__always) func place(of i: Int, row: Int32) -> Int {
        switch self {
        case .kept: Int(row)
        case .packed(let first): first + i
        }
    }
}

enum Rows {
    /// packed[i] = x[rows[i]].
    static func gather(_ x: Matrix, rows: [Int32], packed: Matrix) {
        precondition(packed.rows == rows.count && packed.columns == x.columns, "gather of \(rows.count) rows")
        ThreadTeam.forEachRows(rows.count, columns: x.columns) { range in
            for i in range { packed.row(i).update(from: x.row(Int(rows[i])), count: x.columns) }
        }
    }

    /// y[rows[i]] += packed[i]: the twin of `gather`, and the residual connection of packed rows. No row comes twice.
    static func scatterAdd(_ packed: Matrix, rows: [Int32], y: Matrix) {
        precondition(packed.rows == rows.count && packed.columns == y.columns, "scatter of \(rows.count) rows")
        ThreadTeam.forEachRows(rows.count, columns: y.columns) { range in
            for i in range { add(packed.row(i), to: y.row(Int(rows[i])), count: y.columns) }
        }
    }

    /// x += y.
    static func accumulate(_ y: Matrix, into x: Matrix) {
        precondition(x.count == y.count, "sum of different extents")
        ThreadTeam.forEachElements(y.count) { range in
            add(y.base + range.lowerBound, to: x.base + range.lowerBound, count: range.count)
        }
    }
}
