// All activations of one pass, laid out in one arena.

/// The matrices of a pass.
struct PassMemory {
    enum Purpose {
        /// Everything that the backward pass needs.
        case training
        /// The same, but only the layers' inputs are kept; their inside is computed again.
        case checkpointed
        /// Losses alone.
        case evaluation
    }

    let towerPlan: TowerPlan?
    let tower: AudioTowerActivations?
    /// Inputs of the layers and the last output: one each for training, two that take turns for evaluation.
    private let hidden: [Matrix]  // (T, C)
    private let layerActivations: [DecoderLayerActivations]
    let scratch: DecoderScratch
    let heads: OutputHeadsScratch
    /// The gradient of the residual stream; empty without training.
    let dHidden: Matrix  // (T, C)

    init(_ model: HiggsModel, plan: BatchPlan, purpose: Purpose, _ arena: inout ArenaCursor) {
        let config = model.config
        let isTraining = purpose != .evaluation
        let towerPlan = plan.chunks.isEmpty ? nil : TowerPlan(plan.chunks)
        self.towerPlan = towerPlan
        if let towerPlan, let tower = config.tower, let attention = model.tower?.attention {
            self.tower = AudioTowerActivations(
                tower, attention: attention, plan: towerPlan, decoderWidth: config.width, isTraining: isTraining, &arena
            )
        } else {
            tower = nil
        }
        var hidden: [Matrix] = []
        for _ in 0...(isTraining ? config.layers : 1) { hidden.append(arena.matrix(plan.rows, config.width)) }
        self.hidden = hidden
        var layerActivations: [DecoderLayerActivations] = []
        let gateCounts = model.layers.map { $0.gateCount(plan) }
        let most = gateCounts.max() ?? 0
        for count in purpose == .training ? gateCounts : [most] {
            layerActivations.append(DecoderLayerActivations(gateCount: count, plan: plan, config: config, &arena))
        }
        self.layerActivations = layerActivations
        scratch = DecoderScratch(
            gateCount: most, plan: plan, config: config, attention: model.attention, isTraining: isTraining, &arena)
        heads = OutputHeadsScratch(model.heads, plan: plan, isTraining: isTraining, &arena)
        dHidden = arena.matrix(isTraining ? plan.rows : 0, config.width)
    }

    /// The input of a layer; at the number of layers, the last one's output.
    func hidden(_ layer: Int) -> Matrix { hidden[layer % hidden.count] }

    /// The inside of a layer.
    func activations(_ layer: Int) -> DecoderLayerActivations { layerActivations[layer % layerActivations.count] }
}
