// The tower's average pooling: the mean of two neighbouring positions; an odd last one is dropped.

/// y[t] = (x[2t] + x[2t + 1]) / 2.
enum PairMean {
    /// - Parameters:
    ///   - x: (N, C).
    ///   - y: (⌊N/2⌋, C).
    static func forward(_ x: Matrix, y: Matrix) {
        precondition(y.rows == x.rows / 2 && y.columns == x.columns, "pooling \(x.rows) rows to \(y.rows)")
        for t in 0..<y.rows {
            let a = x.row(2 * t), b = x.row(2 * t + 1), target = y.row(t)
            for c in 0..<x.columns { target[c] = (a[c] + b[c]) / 2 }
        }
    }

    /// Adds to dx.
    static func backward(dx: Matrix, dy: Matrix) {
        precondition(dy.rows == dx.rows / 2 && dy.columns == dx.columns, "pooling \(dx.rows) rows to \(dy.rows)")
        for t in 0..<dy.rows {
            let a = dx.row(2 * t), b = dx.row(2 * t + 1), source = dy.row(t)
            for c in 0..<dx.columns {
                a[c] += source[c] / 2
                b[c] += source[c] / 2
            }
        }
    }
}
