// A decoder layer's forward and backward pass, in mirrored order.

extension DecoderLayer {
    /// - Parameters:
    ///   - x: (T, C), the residual stream before the layer.
    ///   - y: (T, C), the one behind it.
    func forward(
        _ x: Matrix, y: Matrix, plan: BatchPlan, config: ModelConfig, rope: RoPE, attention: Attention,
        activations a: DecoderLayerActivations, scratch: DecoderScratch
    ) {
        let branches = branches(plan)
        for part in branches {
            RMSNorm.forward(
                x, rows: part.rows, weight: part.branch.inputNorm.value, epsilon: config.normEpsilon, y: a.normalized,
                placement: .kept, inverse: a.inputInverse)
        }
        Linear.forward(a.normalized, query, y: a.q)
        Linear.forward(a.normalized, key, y: a.k)
        Linear.forward(a.normalized, value, y: a.v)
        rope.forward(a.q, starts: plan.starts)
        rope.forward(a.k, starts: plan.starts)
        attention.forward(
            q: a.q, k: a.k, v: a.v, starts: plan.starts, y: a.attended, logSums: a.logSums, scores: scratch.scores)
        Linear.forward(a.attended, output, y: a.middle)
        Rows.accumulate(x, into: a.middle)
        y.base.update(from: a.middle.base, count: y.count)
        for part in branches where !part.rows.isEmpty {
            let feedForward = part.branch.feedForward
            RMSNorm.forward(
                a.middle, rows: part.rows, weight: part.branch.postNorm.value, epsilon: config.normEpsilon, y: a.packed,
                placement: .packed(from: part.first), inverse: a.postInverse)
            let input = part.packed(a.packed), output = part.packed(scratch.feedForwardOutput)
            let gate = part.gates(a.gate), up = part.gates(a.up), product = part.gates(scratch.product)
            Linear.forward(input, feedForward.gate, y: gate)
            Linear.forward(input, feedForward.up, y: up)
            SwiGLU.forward(gate: gate, up: up, y: product)
            Linear.forward(product, feedForward.down, y: output)
            Rows.scatterAdd(output, rows: part.rows, y: y)
        }
    }

    /// Turns dx, which arrives as the gradient of `y`, into that of `x`. Overwrites parts of the activations.
    func backward(
        _ x: Matrix, dx: Matrix, plan: BatchPlan, rope: RoPE, attention: Attention,
        activations a: DecoderLayerActivations, scratch s: DecoderScratch
    ) {
        let branches = branches(plan)
        for part in branches where !part.rows.isEmpty {
            let feedForward = part.branch.feedForward
            let input = part.packed(a.packed), dInput = part.packed(s.dNormalized)
            let dOutput = part.packed(s.dPacked)
            let gate = part.gates(a.gate), up = part.gates(a.up)
            let product = part.gates(s.product), dProduct = part.gates(s.dProduct)
            Rows.gather(dx, rows: part.rows, packed: dOutput)
            // down's weight gradient needs its input, which the gates still hold.
            SwiGLU.forward(gate: gate, up: up, y: product)
            Linear.backward(product, feedForward.down, dx: dProduct, dy: dOutput)
            SwiGLU.backward(gate: gate, up: up, y: product, dy: dProduct)
            Linear.backward(input, feedForward.up, dx: dInput, dy: up)
            Linear.backward(input, feedForward.gate, dx: dInput, accumulating: true, dy: gate)
            RMSNorm.backward(
                a.middle, rows: part.rows, weight: part.branch.postNorm, inverse: a.postInverse, dx: dx,
                dy: s.dNormalized,
                placement: .packed(from: part.first))
        }
        // dx is the gradient of `middle` now.
        Linear.backward(a.attended, output, dx: s.dAttended, dy: dx)
        attention.backward(
            q: a.q, k: a.k, v: a.v, starts: plan.starts, y: a.attended, logSums: a.logSums, dq: s.dq, dk: s.dk,
            dv: s.dv, dy: s.dAttended, scores: s.scores, dScores: s.dScores)
        rope.backward(s.dq, starts: plan.starts)
        rope.backward(s.dk, starts: plan.starts)
        Linear.backward(a.normalized, value, dx: s.dNormalized, dy: s.dv)
        Linear.backward(a.normalized, key, dx: s.dNormalized, accumulating: true, dy: s.dk)
        Linear.backward(a.normalized, query, dx: s.dNormalized, accumulating: true, dy: s.dq)
        for part in branches {
            RMSNorm.backward(
                x, rows: part.rows, weight: part.branch.inputNorm, inverse: a.inputInverse, dx: dx, dy: s.dNormalized,
                placement: .kept)
        }
    }
}
