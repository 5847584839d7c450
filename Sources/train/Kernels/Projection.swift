// What stands in the place of a linear layer's weight: a trained tensor, a frozen one in the type of its file, and on top
// of either a low-rank adapter (Hu et al., arXiv 2106.09685; peft 0.21, tuners/lora/layer.py).

import PipelineKit

/// A matrix of the model: its values, and gradients where it is trained.
struct Weight {
    let values: StoredMatrix
    /// nil for a matrix that is not trained.
    let gradient: Matrix?

    init(values: StoredMatrix, gradient: Matrix? = nil) {
        precondition(
            gradient.map { $0.rows == values.rows && $0.columns == values.columns } ?? true, "gradient extents")
        self.values = values
        self.gradient = gradient
    }

    /// A tensor that is held as floats.
    init(_ parameter: Parameter) { self.init(values: StoredMatrix(parameter.value), gradient: parameter.gradient) }

    var rows: Int { values.rows }
    var columns: Int { values.columns }
}

/// ΔW = scale · B · A, trained in place of W.
struct LowRankAdapter {
    let a: Parameter  // (r, I)
    let b: Parameter  // (O, r)
    /// alpha / r, or alpha / √r.
    let scale: Float
    /// The probability with which a value of the adapter's input is left out in training.
    let dropout: Float
    /// The module among all of the model, whichever have adapters: its stream of dropout.
    let module: UInt64
}

/// y = x · (W + scale · B · A)ᵀ + bias.
struct Projection {
    let weight: Weight  // (O, I)
    let bias: Parameter?  // (1, O)
    let adapter: LowRankAdapter?
    let workspace: LinearWorkspace

    init(_ weight: Weight, bias: Parameter? = nil, adapter: LowRankAdapter? = nil, workspace: LinearWorkspace) {
        precondition(bias.map { $0.value.count == weight.rows } ?? true, "a bias for \(weight.rows) outputs")
        if let adapter {
            precondition(
                adapter.a.value.columns == weight.columns && adapter.b.value.rows == weight.rows
                    && adapter.a.value.rows == adapter.b.value.columns, "adapter extents")
        }
        self.weight = weight
        self.bias = bias
        self.adapter = adapter
        self.workspace = workspace
    }

    /// O.
    var outputs: Int { weight.rows }
}
