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
        for (i, row) in rows.enumerated() {
            let source = x.row(Int(row)), target = y.row(placement.place(of: i, row: row))
            let scale = 1 / (dot(source, source, count: count) / Float(count) + epsilon).squareRoot()
            inverse.base[Int(row)] = scale
            var c = 0
            while c + 16 <= count {
                store(Lanes(at: source + c) * scale * Lanes(at: weight.base + c), target + c)
                c += 16
            }
            while c < count {
                target[c] = source[c] * scale * weight.base[c]
                c += 1
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
        for (i, row) in rows.enumerated() {
            let source = x.row(Int(row)), dTarget = dx.row(Int(row))
            let dSource = dy.row(placement.place(of: i, row: row))
            let scale = inverse.base[Int(row)]
            var sums = Lanes.zero
            var c = 0
            while c + 16 <= count {
                sums += Lanes(at: dSource + c) * Lanes(at: w + c) * Lanes(at: source + c)
                c += 16
            }
            var sum = sums.sum()
            while c < count {
                sum += dSource[c] * w[c] * source[c]
                c += 1
            }
            let mean = sum * scale * scale / Float(count)
            c = 0
            while c + 16 <= count {
                let g = Lanes(at: dSource + c) * Lanes(at: w + c)
                store(Lanes(at: dTarget + c) + (g - Lanes(at: source + c) * mean) * scale, dTarget + c)
                c += 16
            }
            while c < count {
                dTarget[c] += (dSource[c] * w[c] - source[c] * mean) * scale
                c += 1
            }
            guard let dw = weight.gradient?.base else { continue }
            c = 0
            while c + 16 <= count {
                store(Lanes(at: dw + c) + Lanes(at: dSource + c) * Lanes(at: source + c) * scale, dw + c)
                c += 16
            }
            while c < count {
                dw[c] += dSource[c] * source[c] * scale
                c += 1
            }
        }
    }
}
