// Which tensors a model has, and what they are called in checkpoints. The only place that knows tensor names.

/// A tensor of the model, whatever its name in a checkpoint.
enum ParameterKey: Hashable, Sendable {
    case textEmbedding, codeEmbedding, finalNorm, textHead, audioHead
    case layer(Int, LayerTensor)
    case tower(TowerTensor)
    case towerLayer(Int, TowerLayerTensor)
    /// A factor of the adapter of a projection's weight; no base model has it.
    indirect case adapter(ParameterKey, AdapterFactor)

    /// The two factors of ΔW = scale · B · A.
    enum AdapterFactor: String, CaseIterable, Sendable {
        case a = "lora_A.weight"
        case b = "lora_B.weight"
    }

    /// The tensors of a decoder layer, by the names that both layouts use below `layers.N.`.
    enum LayerTensor: String, CaseIterable, Sendable {
        case query = "self_attn.q_proj.weight"
        case key = "self_attn.k_proj.weight"
        case value = "self_attn.v_proj.weight"
        case output = "self_attn.o_proj.weight"
        case gate = "mlp.gate_proj.weight"
        case up = "mlp.up_proj.weight"
        case down = "mlp.down_proj.weight"
        case inputNorm = "input_layernorm.weight"
        case postNorm = "post_attention_layernorm.weight"
        case audioGate = "audio_mlp.gate_proj.weight"
        case audioUp = "audio_mlp.up_proj.weight"
        case audioDown = "audio_mlp.down_proj.weight"
        case audioInputNorm = "audio_input_layernorm.weight"
        case audioPostNorm = "audio_post_attention_layernorm.weight"

        /// Whether only dual layers have it.
        var isAudio: Bool { rawValue.hasPrefix("audio_") }
    }

    /// The tensors of the tower outside of its layers, and of the projector behind it.
    enum TowerTensor: String, CaseIterable, Sendable {
        case conv1Weight = "audio_tower.conv1.weight"
        case conv1Bias = "audio_tower.conv1.bias"
        case conv2Weight = "audio_tower.conv2.weight"
        case conv2Bias = "audio_tower.conv2.bias"
        case positions = "audio_tower.embed_positions.weight"
        case normWeight = "audio_tower.layer_norm.weight"
        case normBias = "audio_tower.layer_norm.bias"
        case projectorWeight = "audio_encoder_proj.linear.weight"
        case projectorBias = "audio_encoder_proj.linear.bias"
    }

    /// The tensors of a tower layer.
    enum TowerLayerTensor: String, CaseIterable, Sendable {
        case queryWeight = "self_attn.q_proj.weight"
        case queryBias = "self_attn.q_proj.bias"
        case keyWeight = "self_attn.k_proj.weight"
        case valueWeight = "self_attn.v_proj.weight"
        case valueBias = "self_attn.v_proj.bias"
        case outputWeight = "self_attn.out_proj.weight"
        case outputBias = "self_attn.out_proj.bias"
        case attentionNormWeight = "self_attn_layer_norm.weight"
        case attentionNormBias = "self_attn_layer_norm.bias"
        case expandWeight = "fc1.weight"
        case expandBias = "fc1.bias"
        case contractWeight = "fc2.weight"
        case contractBias = "fc2.bias"
        case finalNormWeight = "final_layer_norm.weight"
        case finalNormBias = "final_layer_norm.bias"
    }
}

extension ParameterKey {
    /// The weight of a linear layer, which can have an adapter.
    var isProjection: Bool {
        switch self {
        case .textHead, .audioHead, .tower(.projectorWeight): true
        case .layer(_, let tensor): !tensor.rawValue.hasSuffix("layernorm.weight")
        case .towerLayer(_, let tensor):
            tensor.rawValue.hasSuffix(".weight") && !tensor.rawValue.hasSuffix("norm.weight")
        case .textEmbedding, .codeEmbedding, .finalNorm, .tower, .adapter: false
        }
    }

    /// A matrix that is used where it lies in a mapped file, in its own type; everything else is small.
    var isUsedInPlace: Bool { isProjection || self == .textEmbedding || self == .codeEmbedding }
}

/// A published way of naming the tensors and the keys of config.json.
enum CheckpointLayout: String, Sendable, CaseIterable {
    /// `model_type: higgs_audio`.
    case original = "higgs_audio"
    /// `model_type: higgs_audio_v2` of transformers; it has no tower.
    case huggingFace = "higgs_audio_v2"

    /// What peft puts before the names of a base model's modules and tensors.
    static let adapterPrefix = "base_model.model."

    /// The module that a tensor belongs to: its name without `.weight` or `.bias`.
    func module(of key: ParameterKey) -> String {
        let name = name(of: key)
        return name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
    }

    /// The tensor's name in a checkpoint of this layout; of an adapter's factor, in adapter_model.safetensors.
    func name(of key: ParameterKey) -> String {
        switch (self, key) {
        case (.original, .textEmbedding): "embed_tokens.weight"
        case (.original, .codeEmbedding): "audio_codebook_embeddings.weight"
        case (.original, .finalNorm): "norm.weight"
        case (.original, .textHead): "audio_decoder_proj.text_lm_head.weight"
        case (.original, .audioHead): "audio_decoder_proj.audio_lm_head.weight"
        case (.original, .layer(let index, let tensor)): "layers.\(index).\(tensor.rawValue)"
        case (.huggingFace, .textEmbedding): "model.embed_tokens.weight"
        case (.huggingFace, .codeEmbedding): "model.embed_audio_tokens.embed_audio_tokens.weight"
        case (.huggingFace, .finalNorm): "model.norm.weight"
        case (.huggingFace, .textHead): "text_lm_head.weight"
        case (.huggingFace, .audioHead): "audio_lm_head.weight"
        case (.huggingFace, .layer(let index, let tensor)): "model.layers.\(index).\(tensor.rawValue)"
        case (_, .adapter(let key, let factor)):
            "\(Self.adapterPrefix)\(module(of: key)).\(factor.rawValue)"
        case (_, .tower(let tensor)): tensor.rawValue
        case (_, .towerLayer(let index, let tensor)): "audio_tower.layers.\(index).\(tensor.rawValue)"
        }
    }
}
