// A model described by its sizes, to be initialised at random: the mapping under `model:` in a config.

import PipelineKit

/// What the data's records say about a model made for them.
struct ModelRecords: Sendable, Equatable {
    var vocabularySize: Int
    /// The ids of the control tokens.
    var audioInID: Int32
    var audioOutID: Int32
    var codebooks: Int
    var codebookSize: Int
    /// M of the features; nil without any.
    var melBins: Int?
}

extension ModelConfig {
    /// A model of the described sizes for the recorded data.
    ///
    /// Keys are those of the original layout's config.json: hidden_size, intermediate_size, num_hidden_layers,
    /// num_attention_heads, num_key_value_heads, head_dim, rms_norm_eps, rope_theta, rope_scaling,
    /// max_position_embeddings, initializer_range, audio_ffn_intermediate_size, audio_dual_ffn_layers, text_head,
    /// audio_tower (a mapping of d_model, encoder_layers, encoder_attention_heads, encoder_ffn_dim, or null).
    /// - Throws: `ModelConfigError` for an unknown, missing or ill-typed key.
    init(describing mapping: JSONObject, records: ModelRecords) throws { preconditionFailure("not built") }
}
