// Layer normalisation (Ba et al., arXiv 1607.06450), of the audio tower.

/// y = (x − mean) / √(variance + ε) · w + b.
enum LayerNorm {
    /// ε of the tower's norms (PyTorch's default).
    static let epsilon: Float = 1e-5

    /// - Parameters:
    ///   - x: (T, C).
    ///   - weight, bias: (1, C).
    ///   - y: (T, C).
    ///   - statistics: (T, 2), mean and 1 / √(variance + ε) of each row.
    static func forward(_ x: Matrix, weight: Matrix, bias: Matrix, y: Matrix, statistics: Matrix) {
        let count = x.columns
        precondition(weight.count == count && bias.count == count, "layer norm of \(count) columns")
        precondition(y.count == x.count && statistics.count == 2 * x.rows, "layer norm extents")
        for t in 0..<x.rows {
            let source = x.row(t), target = y.row(t)
            var sum: Float = 0
            for c in 0..<count { sum += source[c] }
            let mean = sum / Float(count)
            var squares: Float = 0
            for c in 0..<count { squares += (source[c] - mean) * (source[c] - mean) }
            let scale = 1 / (squares / Float(count) + epsilon).squareRoot()
            for c in 0..<count { target[c] = (source[c] - mean) * scale * weight.base[c] + bias.base[c] }
            statistics.row(t)[0] = mean
            statistics.row(t)[1] = scale
        }
    }

    /// Adds to dx and to the gradients of weight and bias.
    ///
    /// With x̂ the normalised row and g = dy · w: dx = scale · (g − mean(g) − x̂ · mean(g · x̂)).
    static func backward(
        _ x: Matrix, weight: Parameter, bias: Parameter, statistics: Matrix, dx: Matrix, dy: Matrix
    ) {
        let count = x.columns
        precondition(weight.value.count == count && bias.value.count == count, "layer norm of \(count) columns")
        precondition(
            dx.count == x.count && dy.count == x.count && statistics.count == 2 * x.rows, "layer norm extents")
        let w = weight.value.base
        for t in 0..<x.rows {
            let source = x.row(t), dTarget = dx.row(t), dSource = dy.row(t)
            let mean = statistics.row(t)[0], scale = statistics.row(t)[1]
            var sum: Float = 0, projected: Float = 0
            for c in 0..<count {
                let g = dSource[c] * w[c]
                sum += g
                projected += g * (source[c] - mean) * scale
            }
            let meanG = sum / Float(count), meanProjected = projected / Float(count)
            for c in 0..<count {
                let normalized = (source[c] - mean) * scale
                dTarget[c] += scale * (dSource[c] * w[c] - meanG - normalized * meanProjected)
            }
            if let dw = weight.gradient?.base {
                for c in 0..<count { dw[c] += dSource[c] * (source[c] - mean) * scale }
            }
            if let db = bias.gradient?.base {
                for c in 0..<count { db[c] += dSource[c] }
            }
        }
    }
}
