// The architecture of a Higgs Audio v2 model: sizes, special ids, which layers are dual. Reading and writing config.json
// lies in ModelConfig+JSON.swift; nothing else decides on the architecture.

import PipelineKit

/// The architecture of a Higgs Audio v2 model.
struct ModelConfig: Sendable, Equatable {
    /// The Whisper-style tower.
    struct Tower: Sendable, Equatable {
        var melBins: Int
        var width: Int
        var layers: Int
        var heads: Int
        var feedForwardWidth: Int
        /// Rows of `embed_positions`.
        var maximumPositions: Int
        var initializerRange: Float
    }

    /// The frequencies of rotary embeddings (Llama 3's `rope_scaling`).
    struct RoPEScaling: Sendable, Equatable {
        var factor: Double
        var lowFrequencyFactor: Double
        var highFrequencyFactor: Double
        var originalMaximumPositions: Int
    }

    /// How the checkpoint that this config belongs to names its tensors and keys.
    var layout: CheckpointLayout
    /// config.json as it was read, or as it is written for a model that was described; saved back unchanged.
    var document: JSONValue

    var vocabularySize: Int  // V
    var width: Int  // C
    var feedForwardWidth: Int  // F of the text feed-forward
    var layers: Int
    var heads: Int  // H
    var keyValueHeads: Int  // G
    var headWidth: Int  // D
    var normEpsilon: Float
    var ropeTheta: Double
    var ropeScaling: RoPEScaling?
    var maximumPositions: Int
    var initializerRange: Float

    /// F of the audio feed-forward.
    var audioFeedForwardWidth: Int
    /// Layers with an audio feed-forward and audio norms; in the others all rows take the text ones.
    var dualLayers: Set<Int>
    var codebooks: Int  // Q
    /// K, without bos and eos.
    var codebookSize: Int
    var streamBOS: Int32
    var streamEOS: Int32
    var audioInID: Int32?
    var audioOutID: Int32
    var hasTextHead: Bool
    /// nil: audio features are not consumed.
    var tower: Tower?

    /// What the data must look like for this model.
    var sequenceFormat: SequenceFormat {
        SequenceFormat(
            vocabularySize: vocabularySize, audioInID: audioInID, audioOutID: audioOutID, codebookSize: codebookSize,
            delay: DelayPattern(codebooks: codebooks, bos: streamBOS, eos: streamEOS), hasTower: tower != nil,
            melBins: tower?.melBins ?? 0)
    }
}
