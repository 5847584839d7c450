// A model described by its sizes, to be initialised at random: the mapping under `model:` in a config. It becomes a
// config.json of the original layout, so that what is trained can be read back by the original code.

import PipelineKit

/// What the data's records say about a model made for them.
struct ModelRecords: Sendable, Equatable {
    var vocabularySize: Int
    /// The ids of the control tokens; those that the vocabulary lacks are nil, but for the placeholders.
    var audioInID: Int32
    var audioOutID: Int32
    var audioOutBOSID: Int32?
    var audioEOSID: Int32?
    var padID: Int32?
    var codebooks: Int
    var codebookSize: Int
    /// M of the features; nil without any.
    var melBins: Int?
}

extension ModelConfig {
    /// The keys of a description: those of config.json's text_config, the dual feed-forward, and the tower.
    static let descriptionKeys = [
        "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
        "head_dim", "rms_norm_eps", "rope_theta", "rope_scaling", "max_position_embeddings", "initializer_range",
        "audio_ffn_intermediate_size", "audio_dual_ffn_layers", "audio_tower",
    ]
    /// The keys of a description's `audio_tower`; without that mapping the model has no tower.
    static let towerDescriptionKeys = [
        "d_model", "encoder_layers", "encoder_attention_heads", "encoder_ffn_dim", "init_std",
    ]

    /// A model of the described sizes for the recorded data.
    ///
    /// `audio_dual_ffn_layers` defaults to all layers, `audio_ffn_intermediate_size` to intermediate_size,
    /// `max_position_embeddings` to 8,192, `rms_norm_eps` to 1e-5, `rope_theta` to 500,000.
    /// - Throws: `ModelConfigError` for an unknown, missing or ill-typed key.
    init(describing mapping: JSONObject, records: ModelRecords, location: String = "model") throws {
        try Self.check(mapping, known: Self.descriptionKeys, location: location, prefix: "")
        let reader = ConfigReader(object: mapping, location: location)
        let layers = try reader.integer("num_hidden_layers", in: 1...10_000)
        let width = try reader.integer("hidden_size", in: 1...(1 << 24))
        var text: JSONObject = [
            "model_type": "llama", "vocab_size": .int(records.vocabularySize), "hidden_act": "silu",
            "attention_bias": false, "mlp_bias": false, "tie_word_embeddings": false, "rms_norm_eps": 1e-5,
            "rope_theta": 500_000.0, "max_position_embeddings": 8_192,
        ]
        var document: JSONObject = [
            "architectures": ["HiggsAudioModel"], "model_type": "higgs_audio", "audio_adapter_type": "dual_ffn",
            "audio_ffn_hidden_size": .int(width), "audio_dual_ffn_layers": .array((0..<layers).map { .int($0) }),
            "audio_ffn_intermediate_size": mapping["intermediate_size"] ?? .null, "audio_embed_avg": false,
            "audio_decoder_proj_num_layers": 0, "encode_whisper_embed": true, "encode_audio_in_tokens": true,
            "use_delay_pattern": true, "use_audio_out_embed_projector": false, "use_audio_out_self_attention": false,
            "use_rq_transformer": false, "audio_num_codebooks": .int(records.codebooks),
            "audio_codebook_size": .int(records.codebookSize), "audio_bos_token": "<|audio_bos|>",
            "audio_eos_token": "<|audio_eos|>", "audio_out_bos_token": "<|audio_out_bos|>",
            "audio_in_token": "<|AUDIO|>", "audio_out_token": "<|AUDIO_OUT|>",
            "audio_in_token_idx": .int(Int(records.audioInID)), "audio_out_token_idx": .int(Int(records.audioOutID)),
            "audio_stream_bos_id": .int(records.codebookSize), "audio_stream_eos_id": .int(records.codebookSize + 1),
        ]
        for (key, value) in mapping.members where !value.isNull {
            switch key {
            case "audio_tower": break
            case "audio_ffn_intermediate_size", "audio_dual_ffn_layers": document[key] = value
            default: text[key] = value
            }
        }
        document["audio_out_bos_token_id"] = records.audioOutBOSID.map { .int(Int($0)) }
        document["audio_eos_token_id"] = records.audioEOSID.map { .int(Int($0)) }
        document["pad_token_id"] = records.padID.map { .int(Int($0)) }
        document["text_config"] = .object(text)
        let tower = try reader.nested("audio_tower")
        document["skip_audio_tower"] = .bool(tower == nil)
        if let tower {
            document["audio_encoder_config"] = .object(try Self.tower(tower, records: records))
        }
        try self.init(document: .object(document), location: location)
    }

    private static func tower(_ reader: ConfigReader, records: ModelRecords) throws -> JSONObject {
        try check(reader.object, known: towerDescriptionKeys, location: reader.location, prefix: reader.prefix)
        var tower: JSONObject = [
            "model_type": "higgs_audio_encoder", "num_mel_bins": .int(records.melBins ?? 128),
            "max_source_positions": .int(Tower.maximumPositions), "activation_function": "gelu", "dropout": 0.0,
            "attention_dropout": 0.0, "activation_dropout": 0.0, "encoder_layerdrop": 0.0, "scale_embedding": false,
        ]
        for (key, value) in reader.object.members { tower[key] = value }
        tower["num_hidden_layers"] = reader.object["encoder_layers"]
        return tower
    }

    private static func check(_ object: JSONObject, known: [String], location: String, prefix: String) throws {
        for (key, _) in object.members where !known.contains(where: { $0.utf8.elementsEqual(key.utf8) }) {
            throw ModelConfigError(location: location, key: prefix + key, reason: .unknown(known: known))
        }
    }
}
