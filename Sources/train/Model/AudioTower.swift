// The audio tower: Whisper's encoder over a reference's log-mel, average pooling, and the projector to the decoder's
// width. Only valid positions are computed: those beyond are masked as keys, and the convolutions reach two frames.

/// The tensors of the tower.
struct AudioTower {
    struct Layer {
        let attentionNorm: (weight: Parameter, bias: Parameter)
        let query: Projection
        let key: Projection
        let value: Projection
        let output: Projection
        let finalNorm: (weight: Parameter, bias: Parameter)
        let expand: Projection
        let contract: Projection

        init(_ index: Int, of parameters: ParameterStore) {
            func tensor(_ tensor: ParameterKey.TowerLayerTensor) -> Parameter { parameters[.towerLayer(index, tensor)] }
            func projection(
                _ tensor: ParameterKey.TowerLayerTensor, bias: ParameterKey.TowerLayerTensor? = nil
            ) -> Projection {
                parameters.projection(.towerLayer(index, tensor), bias: bias.map { .towerLayer(index, $0) })
            }
            attentionNorm = (tensor(.attentionNormWeight), tensor(.attentionNormBias))
            query = projection(.queryWeight, bias: .queryBias)
            key = projection(.keyWeight)
            value = projection(.valueWeight, bias: .valueBias)
            output = projection(.outputWeight, bias: .outputBias)
            finalNorm = (tensor(.finalNormWeight), tensor(.finalNormBias))
            expand = projection(.expandWeight, bias: .expandBias)
            contract = projection(.contractWeight, bias: .contractBias)
        }
    }

    let conv1: Projection  // (W, 3 · M)
    let conv2: Projection  // (W, 3 · W)
    let positions: Matrix  // (1,500, W)
    let layers: [Layer]
    let norm: (weight: Parameter, bias: Parameter)
    let projector: Projection  // (C, W)
    let attention: Attention
    /// Whether a backward pass has any gradient to give here.
    let isTrained: Bool

    init(_ tower: ModelConfig.Tower, of parameters: ParameterStore) {
        func tensor(_ tensor: ParameterKey.TowerTensor) -> Parameter { parameters[.tower(tensor)] }
        func projection(_ tensor: ParameterKey.TowerTensor, bias: ParameterKey.TowerTensor) -> Projection {
            parameters.projection(.tower(tensor), bias: .tower(bias))
        }
        conv1 = projection(.conv1Weight, bias: .conv1Bias)
        conv2 = projection(.conv2Weight, bias: .conv2Bias)
        positions = tensor(.positions).value
        layers = (0..<tower.layers).map { Layer($0, of: parameters) }
        norm = (tensor(.normWeight), tensor(.normBias))
        projector = projection(.projectorWeight, bias: .projectorBias)
        attention = Attention(
            heads: tower.heads, keyValueHeads: tower.heads, headWidth: tower.width / tower.heads, isCausal: false)
        isTrained = parameters.entries.contains { $0.isTrained && $0.key.group == .tower }
    }
}

/// How the chunks of a pass lie side by side. N: positions of all chunks behind the convolutions.
struct TowerPlan {
    let chunks: [TowerChunk]
    /// Where each chunk starts among the N positions, and the end.
    let starts: [Int]
    /// Where each chunk starts among the pooled positions, and the end.
    let pooledStarts: [Int]

    /// At least one chunk.
    init(_ chunks: [TowerChunk]) {
        self.chunks = chunks
        var starts = [0], pooledStarts = [0]
        for chunk in chunks {
            starts.append(starts[starts.count - 1] + chunk.positions)
            pooledStarts.append(pooledStarts[pooledStarts.count - 1] + chunk.featurePositions)
        }
        self.starts = starts
        self.pooledStarts = pooledStarts
    }

    var positions: Int { starts[starts.count - 1] }
    var pooled: Int { pooledStarts[pooledStarts.count - 1] }
}

/// What the tower's backward pass needs from its forward pass. W is the tower's width.
struct AudioTowerActivations {
    struct Layer {
        let attentionStatistics: Matrix  // (N, 2)
        let normalized: Matrix  // (N, W)
        let q: Matrix  // (N, W)
        let k: Matrix  // (N, W)
        let v: Matrix  // (N, W)
        let attended: Matrix  // (N, W)
        let logSums: Matrix  // (N, H)
        let middle: Matrix  // (N, W)
        let finalStatistics: Matrix  // (N, 2)
        let middleNormalized: Matrix  // (N, W)
        let expanded: Matrix  // (N, F)
        let activated: Matrix  // (N, F)
        let output: Matrix  // (N, W)

        fileprivate init(_ tower: ModelConfig.Tower, positions n: Int, _ arena: inout ArenaCursor) {
            attentionStatistics = arena.matrix(n, 2)
            normalized = arena.matrix(n, tower.width)
            q = arena.matrix(n, tower.width)
            k = arena.matrix(n, tower.width)
            v = arena.matrix(n, tower.width)
            attended = arena.matrix(n, tower.width)
            logSums = arena.matrix(n, tower.heads)
            middle = arena.matrix(n, tower.width)
            finalStatistics = arena.matrix(n, 2)
            middleNormalized = arena.matrix(n, tower.width)
            expanded = arena.matrix(n, tower.feedForwardWidth)
            activated = arena.matrix(n, tower.feedForwardWidth)
            output = arena.matrix(n, tower.width)
        }
    }

    let columns1: Matrix  // (2 · N, 3 · M)
    let convolved1: Matrix  // (2 · N, W)
    let activated1: Matrix  // (2 · N, W)
    let columns2: Matrix  // (N, 3 · W)
    let convolved2: Matrix  // (N, W)
    let embedded: Matrix  // (N, W)
    let layers: [Layer]
    let pooled: Matrix  // (pooled, W)
    let statistics: Matrix  // (pooled, 2)
    let normalized: Matrix  // (pooled, W)
    let output: Matrix  // (pooled, C)
    let scores: Matrix
    // The rest is for the backward pass alone.
    let dScores: Matrix
    let dOutput: Matrix  // (pooled, C)
    let dPooled: Matrix  // (pooled, W)
    let dNormalized: Matrix  // (pooled, W)
    let dx: Matrix  // (N, W)
    let dLayer: Matrix  // (N, W)
    let dAttended: Matrix  // (N, W)
    let dq: Matrix  // (N, W)
    let dk: Matrix  // (N, W)
    let dv: Matrix  // (N, W)
    let dExpanded: Matrix  // (N, F)
    let dColumns2: Matrix  // (N, 3 · W)
    let dActivated1: Matrix  // (2 · N, W)

    init(
        _ tower: ModelConfig.Tower, attention: Attention, plan: TowerPlan, decoderWidth: Int, isTraining: Bool,
        _ arena: inout ArenaCursor
    ) {
        let n = plan.positions, pools = plan.pooled
        columns1 = arena.matrix(2 * n, Convolution.width * tower.melBins)
        convolved1 = arena.matrix(2 * n, tower.width)
        activated1 = arena.matrix(2 * n, tower.width)
        columns2 = arena.matrix(n, Convolution.width * tower.width)
        convolved2 = arena.matrix(n, tower.width)
        embedded = arena.matrix(n, tower.width)
        var layers: [Layer] = []
        for _ in 0..<tower.layers { layers.append(Layer(tower, positions: n, &arena)) }
        self.layers = layers
        pooled = arena.matrix(pools, tower.width)
        statistics = arena.matrix(pools, 2)
        normalized = arena.matrix(pools, tower.width)
        output = arena.matrix(pools, decoderWidth)
        let score = attention.scoreExtents(starts: plan.starts)
        scores = arena.matrix(score.rows, score.columns)
        let m = isTraining ? n : 0, p = isTraining ? pools : 0
        dScores = arena.matrix(isTraining ? score.rows : 0, score.columns)
        dOutput = arena.matrix(p, decoderWidth)
        dPooled = arena.matrix(p, tower.width)
        dNormalized = arena.matrix(p, tower.width)
        dx = arena.matrix(m, tower.width)
        dLayer = arena.matrix(m, tower.width)
        dAttended = arena.matrix(m, tower.width)
        dq = arena.matrix(m, tower.width)
        dk = arena.matrix(m, tower.width)
        dv = arena.matrix(m, tower.width)
        dExpanded = arena.matrix(m, tower.feedForwardWidth)
        dColumns2 = arena.matrix(m, Convolution.width * tower.width)
        dActivated1 = arena.matrix(2 * m, tower.width)
    }
}
