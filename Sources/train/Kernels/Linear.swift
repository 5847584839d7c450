// The linear layer, in every form that a projection can have. Weights are stored (outputs, inputs), as in PyTorch. All
// products with a model's weights are made here.

import PipelineKit

/// y = x · Wᵀ + b, with the projection's adapter added to W.
enum Linear {
    /// - Parameters:
    ///   - x: (T, I).
    ///   - y: (T, O), overwritten.
    ///   - firstRow: the number of x's first row, where x is a block of more rows; dropout depends on it.
    static func forward(_ x: Matrix, _ projection: Projection, y: Matrix, firstRow: Int = 0) {
        if x.rows == 0 { return }
        if let bias = projection.bias?.value {
            for t in 0..<y.rows { y.row(t).update(from: bias.base, count: y.columns) }
        }
        precondition(y.rows == x.rows && y.columns == projection.outputs, "linear extents")
        projection.weight.values.multiply(
            x, transposed: true, accumulating: projection.bias != nil, into: y, projection.workspace)
        forwardAdapter(x, projection, y: y, firstRow: firstRow)
    }

    /// Accumulates the gradients of what is trained and gives x's.
    ///
    /// - Parameters:
    ///   - dx: (T, I), or nil where x needs no gradient.
    ///   - accumulating: adds to dx instead of overwriting it.
    ///   - dy: (T, O).
    static func backward(
        _ x: Matrix, _ projection: Projection, dx: Matrix?, accumulating: Bool = false, dy: Matrix, firstRow: Int = 0
    ) {
        if dy.rows == 0 { return }
        if let dx {
            precondition(dx.rows == dy.rows && dy.columns == projection.outputs, "linear extents")
            projection.weight.values.multiply(dy, accumulating: accumulating, into: dx, projection.workspace)
        }
        if let dWeight = projection.weight.gradient { multiply(dy, transposeA: true, x, beta: 1, into: dWeight) }
        if let dBias = projection.bias?.gradient {
            for t in 0..<dy.rows { add(dy.row(t), to: dBias.base, count: dy.columns) }
        }
        backwardAdapter(x, projection, dx: dx, dy: dy, firstRow: firstRow)
    }

    // MARK: - The adapter

    /// y += scale · (dropout(x) · Aᵀ) · Bᵀ.
    private static func forwardAdapter(_ x: Matrix, _ projection: Projection, y: Matrix, firstRow: Int) {
        let workspace = projection.workspace
        guard let adapter = projection.adapter, workspace.appliesAdapters else { return }
        let input = dropped(x, adapter, workspace, firstRow: firstRow)
        let hidden = workspace.matrix(.hidden, x.rows, adapter.a.value.rows)  // (T, r)
        multiply(input, adapter.a.value, transposeB: true, into: hidden)
        multiply(hidden, adapter.b.value, transposeB: true, alpha: adapter.scale, beta: 1, into: y)
    }

    /// The hidden values are computed again: they cost r / O of the projection, and keeping them would cost memory in
    /// each layer.
    private static func backwardAdapter(_ x: Matrix, _ projection: Projection, dx: Matrix?, dy: Matrix, firstRow: Int) {
        let workspace = projection.workspace
        guard let adapter = projection.adapter, workspace.appliesAdapters else { return }
        let input = dropped(x, adapter, workspace, firstRow: firstRow)
        let hidden = workspace.matrix(.hidden, x.rows, adapter.a.value.rows)  // (T, r)
        let dHidden = workspace.matrix(.dHidden, x.rows, adapter.a.value.rows)
        multiply(dy, adapter.b.value, alpha: adapter.scale, into: dHidden)
        if let dB = adapter.b.gradient {
            multiply(input, adapter.a.value, transposeB: true, into: hidden)
            multiply(dy, transposeA: true, hidden, alpha: adapter.scale, beta: 1, into: dB)
        }
        if let dA = adapter.a.gradient { multiply(dHidden, transposeA: true, input, beta: 1, into: dA) }
        guard let dx else { return }
        guard let mask = mask(adapter, workspace) else { return multiply(dHidden, adapter.a.value, beta: 1, into: dx) }
        // The input's copy has served.
        let dInput = workspace.matrix(.dropped, x.rows, x.columns)
        multiply(dHidden, adapter.a.value, into: dInput)
        mask.forEachRow(x.rows, columns: x.columns, firstRow: firstRow) { t, factors in
            let source = dInput.row(t), target = dx.row(t)
            for c in 0..<x.columns { target[c] += source[c] * factors[c] }
        }
    }

    /// x itself where nothing is dropped.
    private static func dropped(
        _ x: Matrix, _ adapter: LowRankAdapter, _ workspace: LinearWorkspace, firstRow: Int
    ) -> Matrix {
        guard let mask = mask(adapter, workspace) else { return x }
        let input = workspace.matrix(.dropped, x.rows, x.columns)
        mask.forEachRow(x.rows, columns: x.columns, firstRow: firstRow) { t, factors in
            let source = x.row(t), target = input.row(t)
            for c in 0..<x.columns { target[c] = source[c] * factors[c] }
        }
        return input
    }

    private static func mask(_ adapter: LowRankAdapter, _ workspace: LinearWorkspace) -> DropoutMask? {
        guard adapter.dropout > 0, let place = workspace.dropoutPlace else { return nil }
        return DropoutMask(place, module: adapter.module, probability: adapter.dropout)
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
