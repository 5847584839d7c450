// One pass over a packed batch: embeddings, layers, heads, and back.

import PipelineKit

extension HiggsModel {
    /// Computes the losses and adds to the gradients those of
    /// `text_loss_weight · Σ text / normalizers.text + audio_loss_weight · Σw·(Σl / normalizers)/Σw`.
    ///
    /// - Parameters:
    ///   - batch: sequences of this model's `sequenceFormat`.
    ///   - normalizers: label counts of the whole optimizer step, accumulation included.
    ///   - dropout: where in the run the pass stands; nil: nothing is dropped.
    /// - Throws: `LossError` for a term without labels in the step, a missing text head, or a loss that is no number.
    func forwardBackward(
        _ batch: PackedBatch, loss: LossOptions, normalizers: LabelCounts, dropout: DropoutPlace? = nil
    ) throws -> LossSums {
        try checkTerms(loss)
        parameters.workspace.dropoutPlace = dropout
        defer { parameters.workspace.dropoutPlace = nil }
        let missing = loss.termsWithoutLabels(normalizers)
        guard missing.isEmpty else { throw LossError.noLabels(terms: missing) }
        let codebookScales = zip(loss.codebookScales(count: config.codebooks), normalizers.codebooks)
        let scales = OutputHeads.GradientScales(
            text: normalizers.text == 0 ? 0 : loss.textLossWeight / Float(normalizers.text),
            codebooks: codebookScales.map { scale, count in count == 0 ? 0 : scale / Float(count) })
        let plan = BatchPlan(batch, config: config)
        rope.prepare(positions: batch.longest)
        let memory = arena.place {
            PassMemory(self, plan: plan, purpose: usesGradientCheckpointing ? .checkpointed : .training, &$0)
        }
        forwardLayers(plan, memory)
        var labelLosses: LabelLosses?
        let dx = memory.dHidden
        var sums = heads.pass(
            memory.hidden(config.layers), dx: dx, plan: plan, config: config, smoothing: loss.labelSmoothing,
            scales: scales, scratch: memory.heads, labelLosses: &labelLosses)
        sums.countPositions(batch, targets: plan.targets, hasTextHead: config.hasTextHead)
        try sums.checkFinite(batch)
        for index in (lowestTrainedLayer..<max(lowestTrainedLayer, layers.count)).reversed() {
            if usesGradientCheckpointing { forwardLayer(index, plan, memory) }
            layers[index].backward(
                memory.hidden(index), dx: dx, plan: plan, rope: rope, attention: attention,
                activations: memory.activations(index), scratch: memory.scratch)
        }
        backwardEmbeddings(plan, memory)
        return sums
    }

    /// The losses alone.
    /// - Throws: `LossError` for a missing text head or a loss that is no number.
    func evaluate(_ batch: PackedBatch, loss: LossOptions) throws -> LossSums {
        var labelLosses: LabelLosses?
        return try evaluate(batch, loss: loss, labelLosses: &labelLosses)
    }

    /// The cross-entropy of every label, without smoothing; for probes.
    /// - Throws: `LossError` for a loss that is no number.
    func labelLosses(_ batch: PackedBatch) throws -> LabelLosses { try predict(batch).labels }

    /// The cross-entropy of every label and what is predicted in its place, without smoothing, and their sums.
    ///
    /// Teacher-forced: each prediction is made from the true ids and codes before it.
    /// - Throws: `LossError` for a loss that is no number.
    func predict(_ batch: PackedBatch) throws -> (sums: LossSums, labels: LabelLosses) {
        let empty = LabelLosses(targets: ShiftedTargets(batch))
        var labelLosses: LabelLosses? = empty
        let sums = try evaluate(batch, loss: LossOptions(textLossWeight: 0), labelLosses: &labelLosses)
        return (sums, labelLosses ?? empty)
    }

    /// Bytes of activations that a training pass over a batch takes, besides parameters and gradients.
    func activationBytes(_ batch: PackedBatch) -> Int {
        let plan = BatchPlan(batch, config: config)
        return arena.measure {
            PassMemory(self, plan: plan, purpose: usesGradientCheckpointing ? .checkpointed : .training, &$0)
        }
    }

    private func evaluate(
        _ batch: PackedBatch, loss: LossOptions, labelLosses: inout LabelLosses?
    ) throws -> LossSums {
        try checkTerms(loss)
        let plan = BatchPlan(batch, config: config)
        rope.prepare(positions: batch.longest)
        let memory = arena.place { PassMemory(self, plan: plan, purpose: .evaluation, &$0) }
        forwardLayers(plan, memory)
        var sums = heads.pass(
            memory.hidden(config.layers), dx: nil, plan: plan, config: config, smoothing: loss.labelSmoothing,
            scales: nil, scratch: memory.heads, labelLosses: &labelLosses)
        sums.countPositions(batch, targets: plan.targets, hasTextHead: config.hasTextHead)
        try sums.checkFinite(batch)
        return sums
    }

    private func checkTerms(_ loss: LossOptions) throws {
        if !config.hasTextHead, loss.textLossWeight != 0 { throw LossError.noTextHead }
    }

    // MARK: - The pieces

    /// Embeddings and all layers; `visit` sees each layer's input and the last output.
    func forwardLayers(_ plan: BatchPlan, _ memory: PassMemory, visit: (Matrix) -> Void = { _ in }) {
        forwardEmbeddings(plan, memory)
        for index in layers.indices {
            visit(memory.hidden(index))
            forwardLayer(index, plan, memory)
        }
        visit(memory.hidden(config.layers))
    }

    private func forwardLayer(_ index: Int, _ plan: BatchPlan, _ memory: PassMemory) {
        layers[index].forward(
            memory.hidden(index), y: memory.hidden(index + 1), plan: plan, config: config, rope: rope,
            attention: attention, activations: memory.activations(index), scratch: memory.scratch)
    }

    private func forwardEmbeddings(_ plan: BatchPlan, _ memory: PassMemory) {
        let x = memory.hidden(0)
        Embedding.forward(table: textEmbedding.values, ids: plan.textIDs, rows: plan.textRows, y: x)
        Embedding.forward(table: codeEmbedding.values, ids: plan.codeIDs, rows: plan.codeRows, y: x)
        if let tower, let towerPlan = memory.towerPlan, let activations = memory.tower {
            tower.forward(towerPlan, activations: activations)
            precondition(activations.output.rows == plan.featureRows.count, "features do not match their positions")
            for (i, row) in plan.featureRows.enumerated() {
                x.row(Int(row)).update(from: activations.output.row(i), count: x.columns)
            }
        } else {
            precondition(plan.featureRows.isEmpty, "feature positions without a tower")
        }
    }

    private func backwardEmbeddings(_ plan: BatchPlan, _ memory: PassMemory) {
        let dx = memory.dHidden
        if let dTable = textEmbedding.gradient {
            Embedding.backward(dTable: dTable, ids: plan.textIDs, rows: plan.textRows, dy: dx)
        }
        if let dTable = codeEmbedding.gradient {
            Embedding.backward(dTable: dTable, ids: plan.codeIDs, rows: plan.codeRows, dy: dx)
        }
        if let tower, tower.isTrained, let towerPlan = memory.towerPlan, let activations = memory.tower {
            Rows.gather(dx, rows: plan.featureRows, packed: activations.dOutput)
            tower.backward(towerPlan, activations: activations)
        }
    }
}

extension LossSums {
    /// Counts the positions from which something is predicted, and the others, by what stands there.
    mutating func countPositions(_ batch: PackedBatch, targets: ShiftedTargets, hasTextHead: Bool) {
        for kind in batch.kinds { positions[kind, default: PositionCounts()].masked += 1 }
        for row in (hasTextHead ? targets.textRows : []) + targets.audioRows {
            let kind = batch.kinds[Int(row)]
            positions[kind, default: PositionCounts()].masked -= 1
            positions[kind, default: PositionCounts()].trained += 1
        }
    }

    func checkFinite(_ batch: PackedBatch) throws {
        let samples = batch.sequences.map(\.id)
        if !text.isFinite { throw LossError.notFinite(term: "text", samples: samples) }
        for (k, sum) in codebooks.enumerated() where !sum.isFinite {
            throw LossError.notFinite(term: "codebook \(k)", samples: samples)
        }
    }
}
