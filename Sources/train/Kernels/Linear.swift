// The linear layer. Weights are stored (outputs, inputs), as in PyTorch.

/// y = x · Wᵀ + b.
enum Linear {
    /// - Parameters:
    ///   - x: (T, I).
    ///   - weight: (O, I).
    ///   - bias: (1, O), or nil.
    ///   - y: (T, O), overwritten.
    static func forward(_ x: Matrix, weight: Matrix, bias: Matrix? = nil, y: Matrix) {
        if let bias {
            precondition(bias.count == y.columns, "a bias of \(bias.count) for \(y.columns) outputs")
            for t in 0..<y.rows { y.row(t).update(from: bias.base, count: y.columns) }
        }
        multiply(x, weight, transposeB: true, beta: bias == nil ? 0 : 1, into: y)
    }

    /// Accumulates the weight's and bias's gradients and gives x's.
    ///
    /// - Parameters:
    ///   - dx: (T, I), or nil where x needs no gradient.
    ///   - accumulating: adds to dx instead of overwriting it.
    ///   - dy: (T, O).
    static func backward(
        _ x: Matrix, weight: Parameter, bias: Parameter? = nil, dx: Matrix?, accumulating: Bool = false, dy: Matrix
    ) {
        if let dx { multiply(dy, weight.value, beta: accumulating ? 1 : 0, into: dx) }
        if let dWeight = weight.gradient { multiply(dy, transposeA: true, x, beta: 1, into: dWeight) }
        if let dBias = bias?.gradient {
            precondition(dBias.count == dy.columns, "a bias of \(dBias.count) for \(dy.columns) outputs")
            for t in 0..<dy.rows { add(dy.row(t), to: dBias.base, count: dy.columns) }
        }
    }
}

/// target += source.
@inline(__always)
func add(_ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, count: Int) {
    var i = 0
    while i + 16 <= count {
        store(Lanes(at: target + i) + Lanes(at: source + i), target + i)
        i += 16
    }
    while i < count {
        target[i] += source[i]
        i += 1
    }
}
