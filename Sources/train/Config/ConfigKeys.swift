// Every key that a config may have, by section, with its name in the file.

enum RootKey: String, ConfigKey {
    case model
    case dataPath = "data_path"
    case outputDir = "output_dir"
    case adapter
    case training, lora, loss
}

enum ModelKey: String, ConfigKey {
    case hiddenSize = "hidden_size"
    case intermediateSize = "intermediate_size"
    case layerCount = "num_hidden_layers"
    case headCount = "num_attention_heads"
    case keyValueHeadCount = "num_key_value_heads"
    case headWidth = "head_dim"
    case audioIntermediateSize = "audio_ffn_intermediate_size"
    case dualLayers = "audio_dual_ffn_layers"
    case ropeTheta = "rope_theta"
    case normEpsilon = "rms_norm_eps"
    case initializerRange = "initializer_range"
    case maxPositions = "max_position_embeddings"
    case tower = "audio_tower"
}

enum TowerKey: String, ConfigKey {
    case width = "d_model"
    case layerCount = "encoder_layers"
    case headCount = "encoder_attention_heads"
    case feedForwardWidth = "encoder_ffn_dim"
}

enum TrainingKey: String, ConfigKey {
    case epochs = "num_epochs"
    case maxSteps = "max_steps"
    case batchSize = "batch_size"
    case maxBatchTokens = "max_batch_tokens"
    case accumulationSteps = "gradient_accumulation_steps"
    case learningRate = "learning_rate"
    case scheduler = "lr_scheduler"
    case warmupSteps = "warmup_steps"
    case weightDecay = "weight_decay"
    case adamBeta1 = "adam_beta1"
    case adamBeta2 = "adam_beta2"
    case adamEpsilon = "adam_epsilon"
    case maxGradNorm = "max_grad_norm"
    case gradientCheckpointing = "gradient_checkpointing"
    case saveSteps = "save_steps"
    case evalSteps = "eval_steps"
    case loggingSteps = "logging_steps"
    case saveTotalLimit = "save_total_limit"
    case seed, shuffle
    case validationFraction = "validation_fraction"
    case validationBy = "validation_by"
    case requirePretrained = "require_pretrained"
    case freeze
    case frozenComputeType = "frozen_compute_dtype"
}

enum LoRAKey: String, ConfigKey {
    case r
    case alpha = "lora_alpha"
    case dropout = "lora_dropout"
    case targetMode = "target_modules_mode"
    case targetModules = "target_modules"
    case modulesToSave = "modules_to_save"
    case useRSLoRA = "use_rslora"
}

enum LossKey: String, ConfigKey {
    case textWeight = "text_loss_weight"
    case audioWeight = "audio_loss_weight"
    case codebookWeights = "codebook_weights"
    case labelSmoothing = "label_smoothing"
}

/// The paths of all keys, such as `training.seed`: what a misspelt key is compared with.
enum ConfigKeys {
    static let all: [String] =
        paths(RootKey.self, "") + paths(ModelKey.self, "model") + paths(TowerKey.self, "model.audio_tower")
        + paths(TrainingKey.self, "training") + paths(LoRAKey.self, "lora") + paths(LossKey.self, "loss")

    private static func paths<Key: ConfigKey>(_ type: Key.Type, _ section: String) -> [String] {
        Key.allCases.map { section.isEmpty ? $0.rawValue : section + "." + $0.rawValue }
    }
}
