// The tower's two convolutions over time, width 3 and padding 1, as products with unfolded inputs.

/// Unfolds a signal into rows of 3 · I columns, input channel by input channel as the weight (O, I, 3) is stored, so that
/// a convolution is `Linear`.
enum Convolution {
    static let width = 3

    /// columns[t, 3i + j] = x[i, stride · t + j − 1], 0 outside of x.
    ///
    /// - Parameters:
    ///   - x: (I, N), channels first: the log-mel as it is stored.
    ///   - columns: (positions, 3 · I).
    static func unfoldChannels(_ x: UnsafeBufferPointer<Float>, frames: Int, columns: Matrix) {
        let channels = columns.columns / width
        precondition(columns.columns == width * channels && x.count == channels * frames, "unfolding extents")
        for t in 0..<columns.rows {
            let row = columns.row(t)
            for i in 0..<channels {
                for j in 0..<width {
                    let frame = t + j - 1
                    row[width * i + j] = frame >= 0 && frame < frames ? x[i * frames + frame] : 0
                }
            }
        }
    }

    /// columns[t, 3i + j] = x[2t + j − 1, i], 0 outside of x.
    ///
    /// - Parameters:
    ///   - x: (N, I), positions first.
    ///   - columns: (positions, 3 · I).
    static func unfoldStrided(_ x: Matrix, columns: Matrix) {
        precondition(columns.columns == width * x.columns, "unfolding \(x.columns) channels")
        for t in 0..<columns.rows {
            let row = columns.row(t)
            for j in 0..<width {
                let position = 2 * t + j - 1
                if position >= 0, position < x.rows {
                    let source = x.row(position)
                    for i in 0..<x.columns { row[width * i + j] = source[i] }
                } else {
                    for i in 0..<x.columns { row[width * i + j] = 0 }
                }
            }
        }
    }

    /// dx[2t + j − 1, i] += dcolumns[t, 3i + j]: the twin of `unfoldStrided`.
    static func foldStrided(_ dColumns: Matrix, dx: Matrix) {
        precondition(dColumns.columns == width * dx.columns, "folding \(dx.columns) channels")
        for t in 0..<dColumns.rows {
            let row = dColumns.row(t)
            for j in 0..<width {
                let position = 2 * t + j - 1
                guard position >= 0, position < dx.rows else { continue }
                let target = dx.row(position)
                for i in 0..<dx.columns { target[i] += row[width * i + j] }
            }
        }
    }
}
