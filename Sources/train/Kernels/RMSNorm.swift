// Root mean square normalisation (Zhang and Sennrich, arXiv 1910.07467), of all rows or of a group of rows.

/// y = x / √(mean(x²) + ε) · w.
enum RMSNorm {
    /// - Parameters:
    ///   - x: (T, C).
    ///   - rows: the rows of x that are normalised with this weight.
    ///   - weight: (1, C).
    ///   - y: receives them where `placement` says.
    ///   - inverse: (1, T), 1 / √(mean(x²) + ε) of each of these rows, at the rows of x.
    static func forward(
        _ x: Matrix, rows: [Int32], weight: Matrix, epsilon: Float, y: Matrix, placement: RowPlacement,
        inverse: Matrix
    ) {
        let count = x.columns
        precondition(weight.count == count && y.columns == count && inverse.count == x.rows, "RMS norm extents")
        ThreadTeam.forEachRows(rows.count, columns: count) { range in
            for i in range {
                let row = rows[i]
                let source = x.row(Int(row)), target = y.row(placement.place(of: i, row: row))
                let scale = 1 / (dot(source, source, count: count) / Float(count) + epsilon).squareRoot()
                inverse.base[Int(row)] = scale
                forEachBlock(count) { c, n in
                    store(
                        Lanes(at: source + c, upTo: n) * scale * Lanes(at: weight.base + c, upTo: n), target + c,
                        upTo: n)
                }
            }
        }
    }

    /// Adds to dx at `rows`, and to the weight's gradient.
    ///
    /// With x̂ = x · inverse and g = dy · w: dx = inverse · (g − x̂ · mean(g · x̂)), dw = Σ dy · x̂.
    static func backward(
        _ x: Matrix, rows: [Int32], weight: Parameter, inverse: Matrix, dx: Matrix, dy: Matrix,
        placement: RowPlacement
    ) {
        let count = x.columns
        let w = weight.value.base
        precondition(
            weight.value.count == count && dy.columns == count && dx.columns == count && dx.rows == x.rows
                && inverse.count == x.rows, "RMS norm extents")
        ThreadTeam.forEachRows(rows.count, columns: count) { range in
            for i in range {
                let row = rows[i]
                let source = x.row(Int(row)), dTarget = dx.row(Int(row))
                let dSource = dy.row(placement.place(of: i, row: row))
                let scale = inverse.base[Int(row)]
                var sums = Lanes.zero
                forEachBlock(count) { c, n in
                    sums +=
                        Lanes(at: dSource + c, upTo: n) * Lanes(at: w + c, upTo: n) * Lanes(at: source + c, upTo: n)
                }
                let mean = sums.sum() * scale * scale / Float(count)
                forEachBlock(count) { c, n in
                    let g = Lanes(at: dSource + c, upTo: n) * Lanes(at: w + c, upTo: n)
                    let d = (g - Lanes(at: source + c, upTo: n) * mean) * scale
                    store(Lanes(at: dTarget + c, upTo: n) + d, dTarget + c, upTo: n)
                }
            }
        }
        guard let dw = weight.gradient?.base else { return }
        // By columns, so that each sum over the rows keeps its order.
        ThreadTeam.forEachRange(count, grain: 64) { columns in
            for (i, row) in rows.enumerated() {
                let source = x.row(Int(row)), dSource = dy.row(placement.place(of: i, row: row))
                let scale = inverse.base[Int(row)]
                forEachBlock(columns) { c, n in
                    let product = Lanes(at: dSource + c, upTo: n) * Lanes(at: source + c, upTo: n) * scale
                    store(Lanes(at: dw + c, upTo: n) + product, dw + c, upTo: n)
                }
            }
        }
    }
}
