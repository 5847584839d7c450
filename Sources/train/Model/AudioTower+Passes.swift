// The tower's forward and backward pass, in mirrored order. Follows the original Higgs Audio v2 encoder, which is
// transformers 4.46's Whisper encoder with a mask, pooling before the last norm, and the projector behind it.

extension AudioTower {
    /// Leaves the projected features in `activations.output`, (pooled, C).
    func forward(_ plan: TowerPlan, activations a: AudioTowerActivations) {
        for (number, chunk) in plan.chunks.enumerated() {
            let range = plan.starts[number]..<plan.starts[number + 1]
            let fine = 2 * range.lowerBound..<2 * range.upperBound
            chunk.mel.withUnsafeBufferPointer {
                Convolution.unfoldChannels($0, frames: chunk.frames, columns: a.columns1.rows(fine))
            }
        }
        Linear.forward(a.columns1, conv1, y: a.convolved1)
        GELU.forward(a.convolved1, y: a.activated1)
        forEachChunk(plan) { range in
            let fine = 2 * range.lowerBound..<2 * range.upperBound
            Convolution.unfoldStrided(a.activated1.rows(fine), columns: a.columns2.rows(range))
        }
        Linear.forward(a.columns2, conv2, y: a.convolved2)
        GELU.forward(a.convolved2, y: a.embedded)
        forEachChunk(plan) { range in
            Rows.accumulate(positions.rows(0..<range.count), into: a.embedded.rows(range))
        }
        var x = a.embedded
        for (layer, activations) in zip(layers, a.layers) {
            forward(layer, x, plan: plan, activations, scores: a.scores)
            x = activations.output
        }
        for number in plan.chunks.indices {
            PairMean.forward(
                x.rows(plan.starts[number]..<plan.starts[number + 1]),
                y: a.pooled.rows(plan.pooledStarts[number]..<plan.pooledStarts[number + 1]))
        }
        LayerNorm.forward(
            a.pooled, weight: norm.weight.value, bias: norm.bias.value, y: a.normalized, statistics: a.statistics)
        Linear.forward(a.normalized, projector, y: a.output)
    }

    /// Takes the features' gradient from `activations.dOutput`.
    func backward(_ plan: TowerPlan, activations a: AudioTowerActivations) {
        Linear.backward(
            a.normalized, projector, dx: a.dNormalized, dy: a.dOutput)
        a.dPooled.fill(0)
        LayerNorm.backward(
            a.pooled, weight: norm.weight, bias: norm.bias, statistics: a.statistics, dx: a.dPooled,
            dy: a.dNormalized)
        a.dx.fill(0)
        for number in plan.chunks.indices {
            PairMean.backward(
                dx: a.dx.rows(plan.starts[number]..<plan.starts[number + 1]),
                dy: a.dPooled.rows(plan.pooledStarts[number]..<plan.pooledStarts[number + 1]))
        }
        for index in layers.indices.reversed() {
            let x = index == 0 ? a.embedded : a.layers[index - 1].output
            backward(layers[index], x, plan: plan, a.layers[index], shared: a)
        }
        // The positions are not trained.
        GELU.backward(a.convolved2, dy: a.dx)
        Linear.backward(a.columns2, conv2, dx: a.dColumns2, dy: a.dx)
        a.dActivated1.fill(0)
        forEachChunk(plan) { range in
            let fine = 2 * range.lowerBound..<2 * range.upperBound
            Convolution.foldStrided(a.dColumns2.rows(range), dx: a.dActivated1.rows(fine))
        }
        GELU.backward(a.convolved1, dy: a.dActivated1)
        Linear.backward(a.columns1, conv1, dx: nil, dy: a.dActivated1)
    }

    private func forward(
        _ layer: Layer, _ x: Matrix, plan: TowerPlan, _ a: AudioTowerActivations.Layer, scores: Matrix
    ) {
        LayerNorm.forward(
            x, weight: layer.attentionNorm.weight.value, bias: layer.attentionNorm.bias.value, y: a.normalized,
            statistics: a.attentionStatistics)
        Linear.forward(a.normalized, layer.query, y: a.q)
        Linear.forward(a.normalized, layer.key, y: a.k)
        Linear.forward(a.normalized, layer.value, y: a.v)
        attention.forward(
            q: a.q, k: a.k, v: a.v, starts: plan.starts, y: a.attended, logSums: a.logSums, scores: scores)
        Linear.forward(a.attended, layer.output, y: a.middle)
        Rows.accumulate(x, into: a.middle)
        LayerNorm.forward(
            a.middle, weight: layer.finalNorm.weight.value, bias: layer.finalNorm.bias.value, y: a.middleNormalized,
            statistics: a.finalStatistics)
        Linear.forward(
            a.middleNormalized, layer.expand, y: a.expanded)
        GELU.forward(a.expanded, y: a.activated)
        Linear.forward(
            a.activated, layer.contract, y: a.output)
        Rows.accumulate(a.middle, into: a.output)
    }

    /// Turns `shared.dx`, which arrives as the gradient of the layer's output, into that of its input.
    private func backward(
        _ layer: Layer, _ x: Matrix, plan: TowerPlan, _ a: AudioTowerActivations.Layer,
        shared s: AudioTowerActivations
    ) {
        Linear.backward(
            a.activated, layer.contract, dx: s.dExpanded, dy: s.dx)
        GELU.backward(a.expanded, dy: s.dExpanded)
        Linear.backward(
            a.middleNormalized, layer.expand, dx: s.dLayer, dy: s.dExpanded)
        LayerNorm.backward(
            a.middle, weight: layer.finalNorm.weight, bias: layer.finalNorm.bias, statistics: a.finalStatistics,
            dx: s.dx, dy: s.dLayer)
        Linear.backward(
            a.attended, layer.output, dx: s.dAttended, dy: s.dx)
        attention.backward(
            q: a.q, k: a.k, v: a.v, starts: plan.starts, y: a.attended, logSums: a.logSums, dq: s.dq, dk: s.dk,
            dv: s.dv, dy: s.dAttended, scores: s.scores, dScores: s.dScores)
        Linear.backward(a.normalized, layer.value, dx: s.dLayer, dy: s.dv)
        Linear.backward(a.normalized, layer.key, dx: s.dLayer, accumulating: true, dy: s.dk)
        Linear.backward(
            a.normalized, layer.query, dx: s.dLayer, accumulating: true,
            dy: s.dq)
        LayerNorm.backward(
            x, weight: layer.attentionNorm.weight, bias: layer.attentionNorm.bias,
            statistics: a.attentionStatistics, dx: s.dx, dy: s.dLayer)
    }

    private func forEachChunk(_ plan: TowerPlan, _ body: (Range<Int>) -> Void) {
        for (start, end) in zip(plan.starts, plan.starts.dropFirst()) { body(start..<end) }
    }
}
