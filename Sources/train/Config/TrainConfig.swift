// What a run is told: the config of `train` after the file, `--set` and the flags are put together. Plain values with
// their defaults; parsing lies in TrainConfig+Parsing.swift, writing and comparing in TrainConfig+YAML.swift.

/// A run's whole configuration.
struct TrainConfig: Sendable, Equatable {
    var model: ModelSource
    /// A WORK, or one MDS directory that has all columns.
    var dataPath: String
    /// The run directory.
    var outputDir: String
    var training = TrainingOptions()
    /// An adapter directory that goes on training; `lora` is then what its adapter_config.json says.
    var adapter: String?
    /// nil: no adapter, the model itself is trained.
    var lora: LoRAOptions?
    var loss = LossConfig()
}

/// Where the model comes from.
enum ModelSource: Sendable, Equatable {
    /// A checkpoint directory with config.json and its tensors.
    case directory(String)
    /// A model initialised at random; its vocabulary, codebooks and sizes come from the data's records.
    case described(ModelDescription)
}

/// The shape of a model that is initialised at random. Names follow the fields of the checkpoint's config.json.
struct ModelDescription: Sendable, Equatable {
    var hiddenSize = 0
    var intermediateSize = 0
    var layerCount = 0
    var headCount = 0
    /// Default: as many as heads.
    var keyValueHeadCount = 0
    /// Default: hidden_size / num_attention_heads.
    var headWidth = 0
    /// Default: intermediate_size.
    var audioIntermediateSize = 0
    /// Which layers have the second, audio feed-forward and norms; default: all.
    var dualLayers: [Int] = []
    var ropeTheta = 500_000.0
    var normEpsilon = 1e-5
    /// Standard deviation of the initial weights.
    var initializerRange = 0.02
    var maxPositions = 8192
    /// nil: no tower, and features are not consumed.
    var tower: TowerDescription?
}

/// The shape of the Whisper-style tower of a model that is initialised at random.
struct TowerDescription: Sendable, Equatable {
    var width = 0
    var layerCount = 0
    var headCount = 0
    var feedForwardWidth = 0
}

/// `training:`, with the defaults of an absent section.
struct TrainingOptions: Sendable, Equatable {
    enum Scheduler: String, CaseIterable, Sendable { case cosine, linear, constant }
    enum ValidationBy: String, CaseIterable, Sendable { case auto, speaker, id }
    /// In what the products with frozen bfloat16 weights are made; `auto` is what suits the machine.
    enum ComputeType: String, CaseIterable, Sendable { case auto, float32, bfloat16 }

    /// nil: no bound by epochs. At least one of epochs and steps is given.
    var epochs: Int?
    /// nil: no bound by optimizer steps.
    var maxSteps: Int?
    /// Sequences a micro-batch, at most.
    var batchSize = 1
    /// Positions a micro-batch after expansion, at most; nil: no bound.
    var maxBatchTokens: Int?
    /// Micro-batches an optimizer step.
    var accumulationSteps = 1
    /// Required.
    var learningRate = 0.0
    var scheduler = Scheduler.cosine
    var warmupSteps = 0
    /// Decay of parameters of two or more dimensions.
    var weightDecay = 0.01
    var adamBeta1 = 0.9
    var adamBeta2 = 0.95
    var adamEpsilon = 1e-8
    /// The gradient's global norm is clipped to this; 0: never.
    var maxGradNorm = 1.0
    var gradientCheckpointing = false
    /// A checkpoint every so many steps; nil: only at the end.
    var saveSteps: Int?
    /// An evaluation every so many steps; nil: only at the end.
    var evalSteps: Int?
    /// A line of metrics.jsonl every so many steps.
    var loggingSteps = 1
    /// How many checkpoint-N are kept; nil: all.
    var saveTotalLimit: Int?
    var seed = 0
    var shuffle = true
    /// The fraction of rows kept for validation, at most a half.
    var validationFraction = 0.0
    var validationBy = ValidationBy.auto
    /// Stops a run whose untrained model is no better than chance on audio.
    var requirePretrained = false
    /// Tensors that are not trained; empty: all are. In the order of the groups.
    var frozen: [ParameterGroup] = []
    /// Resolved by RunSetup: what a run writes into its config.yaml is never `auto`.
    var frozenComputeType = ComputeType.auto
}

/// `lora:`.
struct LoRAOptions: Sendable, Equatable {
    enum TargetMode: String, CaseIterable, Sendable {
        case comprehensive, audioFocused = "audio_focused", attentionOnly = "attention_only"
    }

    var r = 8
    var alpha = 16.0
    var dropout = 0.0
    var targetMode = TargetMode.comprehensive
    /// Names of modules, or a pattern; nil: those of `targetMode`.
    var targetModules: ModulePattern?
    var modulesToSave: [String] = []
    var useRSLoRA = false
}

/// `loss:`.
struct LossConfig: Sendable, Equatable {
    var textWeight = 1.0
    var audioWeight = 1.0
    /// One a codebook; nil: all 1.
    var codebookWeights: [Double]?
    var labelSmoothing = 0.0

    /// The weights as the loss takes them.
    var options: LossOptions {
        LossOptions(
            textLossWeight: Float(textWeight), audioLossWeight: Float(audioWeight),
            codebookWeights: codebookWeights?.map { Float($0) }, labelSmoothing: Float(labelSmoothing))
    }
}
