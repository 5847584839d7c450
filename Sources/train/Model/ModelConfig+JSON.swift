// Reads config.json: the original layout (boson-multimodal's HiggsAudioConfig) and transformers 5.23's HiggsAudioV2Config.
// What is not computed here is refused by name.

import PipelineKit

extension ModelConfig {
    /// Sizes beyond this are a damaged config, not a model.
    private static let sizes = 1...(1 << 24)

    /// Reads a config.json.
    /// - Throws: `FileError`, `JSONError`, `ModelConfigError`.
    init(path: String) throws {
        let file = try MappedFile(path: path)
        let document: JSONValue
        do {
            document = try file.withBytes { try JSONValue(parsing: $0) }
        } catch let error as JSONError {
            throw Failure(.badUsage, error.failure.what, at: path.escapedForTerminal)
        }
        try self.init(document: document, location: path)
    }

    /// Takes a config.json that is parsed already; `location` is its name in errors.
    /// - Throws: `ModelConfigError`.
    init(document: JSONValue, location: String) throws {
        guard let object = document.objectValue else {
            throw ModelConfigError(location: location, key: "model_type", reason: .missing)
        }
        let reader = ConfigReader(object: object, location: location)
        let type = try reader.string("model_type", default: "")
        guard let layout = CheckpointLayout.allCases.first(where: { $0.rawValue.utf8.elementsEqual(type.utf8) }) else {
            if type.isEmpty { throw reader.error("model_type", .missing) }
            let known = CheckpointLayout.allCases.map(\.rawValue).joined(separator: " or ")
            throw reader.error("model_type", .value(got: "'\(type)'", expected: known))
        }
        switch layout {
        case .original: try self.init(original: reader)
        case .huggingFace: try self.init(huggingFace: reader)
        }
        self.document = document
    }

    private init(original reader: ConfigReader) throws {
        guard let text = try reader.nested("text_config") else { throw reader.error("text_config", .missing) }
        try self.init(layout: .original, decoder: text)
        for key in [
            "audio_embed_avg", "use_audio_out_embed_projector", "use_audio_out_self_attention", "use_rq_transformer",
        ] {
            try reader.require(key, false, default: false)
        }
        try reader.require("encode_audio_in_tokens", true, default: true)
        try reader.require("use_delay_pattern", true, default: true)
        guard try reader.integer("audio_decoder_proj_num_layers", in: 0...1_000, default: 0) == 0 else {
            throw reader.error("audio_decoder_proj_num_layers", .unsupported(got: "more than 0"))
        }
        try readDualLayers(reader)
        codebooks = try reader.integer("audio_num_codebooks", in: 1...256)
        codebookSize = try reader.integer("audio_codebook_size", in: 1...65_534)
        streamBOS = try streamID("audio_stream_bos_id", reader)
        streamEOS = try streamID("audio_stream_eos_id", reader)
        audioInID = Int32(try reader.integer("audio_in_token_idx", in: 0...vocabularySize - 1))
        audioOutID = Int32(try reader.integer("audio_out_token_idx", in: 0...vocabularySize - 1))
        try checkIDs(reader, audioOutKey: "audio_out_token_idx")
        let skipsTower = try reader.flag("skip_audio_tower", default: false)
        let encodesFeatures = try reader.flag("encode_whisper_embed", default: true)
        if !skipsTower, !encodesFeatures { throw reader.error("encode_whisper_embed", .unsupported(got: "false")) }
        if !skipsTower {
            guard let tower = try reader.nested("audio_encoder_config") else {
                throw reader.error("audio_encoder_config", .missing)
            }
            self.tower = try Tower(tower)
        }
    }

    private init(huggingFace reader: ConfigReader) throws {
        try self.init(layout: .huggingFace, decoder: reader)
        // Every layer is dual, and the codebook's size counts bos and eos.
        dualLayers = Set(0..<layers)
        codebooks = try reader.integer("num_codebooks", in: 1...256)
        codebookSize = try reader.integer("codebook_size", in: 3...65_536) - 2
        streamBOS = try streamID("audio_stream_bos_id", reader)
        streamEOS = try streamID("audio_stream_eos_id", reader)
        audioOutID = Int32(try reader.integer("audio_token_id", in: 0...vocabularySize - 1))
        // The config has no id for references; Llama 3's vocabulary reserves this one for `<|AUDIO|>`.
        audioInID = vocabularySize > 128_015 ? 128_015 : nil
        try checkIDs(reader, audioOutKey: "audio_token_id")
    }

    /// The Llama part, which both layouts write alike; the rest is left at values that are set afterwards.
    private init(layout: CheckpointLayout, decoder: ConfigReader) throws {
        self.layout = layout
        document = .null
        vocabularySize = try decoder.integer("vocab_size", in: Self.sizes)
        width = try decoder.integer("hidden_size", in: Self.sizes)
        feedForwardWidth = try decoder.integer("intermediate_size", in: Self.sizes)
        layers = try decoder.integer("num_hidden_layers", in: 1...10_000)
        heads = try decoder.integer("num_attention_heads", in: 1...10_000)
        keyValueHeads = try decoder.integer("num_key_value_heads", in: 1...heads, default: heads)
        headWidth = try decoder.integer("head_dim", in: 2...65_536, default: width / heads)
        guard heads % keyValueHeads == 0 else {
            throw decoder.error(
                "num_key_value_heads", .value(got: String(keyValueHeads), expected: "a divisor of \(heads)"))
        }
        guard headWidth % 2 == 0 else {
            throw decoder.error("head_dim", .value(got: String(headWidth), expected: "an even number"))
        }
        normEpsilon = Float(try decoder.number("rms_norm_eps", default: 1e-6))
        maximumPositions = try decoder.integer("max_position_embeddings", in: Self.sizes, default: 2_048)
        initializerRange = Float(try decoder.number("initializer_range", default: 0.02))
        try decoder.require("hidden_act", "silu", default: "silu")
        try decoder.require("attention_bias", false, default: false)
        try decoder.require("mlp_bias", false, default: false)
        try decoder.requireZero("attention_dropout")
        (ropeTheta, ropeScaling) = try Self.rope(decoder)
        audioFeedForwardWidth = feedForwardWidth
        dualLayers = []
        codebooks = 0
        codebookSize = 0
        streamBOS = 0
        streamEOS = 0
        audioOutID = 0
        hasTextHead = true
    }

    /// transformers before 5 writes rope_theta and rope_scaling, later rope_parameters.
    private static func rope(_ decoder: ConfigReader) throws -> (theta: Double, scaling: RoPEScaling?) {
        let parameters = try decoder.nested("rope_parameters")
        let theta = try (parameters ?? decoder).number("rope_theta", default: 10_000)
        guard let scaling = try parameters ?? decoder.nested("rope_scaling") else { return (theta, nil) }
        let type = try scaling.string("rope_type", default: try scaling.string("type", default: "default"))
        if type.utf8.elementsEqual("default".utf8) { return (theta, nil) }
        try scaling.require("rope_type", "llama3", default: type)
        let result = RoPEScaling(
            factor: try scaling.number("factor"), lowFrequencyFactor: try scaling.number("low_freq_factor"),
            highFrequencyFactor: try scaling.number("high_freq_factor"),
            originalMaximumPositions: try scaling.integer("original_max_position_embeddings", in: sizes))
        guard result.highFrequencyFactor > result.lowFrequencyFactor else {
            throw scaling.error(
                "high_freq_factor",
                .value(got: String(result.highFrequencyFactor), expected: "more than low_freq_factor"))
        }
        return (theta, result)
    }

    private mutating func readDualLayers(_ reader: ConfigReader) throws {
        let type = try reader.string("audio_adapter_type", default: "stack")
        let isDual = type.utf8.elementsEqual("dual_ffn".utf8)
        let isFastForward = type.utf8.elementsEqual("dual_ffn_fast_forward".utf8)
        guard isDual || isFastForward else { throw reader.error("audio_adapter_type", .unsupported(got: "'\(type)'")) }
        guard let listed = reader.value("audio_dual_ffn_layers")?.arrayValue else {
            throw reader.error("audio_dual_ffn_layers", .type(expected: "a list of layers"))
        }
        for layer in listed {
            guard let index = layer.intValue, (0..<layers).contains(index) else {
                throw reader.error("audio_dual_ffn_layers", .type(expected: "a list of layers below \(layers)"))
            }
            dualLayers.insert(index)
        }
        // Where a layer is not dual, fast forward would let code rows skip it; with every layer dual it changes nothing.
        if isFastForward, dualLayers.count < layers {
            throw reader.error("audio_adapter_type", .unsupported(got: "'\(type)' with layers that are not dual"))
        }
        let audioWidth = try reader.integer("audio_ffn_hidden_size", in: Self.sizes, default: width)
        guard audioWidth == width else {
            throw reader.error("audio_ffn_hidden_size", .value(got: String(audioWidth), expected: String(width)))
        }
        audioFeedForwardWidth = try reader.integer(
            "audio_ffn_intermediate_size", in: Self.sizes, default: feedForwardWidth)
    }

    /// bos and eos are the two classes on top of the codes: their embedding rows and logits follow from it.
    private func streamID(_ key: String, _ reader: ConfigReader) throws -> Int32 {
        Int32(try reader.integer(key, in: codebookSize...codebookSize + 1))
    }

    private func checkIDs(_ reader: ConfigReader, audioOutKey: String) throws {
        if streamBOS == streamEOS {
            throw reader.error("audio_stream_eos_id", .value(got: String(streamEOS), expected: "not the bos id"))
        }
        if audioInID == audioOutID {
            throw reader.error(audioOutKey, .value(got: String(audioOutID), expected: "not the input's id"))
        }
    }
}

extension ModelConfig.Tower {
    /// Positions behind the convolutions of 30 s of audio; Whisper's encoder takes no other length.
    static let maximumPositions = 1_500

    fileprivate init(_ reader: ConfigReader) throws {
        let sizes = 1...65_536
        melBins = try reader.integer("num_mel_bins", in: sizes, default: 128)
        width = try reader.integer("d_model", in: sizes)
        layers = try reader.integer("encoder_layers", in: 0...1_000)
        heads = try reader.integer("encoder_attention_heads", in: 1...width)
        feedForwardWidth = try reader.integer("encoder_ffn_dim", in: sizes)
        maximumPositions = try reader.integer("max_source_positions", in: sizes, default: Self.maximumPositions)
        initializerRange = Float(try reader.number("init_std", default: 0.02))
        guard width % heads == 0 else {
            throw reader.error("encoder_attention_heads", .value(got: String(heads), expected: "a divisor of \(width)"))
        }
        guard maximumPositions == Self.maximumPositions else {
            throw reader.error(
                "max_source_positions",
                .value(got: String(maximumPositions), expected: String(Self.maximumPositions)))
        }
        try reader.require("activation_function", "gelu", default: "gelu")
        try reader.require("scale_embedding", false, default: false)
        for key in ["dropout", "attention_dropout", "activation_dropout", "encoder_layerdrop"] {
            try reader.requireZero(key)
        }
    }
}
