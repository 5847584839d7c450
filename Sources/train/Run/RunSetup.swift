// Everything that is decided and checked before the first step and before the run directory is touched: the data's
// directories and records, the model's architecture, and that they fit each other and the config.

import PipelineKit

/// A config that has met its data and its model.
struct RunSetup: Sendable {
    let config: TrainConfig
    let source: DataSource
    let records: DataRecords
    let modelConfig: ModelConfig

    var format: SequenceFormat { modelConfig.sequenceFormat }
    var lossOptions: LossOptions { config.loss.options }

    /// - Throws: `ConfigError`, `DataError`, the model's own errors; nothing has been written then.
    init(_ config: TrainConfig) throws {
        self.config = config
        try config.refuseWhatIsNotBuilt()
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
        try records.check(against: modelConfig.sequenceFormat, source: source)
        try Self.check(config.loss, against: modelConfig)
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

    /// The model before its first step: the checkpoint that the config names, or one at random from the seed.
    func model() throws -> HiggsModel {
        switch config.model {
        case .directory(let directory): try HiggsModel(loading: directory)
        case .described: HiggsModel(config: modelConfig, seed: UInt64(config.training.seed))
        }
    }

    /// What a person should know once about the data and the model.
    var notes: [String] {
        var notes: [String] = []
        if let absence = records.absence { notes.append(absence) }
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

extension TrainConfig {
    /// Keys that are part of the contract, but that this version does not compute, are refused.
    /// - Throws: `ConfigError.notImplemented`.
    func refuseWhatIsNotBuilt() throws {
        if lora != nil {
            throw ConfigError.notImplemented(
                "training an adapter (lora) is not yet implemented in this version", location: "config",
                remedy: "remove the lora section to train all parameters")
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
