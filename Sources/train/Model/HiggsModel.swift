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
    let textEmbedding: Weight  // (V, C)
    let codeEmbedding: Weight  // (Q · (K + 2), C)
    let layers: [DecoderLayer]
    let heads: OutputHeads
    let attention: Attention
    var rope: RoPE
    let arena = Arena()

    /// What of the model is trained.
    let parts: TrainedParts
    /// The lowest layer whose backward pass gives a gradient to anything; those below are not computed backwards.
    let lowestTrainedLayer: Int

    /// A model whose tensors are all 0, but those that stay in `files`; the other initialisers fill them.
    init(empty config: ModelConfig, parts: TrainedParts = .everything, files: SafetensorsSet? = nil) {
        self.config = config
        self.parts = parts
        let tensors = Self.tensors(config, parts: parts, files: files)
        // A mapping that nothing is read from any more would still count as memory.
        let isKept = parts.adapter != nil || tensors.contains { $0.mapped != nil }
        let parameters = ParameterStore(tensors, adapter: parts.adapter, files: isKept ? files : nil)
        self.parameters = parameters
        lowestTrainedLayer = Self.lowestTrainedLayer(parameters, layers: config.layers)
        tower = config.tower.map { AudioTower($0, of: parameters) }
        textEmbedding = parameters.weight(.textEmbedding)
        codeEmbedding = parameters.weight(.codeEmbedding)
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
