// From a tree of a config to its typed values: which keys there are, what each may be, what is missing.

import Foundation
import PipelineKit

extension TrainConfig {
    /// What the command line says beside the file; each flag goes before the file's key of the same name.
    struct Flags: Sendable, Equatable {
        var model: String?
        var dataPath: String?
        var outputDir: String?
        var adapter: String?
        /// `key.path=value`, applied in order, before the flags above.
        var overrides: [String] = []
    }

    /// Reads a config file and puts overrides and flags on top.
    ///
    /// - Throws: `ConfigError`; `Failure` with status 2 where the file cannot be read.
    init(file: String, flags: Flags = Flags()) throws {
        let text: String
        do {
            guard let valid = try MappedFile(path: file).withBytes({ String(validating: $0, as: UTF8.self) }) else {
                throw ConfigError.syntax(location: file.escapedForTerminal, problem: "not UTF-8")
            }
            text = valid
        } catch let error as FileError {
            var failure = error.failure
            failure.status = .badUsage
            failure.remedy = "name the config with --config"
            throw failure
        }
        try self.init(yaml: text, file: file, flags: flags)
    }

    /// Reads a config from its text; `file` is the name that errors show.
    init(yaml: String, file: String, flags: Flags = Flags()) throws {
        var tree = try ConfigNode(yaml: yaml, file: file)
        for override in flags.overrides { try tree.apply(override: override) }
        try self.init(tree, file: file.escapedForTerminal, flags: flags)
    }

    private init(_ tree: ConfigNode, file: String, flags: Flags) throws {
        let known = ConfigKeys.all
        let root = try ConfigSection<RootKey>(tree, path: "", file: file, known: known)
        func required(_ key: RootKey, _ flag: String?, remedy: String) throws -> String {
            let fromFile = try root.text(key, expected: "a path")
            guard let value = flag ?? fromFile, !value.isEmpty else {
                throw ConfigError.missingKey(key.rawValue, file: file, remedy: remedy)
            }
            return value
        }
        if let directory = flags.model {
            model = .directory(directory)
        } else if let node = root.node(.model) {
            model = try ModelSource(node, file: file, known: known)
        } else {
            throw ConfigError.missingKey(
                "model", file: file, remedy: "name a checkpoint directory, here or with --model, or describe a model")
        }
        dataPath = try required(.dataPath, flags.dataPath, remedy: "name the data, here or with --data-path WORK")
        outputDir = try required(.outputDir, flags.outputDir, remedy: "name the run, here or with --output-dir DIR")
        training = try TrainingOptions(
            ConfigSection(root.node(.training), path: "training", file: file, known: known))
        adapter = try flags.adapter ?? root.text(.adapter, expected: "a path")
        lora = try LoRAOptions(root, adapter: adapter, file: file, known: known)
        if lora != nil, !training.frozen.isEmpty {
            throw ConfigError.contradiction(
                "training.freeze beside an adapter, which freezes the whole base", location: file,
                remedy: "remove one of them; lora.modules_to_save trains modules whole")
        }
        loss = try LossConfig(ConfigSection(root.node(.loss), path: "loss", file: file, known: known))
    }
}

extension ModelSource {
    init(_ node: ConfigNode, file: String, known: [String]) throws {
        switch node.content {
        case .mapping:
            self = .described(
                try ModelDescription(ConfigSection(node, path: "model", file: file, known: known), known: known))
        case .scalar(let text, _) where !text.isEmpty: self = .directory(text)
        case .scalar, .list:
            throw ConfigError.illTyped(
                key: "model", got: node.quoted, expected: "a directory or a mapping that describes a model",
                location: node.origin.location)
        }
    }
}

extension TrainingOptions {
    init(_ section: ConfigSection<TrainingKey>) throws {
        // Products of two numbers of steps, rows or checkpoints must not overflow.
        let some = 1...Int(Int32.max)
        let isNotNegative = { (value: Double) in value >= 0 }
        let isFraction = { (value: Double) in value >= 0 && value < 1 }
        let defaults = TrainingOptions()
        epochs = try section.int(.epochs, in: some)
        maxSteps = try section.int(.maxSteps, in: some)
        guard epochs != nil || maxSteps != nil else {
            throw ConfigError.missingKey(
                "training.num_epochs or training.max_steps", file: section.file, remedy: "say when the run ends")
        }
        batchSize = try section.int(.batchSize, in: some) ?? defaults.batchSize
        maxBatchTokens = try section.int(.maxBatchTokens, in: some)
        accumulationSteps = try section.int(.accumulationSteps, in: some) ?? defaults.accumulationSteps
        guard let rate = try section.number(.learningRate, "at least 0", where: isNotNegative) else {
            throw ConfigError.missingKey(
                "training.learning_rate", file: section.file, remedy: "set it, such as 1e-4 to fine-tune")
        }
        learningRate = rate
        scheduler = try section.choice(.scheduler, of: Scheduler.self) ?? defaults.scheduler
        warmupSteps = try section.int(.warmupSteps, in: 0...some.upperBound) ?? defaults.warmupSteps
        weightDecay = try section.number(.weightDecay, "at least 0", where: isNotNegative) ?? defaults.weightDecay
        adamBeta1 = try section.number(.adamBeta1, "at least 0 and below 1", where: isFraction) ?? defaults.adamBeta1
        adamBeta2 = try section.number(.adamBeta2, "at least 0 and below 1", where: isFraction) ?? defaults.adamBeta2
        adamEpsilon = try section.number(.adamEpsilon, "above 0", where: { $0 > 0 }) ?? defaults.adamEpsilon
        maxGradNorm =
            try section.number(.maxGradNorm, "at least 0 (0: no clipping)", where: isNotNegative)
            ?? defaults.maxGradNorm
        gradientCheckpointing = try section.flag(.gradientCheckpointing) ?? defaults.gradientCheckpointing
        saveSteps = try section.int(.saveSteps, in: some)
        evalSteps = try section.int(.evalSteps, in: some)
        loggingSteps = try section.int(.loggingSteps, in: some) ?? defaults.loggingSteps
        saveTotalLimit = try section.int(.saveTotalLimit, in: some)
        seed = try section.int(.seed, in: 0...Int.max) ?? defaults.seed
        shuffle = try section.flag(.shuffle) ?? defaults.shuffle
        validationFraction =
            try section.number(.validationFraction, "0 to 0.5", where: { (0...0.5).contains($0) })
            ?? defaults.validationFraction
        validationBy = try section.choice(.validationBy, of: ValidationBy.self) ?? defaults.validationBy
        requirePretrained = try section.flag(.requirePretrained) ?? defaults.requirePretrained
        frozenComputeType = try section.choice(.frozenComputeType, of: ComputeType.self) ?? defaults.frozenComputeType
        let words = ParameterGroup.words
        let expected = "a list of " + words.map(\.word).joined(separator: ", ")
        let groups = try section.list(.freeze, expected: expected) { node in
            ConfigSection<TrainingKey>.string(node).flatMap { text in words.first { $0.word == text }?.groups }
        }
        let frozen = Set((groups ?? []).joined())
        self.frozen = ParameterGroup.allCases.filter(frozen.contains)
        if frozen.count == ParameterGroup.allCases.count, let node = section.node(.freeze) {
            throw section.outOfRange(.freeze, node, expected: "something that is left to train")
        }
    }
}

extension LossConfig {
    init(_ section: ConfigSection<LossKey>) throws {
        let isNotNegative = { (value: Double) in value >= 0 }
        let defaults = LossConfig()
        textWeight = try section.number(.textWeight, "at least 0", where: isNotNegative) ?? defaults.textWeight
        audioWeight = try section.number(.audioWeight, "at least 0", where: isNotNegative) ?? defaults.audioWeight
        if textWeight == 0, audioWeight == 0 {
            throw ConfigError.contradiction(
                "text_loss_weight and audio_loss_weight are both 0: nothing would be trained", location: section.file,
                remedy: "give one of them a weight")
        }
        let expected = "a list of numbers that are at least 0, one a codebook, not all 0"
        codebookWeights = try section.list(.codebookWeights, expected: expected) { node in
            ConfigSection<LossKey>.number(node).flatMap { $0 >= 0 ? $0 : nil }
        }
        if let weights = codebookWeights, !weights.contains(where: { $0 > 0 }),
            let node = section.node(.codebookWeights)
        {
            throw section.outOfRange(.codebookWeights, node, expected: expected)
        }
        labelSmoothing =
            try section.number(.labelSmoothing, "at least 0 and below 1", where: { $0 >= 0 && $0 < 1 })
            ?? defaults.labelSmoothing
    }
}
