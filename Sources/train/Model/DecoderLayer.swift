// One layer of the decoder: attention over all rows, then the feed-forward; in a dual layer code rows have norms and a
// feed-forward of their own. Forward and backward are twins; gradients are accumulated.

/// The tensors of a decoder layer.
struct DecoderLayer {
    /// down(silu(gate(x)) · up(x)).
    struct FeedForward {
        let gate: Projection  // (F, C)
        let up: Projection  // (F, C)
        let down: Projection  // (C, F)

        var width: Int { gate.outputs }
    }

    /// The rows of one kind: their norms, their feed-forward.
    struct Branch {
        let inputNorm: Parameter  // (1, C)
        let postNorm: Parameter  // (1, C)
        let feedForward: FeedForward
    }

    let query: Projection  // (H · D, C)
    let key: Projection  // (G · D, C)
    let value: Projection  // (G · D, C)
    let output: Projection  // (C, H · D)
    let text: Branch
    /// nil in a layer that is not dual: all rows take the text branch.
    let audio: Branch?

    init(_ index: Int, of parameters: ParameterStore, isDual: Bool) {
        func tensor(_ tensor: ParameterKey.LayerTensor) -> Parameter { parameters[.layer(index, tensor)] }
        func projection(_ tensor: ParameterKey.LayerTensor) -> Projection {
            parameters.projection(.layer(index, tensor))
        }
        query = projection(.query)
        key = projection(.key)
        value = projection(.value)
        output = projection(.output)
        text = Branch(
            inputNorm: tensor(.inputNorm), postNorm: tensor(.postNorm),
            feedForward: FeedForward(gate: projection(.gate), up: projection(.up), down: projection(.down)))
        audio =
            isDual
            ? Branch(
                inputNorm: tensor(.audioInputNorm), postNorm: tensor(.audioPostNorm),
                feedForward: FeedForward(
                    gate: projection(.audioGate), up: projection(.audioUp), down: projection(.audioDown)))
            : nil
    }

    /// The rows that one branch takes.
    struct BranchRows {
        let branch: Branch
        let rows: [Int32]
        /// The first of its packed rows.
        let first: Int
        /// The first of its values among the gates of the layer.
        let firstGate: Int

        var gateCount: Int { rows.count * branch.feedForward.width }

        /// The branch's part of a (T, C) matrix of packed rows.
        func packed(_ matrix: Matrix) -> Matrix { matrix.rows(first..<first + rows.count) }

        /// The branch's part of the layer's gates, or of any matrix of as many values.
        func gates(_ matrix: Matrix) -> Matrix {
            precondition(firstGate + gateCount <= matrix.count, "gates of \(rows.count) rows do not fit")
            return Matrix(base: matrix.base + firstGate, rows: rows.count, columns: branch.feedForward.width)
        }
    }

    /// The branches with their rows: text first.
    func branches(_ plan: BatchPlan) -> [BranchRows] {
        guard let audio else { return [BranchRows(branch: text, rows: plan.allRows, first: 0, firstGate: 0)] }
        let plain = BranchRows(branch: text, rows: plan.plainRows, first: 0, firstGate: 0)
        return [
            plain,
            BranchRows(branch: audio, rows: plan.codeRows, first: plan.plainRows.count, firstGate: plain.gateCount),
        ]
    }

    /// Values of the gates of all rows.
    func gateCount(_ plan: BatchPlan) -> Int { branches(plan).reduce(0) { $0 + $1.gateCount } }
}

/// What the backward pass of a layer needs from its forward pass.
struct DecoderLayerActivations {
    let inputInverse: Matrix  // (1, T)
    let normalized: Matrix  // (T, C)
    let q: Matrix  // (T, H · D)
    let k: Matrix  // (T, G · D)
    let v: Matrix  // (T, G · D)
    let attended: Matrix  // (T, H · D)
    let logSums: Matrix  // (T, H)
    /// The residual stream behind attention.
    let middle: Matrix  // (T, C)
    let postInverse: Matrix  // (1, T)
    /// The text rows, then the code rows.
    let packed: Matrix  // (T, C)
    /// Branch by branch, see `BranchRows.gates`.
    let gate: Matrix  // (1, rows · F of both branches)
    let up: Matrix  // (1, rows · F of both branches)

    /// - Parameter gateCount: the most values that the gates of a layer computed here have.
    init(gateCount: Int, plan: BatchPlan, config: ModelConfig, _ arena: inout ArenaCursor) {
        let rows = plan.rows
        inputInverse = arena.matrix(1, rows)
        normalized = arena.matrix(rows, config.width)
        q = arena.matrix(rows, config.heads * config.headWidth)
        k = arena.matrix(rows, config.keyValueHeads * config.headWidth)
        v = arena.matrix(rows, config.keyValueHeads * config.headWidth)
        attended = arena.matrix(rows, config.heads * config.headWidth)
        logSums = arena.matrix(rows, config.heads)
        middle = arena.matrix(rows, config.width)
        postInverse = arena.matrix(1, rows)
        packed = arena.matrix(rows, config.width)
        gate = arena.matrix(1, gateCount)
        up = arena.matrix(1, gateCount)
    }
}

/// Memory that all layers share.
struct DecoderScratch {
    let scores: Matrix
    /// The gated products.
    let product: Matrix  // as the gates
    let feedForwardOutput: Matrix  // (T, C)
    // The rest is for the backward pass alone.
    let dScores: Matrix
    let dProduct: Matrix  // as the gates
    let dPacked: Matrix  // (T, C)
    let dNormalized: Matrix  // (T, C)
    let dAttended: Matrix  // (T, H · D)
    let dq: Matrix  // (T, H · D)
    let dk: Matrix  // (T, G · D)
    let dv: Matrix  // (T, G · D)

    /// - Parameter isTraining: false leaves the backward pass's part empty.
    init(
        gateCount: Int, plan: BatchPlan, config: ModelConfig, attention: Attention, isTraining: Bool,
        _ arena: inout ArenaCursor
    ) {
        let score = attention.scoreExtents(starts: plan.starts)
        let rows = isTraining ? plan.rows : 0
        scores = arena.matrix(score.rows, score.columns)
        product = arena.matrix(1, gateCount)
        feedForwardOutput = arena.matrix(plan.rows, config.width)
        dScores = arena.matrix(isTraining ? score.rows : 0, score.columns)
        dProduct = arena.matrix(1, isTraining ? gateCount : 0)
        dPacked = arena.matrix(rows, config.width)
        dNormalized = arena.matrix(rows, config.width)
        dAttended = arena.matrix(rows, config.heads * config.headWidth)
        dq = arena.matrix(rows, config.heads * config.headWidth)
        dk = arena.matrix(rows, config.keyValueHeads * config.headWidth)
        dv = arena.matrix(rows, config.keyValueHeads * config.headWidth)
    }
}
