// The model: parameters, gradients, and one pass at a time over a packed batch. Checkpoints are in
// HiggsModel+Checkpoint.swift, the passes in HiggsModel+Passes.swift.

import PipelineKit

/// A Higgs Audio v2 model with its gradients. Not thread-safe.
final class HiggsModel {
    let config: ModelConfig
    /// Every tensor: names, shapes, values, gradients.
    let parameters: ParameterStore
    /// Keeps only each layer's input and computes its inside again in the backward pass: less memory, a third more time.
    var usesGradientCheckpointing = false

    let tower: AudioTower?
    let textEmbedding: Parameter  // (V, C)
    let codeEmbedding: Parameter  // (Q · (K + 2), C)
    let layers: [DecoderLayer]
    let heads: OutputHeads
    let attention: Attention
    var rope: RoPE
    let arena = Arena()

    /// A model whose tensors are all 0; the other initialisers fill them.
    init(empty config: ModelConfig) {
        self.config = config
        let parameters = ParameterStore(config.parameterShapes, layout: config.layout)
        self.parameters = parameters
        tower = config.tower.map { AudioTower($0, of: parameters) }
        textEmbedding = parameters[.textEmbedding]
        codeEmbedding = parameters[.codeEmbedding]
        layers = (0..<config.layers).map {
            DecoderLayer($0, of: parameters, isDual: config.dualLayers.contains($0))
        }
        heads = OutputHeads(config, of: parameters)
        attention = Attention(
            heads: config.heads, keyValueHeads: config.keyValueHeads, headWidth: config.headWidth, isCausal: true)
        rope = RoPE(headWidth: config.headWidth, theta: config.ropeTheta, scaling: config.ropeScaling)
    }

    func zeroGradients() { parameters.zeroGradients() }
}
