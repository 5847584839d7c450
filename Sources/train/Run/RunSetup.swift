// Everything that is decided and checked before the first step and before the run directory is touched: the data's
// directories and records, the model's architecture, and that they fit each other and the config.

import PipelineKit

/// A config that has met its data and its model.
struct RunSetup: Sendable {
    /// `training.frozen_compute_dtype` is resolved in it.
    private(set) var config: TrainConfig
    let source: DataSource
    let records: DataRecords
    let modelConfig: ModelConfig
    /// What of the model is trained.
    let parts: TrainedParts
    /// In what products with frozen weights are made.
    private(set) var frozenCompute: FrozenCompute
    /// What the config asked for.
    private let askedComputeType: TrainingOptions.ComputeType

    var format: SequenceFormat { modelConfig.sequenceFormat }
    var lossOptions: LossOptions { config.loss.options }

    /// - Parameter recorded: what the run that may go on has recorded, see `FrozenCompute`.
    /// - Throws: `ConfigError`, `DataError`, the model's own errors; nothing has been written then.
    init(_ config: TrainConfig, recorded: TrainingOptions.ComputeType? = nil) throws {
        self.config = config
        askedComputeType = config.training.frozenComputeType
        switch config.model {
        case .directory(let directory):
            modelConfig = try Self.architecture(directory)
            source = try DataSource(path: config.dataPath, takesFeatures: modelConfig.tower != nil)
            records = try DataRecords(source)
        case .described(let description):
            source = try DataSource(path: config.dataPath, takesFeatures: description.tower != nil)
            records = try DataRecords(source)
            modelConfig = try ModelConfig(
                describing: description.json, records: try source.modelRecords(records))
        }
        parts = try Self.parts(config, modelConfig)
        try records.check(against: modelConfig.sequenceFormat, source: source)
        try Self.check(config.loss, against: modelConfig)
        // Where everything is trained, no weight is frozen; whether the tensors can be read is then asked later.
        let tensors = parts == .everything ? [] : try Self.tensors(config, modelConfig, parts)
        frozenCompute = FrozenCompute(asked: askedComputeType, recorded: recorded, tensors: tensors)
        self.config.training.frozenComputeType = frozenCompute.type
    }

    /// Forgets what a run has recorded: one that starts anew takes what suits this machine.
    mutating func chooseComputeType() {
        frozenCompute = frozenCompute.anew(asked: askedComputeType)
        config.training.frozenComputeType = frozenCompute.type
    }

    /// What the config wants trained of a model.
    /// - Throws: `AdapterError`; `ConfigError` for an adapter without a base that is saved anywhere.
    private static func parts(_ config: TrainConfig, _ model: ModelConfig) throws -> TrainedParts {
        guard let lora = config.lora else { return TrainedParts(frozen: Set(config.training.frozen)) }
        guard case .directory(let base) = config.model else {
            throw ConfigError.contradiction(
                "an adapter (lora) needs a checkpoint as its base, but model describes one at random",
                location: "config",
                remedy: "name a checkpoint with --model, or remove the lora section to train all parameters")
        }
        // The tensors say whether there is a text head, which an adapter could be put on.
        let opened = SafetensorsSet.exists(in: base) ? try HiggsModel.open(base).config : model
        let location = config.adapter.map { "\($0)/\(AdapterConfig.name)".escapedForTerminal } ?? "lora"
        return TrainedParts(adapter: try AdapterPlan(lora, for: opened, location: location))
    }

    /// Reads the config.json of a checkpoint directory.
    /// - Throws: `Failure` with status 2 where there is none, `ModelConfigError`.
    static func architecture(_ directory: String) throws -> ModelConfig {
        let path = directory + "/" + HiggsModel.configName
        guard DataSource.exists(path) else {
            throw Failure(
                .badUsage, "no config.json: not a checkpoint directory", at: directory.escapedForTerminal,
                remedy: "name one with --model, or in the config's model")
        }
        return try ModelConfig(path: path)
    }

    /// Whether the weights of the loss fit the model; called again when the tensors have said whether there is a text
    /// head, which no checkpoint's config says.
    static func check(_ loss: LossConfig, against model: ModelConfig) throws {
        if let weights = loss.codebookWeights, weights.count != model.codebooks {
            throw ConfigError.contradiction(
                "loss.codebook_weights has \(weights.count) weights, the model has \(model.codebooks) codebooks",
                location: "config", remedy: "give one weight a codebook")
        }
        if !model.hasTextHead, loss.textWeight != 0 {
            throw ConfigError.contradiction(
                "the model has no text head, but loss.text_loss_weight is \(loss.textWeight)", location: "config",
                remedy: "set loss.text_loss_weight to 0")
        }
    }

    /// The model before its first step: the checkpoint that the config names, or one at random from the seed; with a new
    /// adapter, or the one that goes on training.
    func model() throws -> HiggsModel {
        let model = try base()
        if let adapter = config.adapter {
            try model.loadAdapter(from: adapter)
            try AdapterProof.check(model, in: adapter, base: baseDirectory)
        }
        return model
    }

    /// The same with a new adapter in any case.
    private func base() throws -> HiggsModel {
        let seed = UInt64(config.training.seed)
        return switch config.model {
        case .directory(let directory): try computing(HiggsModel(loading: directory, parts: parts, seed: seed))
        case .described: HiggsModel(config: modelConfig, seed: seed, parts: parts)
        }
    }

    /// The model, told in what it multiplies.
    private func computing(_ model: HiggsModel) throws -> HiggsModel {
        try frozenCompute.check()
        model.parameters.workspace.multipliesNarrow = frozenCompute.type == .bfloat16
        return model
    }

    /// The model of a checkpoint of this run: the whole of it, or its adapter on the run's base.
    func model(checkpoint directory: String) throws -> HiggsModel {
        guard parts.adapter != nil else { return try computing(HiggsModel(loading: directory, parts: parts)) }
        let model = try base()
        try model.loadAdapter(from: directory)
        try AdapterProof.check(model, in: directory, base: baseDirectory)
        return model
    }

    /// The directory of the checkpoint that the run starts from; nil for a model at random.
    var baseDirectory: String? {
        guard case .directory(let directory) = config.model else { return nil }
        return directory
    }

    /// What training holds, before anything so large is loaded; without activations.
    func memoryNeed() throws -> MemoryNeed { MemoryNeed(try tensors()) }

    /// The model's tensors, as they will be; nothing of their values is read.
    func tensors() throws -> [TensorPlan] { try Self.tensors(config, modelConfig, parts) }

    private static func tensors(
        _ config: TrainConfig, _ model: ModelConfig, _ parts: TrainedParts
    ) throws -> [TensorPlan] {
        guard case .directory(let base) = config.model else {
            return HiggsModel.tensors(model, parts: parts, files: nil)
        }
        let (opened, files) = try HiggsModel.open(base)
        return HiggsModel.tensors(opened, parts: parts, files: files)
    }

    /// What a person should know once about the data and the model.
    var notes: [String] {
        var notes: [String] = []
        if let absence = records.absence { notes.append(absence) }
        let trained = parts.description
        if !trained.isEmpty { notes.append("trained:\(trained.drop { $0 == ":" || $0 == ";" })") }
        if modelConfig.tower == nil, source.isWork, DataSource.exists(source.path + "/features") {
            notes.append("the model has no audio tower: features/ is not read")
        }
        return notes
    }

    /// A term that is weighed needs labels.
    /// - Throws: `DataError.nothingToTrain` that names the terms.
    func check(labels: LabelCounts) throws {
        let terms = lossOptions.termsWithoutLabels(labels)
        guard !terms.isEmpty else { return }
        throw DataError.nothingToTrain(
            path: source.path, problem: "not a single label for \(terms.joined(separator: ", "))",
            remedy: "set the weight of what has no labels to 0, or check start_index and the roles in the manifest")
    }
}

extension ModelSource {
    /// Whether the model has a tower and so consumes `audio_features`.
    func takesFeatures() throws -> Bool {
        switch self {
        case .described(let description): description.tower != nil
        case .directory(let directory):
            try RunSetup.architecture(directory).tower != nil
        }
    }
}

extension ModelDescription {
    /// The mapping in the words of the original layout's config.json.
    var json: JSONObject {
        var object: JSONObject = [
            "hidden_size": .int(hiddenSize), "intermediate_size": .int(intermediateSize),
            "num_hidden_layers": .int(layerCount), "num_attention_heads": .int(headCount),
            "num_key_value_heads": .int(keyValueHeadCount), "head_dim": .int(headWidth),
            "rms_norm_eps": .double(normEpsilon), "rope_theta": .double(ropeTheta),
            "max_position_embeddings": .int(maxPositions), "initializer_range": .double(initializerRange),
            "audio_ffn_intermediate_size": .int(audioIntermediateSize),
            "audio_dual_ffn_layers": .array(dualLayers.map { .int($0) }),
        ]
        if let tower {
            object["audio_tower"] = [
                "d_model": .int(tower.width), "encoder_layers": .int(tower.layerCount),
                "encoder_attention_heads": .int(tower.headCount), "encoder_ffn_dim": .int(tower.feedForwardWidth),
            ]
        }
        return object
    }
}
