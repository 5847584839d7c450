// Everything that a pass computes, copied out: for the comparison with a reference and for probes. Slow and large.

import PipelineKit

/// The states of one forward pass.
struct ModelStates {
    /// The projector's output for each chunk.
    var tower: [[Float]] = []  // chunks of (positions, C)
    /// The input of each layer, then the last layer's output.
    var hidden: [[Float]] = []  // layers + 1 of (T, C)
    /// Behind the final norm.
    var final: [Float] = []  // (T, C)
    /// At every position; empty without a text head.
    var textLogits: [Float] = []  // (T, V)
    /// At every position.
    var audioLogits: [Float] = []  // (T, Q · (K + 2))
}

extension HiggsModel {
    /// Computes the states of a batch at every position.
    func states(_ batch: PackedBatch) -> ModelStates {
        let plan = BatchPlan(batch, config: config)
        rope.prepare(positions: batch.longest)
        typealias Layout = (memory: PassMemory, inverse: Matrix, final: Matrix, text: Matrix, audio: Matrix)
        let layout: Layout = arena.place { arena in
            (
                PassMemory(self, plan: plan, purpose: .evaluation, &arena), arena.matrix(1, plan.rows),
                arena.matrix(plan.rows, config.width),
                arena.matrix(config.hasTextHead ? plan.rows : 0, config.vocabularySize),
                arena.matrix(plan.rows, config.codebooks * config.codebookClasses)
            )
        }
        var states = ModelStates()
        forwardLayers(plan, layout.memory) { states.hidden.append($0.values) }
        if let towerPlan = layout.memory.towerPlan, let tower = layout.memory.tower {
            states.tower = zip(towerPlan.pooledStarts, towerPlan.pooledStarts.dropFirst()).map {
                tower.output.rows($0..<$1).values
            }
        }
        RMSNorm.forward(
            layout.memory.hidden(config.layers), rows: plan.allRows, weight: heads.norm.value,
            epsilon: config.normEpsilon, y: layout.final, placement: .kept, inverse: layout.inverse)
        states.final = layout.final.values
        if let text = heads.text {
            Linear.forward(layout.final, text, y: layout.text)
            states.textLogits = layout.text.values
        }
        Linear.forward(layout.final, heads.audio, y: layout.audio)
        states.audioLogits = layout.audio.values
        return states
    }
}
