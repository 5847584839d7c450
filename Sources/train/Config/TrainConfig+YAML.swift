// The resolved config as a file that can be read back, and the comparison of two configs key by key.

import PipelineKit

extension TrainConfig {
    /// The config as YAML with every key that has a value; reading it back gives an equal config.
    ///
    /// Strings are double-quoted with JSON's escapes, which YAML shares.
    var yaml: String {
        var lines: [String] = []
        var open: [String] = []
        for (path, value) in flattened {
            var sections = path.split(separator: ".").map(String.init)
            let key = sections.removeLast()
            let shared = zip(sections, open).prefix { $0 == $1 }.count
            for depth in shared..<max(shared, sections.count) {
                lines.append(String(repeating: "  ", count: depth) + sections[depth] + ":")
            }
            open = sections
            lines.append(String(repeating: "  ", count: sections.count) + key + ": " + value.pythonDump(ascii: false))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Every key that has a value, by path, in the order of the file.
    var flattened: [(path: String, value: JSONValue)] {
        var all: [(path: String, value: JSONValue)] = []
        func add(_ path: String, _ value: JSONValue?) {
            if let value { all.append((path, value)) }
        }
        switch model {
        case .directory(let path): add("model", .string(path))
        case .described(let model): all += model.flattened
        }
        add("data_path", .string(dataPath))
        add("output_dir", .string(outputDir))
        add("adapter", adapter.map { .string($0) })
        all += training.flattened
        if let lora { all += lora.flattened }
        all += loss.flattened
        return all
    }

    /// Keys that a run may change and still be the same run: where things lie (the data's digest is compared instead of
    /// its path), and how often and how many checkpoints are kept.
    static let keysOutsideIdentity: Set<String> = [
        "data_path", "output_dir", "training.save_steps", "training.save_total_limit",
    ]

    /// What makes two runs the same: every key but `keysOutsideIdentity`, as canonical JSON.
    var identity: String {
        let members = flattened.filter { !Self.keysOutsideIdentity.contains($0.path) }
        return JSONValue.object(JSONObject(members.map { (key: $0.path, value: $0.value) })).pythonDump(sortKeys: true)
    }

    /// The keys of the identity in which this config differs from `other`, each as `key (VALUE, was VALUE)`.
    func differences(from other: TrainConfig) -> [String] {
        func members(_ config: TrainConfig) -> [(path: String, value: JSONValue)] {
            config.flattened.filter { !Self.keysOutsideIdentity.contains($0.path) }
        }
        func text(_ value: JSONValue?) -> String {
            value.map { $0.pythonDump(ascii: false).escapedForTerminal } ?? "unset"
        }
        let mine = members(self), theirs = members(other)
        let before = Dictionary(uniqueKeysWithValues: theirs.map { ($0.path, $0.value) })
        let now = Dictionary(uniqueKeysWithValues: mine.map { ($0.path, $0.value) })
        let paths = mine.map(\.path) + theirs.map(\.path).filter { now[$0] == nil }
        return paths.filter { now[$0] != before[$0] }.map { "\($0) (\(text(now[$0])), was \(text(before[$0])))" }
    }
}

/// Collects the members of one section under its path.
private struct Flattened<Key: ConfigKey> {
    let section: String
    var members: [(path: String, value: JSONValue)] = []

    init(_ type: Key.Type, _ section: String) { self.section = section }

    mutating func add(_ key: Key, _ value: JSONValue?) {
        if let value { members.append((section + "." + key.rawValue, value)) }
    }
    mutating func add(_ key: Key, _ value: Int?) { add(key, value.map { JSONValue.int($0) }) }
    mutating func add(_ key: Key, _ value: Double) { add(key, JSONValue.double(value)) }
    mutating func add(_ key: Key, _ value: Bool) { add(key, JSONValue.bool(value)) }
    mutating func add(_ key: Key, _ value: [String]?) {
        add(key, value.map { JSONValue.array($0.map { .string($0) }) })
    }
}

extension ModelDescription {
    fileprivate var flattened: [(path: String, value: JSONValue)] {
        var keys = Flattened(ModelKey.self, "model")
        keys.add(.hiddenSize, hiddenSize)
        keys.add(.intermediateSize, intermediateSize)
        keys.add(.layerCount, layerCount)
        keys.add(.headCount, headCount)
        keys.add(.keyValueHeadCount, keyValueHeadCount)
        keys.add(.headWidth, headWidth)
        keys.add(.audioIntermediateSize, audioIntermediateSize)
        keys.add(.dualLayers, .array(dualLayers.map { .int($0) }))
        keys.add(.ropeTheta, ropeTheta)
        keys.add(.normEpsilon, normEpsilon)
        keys.add(.initializerRange, initializerRange)
        keys.add(.maxPositions, maxPositions)
        guard let tower else { return keys.members }
        var towerKeys = Flattened(TowerKey.self, "model.audio_tower")
        towerKeys.add(.width, tower.width)
        towerKeys.add(.layerCount, tower.layerCount)
        towerKeys.add(.headCount, tower.headCount)
        towerKeys.add(.feedForwardWidth, tower.feedForwardWidth)
        return keys.members + towerKeys.members
    }
}

extension TrainingOptions {
    fileprivate var flattened: [(path: String, value: JSONValue)] {
        var keys = Flattened(TrainingKey.self, "training")
        keys.add(.epochs, epochs)
        keys.add(.maxSteps, maxSteps)
        keys.add(.batchSize, batchSize)
        keys.add(.maxBatchTokens, maxBatchTokens)
        keys.add(.accumulationSteps, accumulationSteps)
        keys.add(.learningRate, learningRate)
        keys.add(.scheduler, .string(scheduler.rawValue))
        keys.add(.warmupSteps, warmupSteps)
        keys.add(.weightDecay, weightDecay)
        keys.add(.adamBeta1, adamBeta1)
        keys.add(.adamBeta2, adamBeta2)
        keys.add(.adamEpsilon, adamEpsilon)
        keys.add(.maxGradNorm, maxGradNorm)
        keys.add(.gradientCheckpointing, gradientCheckpointing)
        keys.add(.saveSteps, saveSteps)
        keys.add(.evalSteps, evalSteps)
        keys.add(.loggingSteps, loggingSteps)
        keys.add(.saveTotalLimit, saveTotalLimit)
        keys.add(.seed, seed)
        keys.add(.shuffle, shuffle)
        keys.add(.validationFraction, validationFraction)
        keys.add(.validationBy, .string(validationBy.rawValue))
        keys.add(.requirePretrained, requirePretrained)
        if !frozen.isEmpty { keys.add(.freeze, frozen.map(\.rawValue)) }
        keys.add(.frozenComputeType, .string(frozenComputeType.rawValue))
        return keys.members
    }
}

extension LoRAOptions {
    fileprivate var flattened: [(path: String, value: JSONValue)] {
        var keys = Flattened(LoRAKey.self, "lora")
        keys.add(.r, r)
        keys.add(.alpha, alpha)
        keys.add(.dropout, dropout)
        if targetModules == nil { keys.add(.targetMode, .string(targetMode.rawValue)) }
        keys.add(.targetModules, targetModules?.json)
        keys.add(.modulesToSave, modulesToSave)
        keys.add(.useRSLoRA, useRSLoRA)
        return keys.members
    }
}

extension LossConfig {
    fileprivate var flattened: [(path: String, value: JSONValue)] {
        var keys = Flattened(LossKey.self, "loss")
        keys.add(.textWeight, textWeight)
        keys.add(.audioWeight, audioWeight)
        keys.add(.codebookWeights, codebookWeights.map { .array($0.map { .double($0) }) })
        keys.add(.labelSmoothing, labelSmoothing)
        return keys.members
    }
}
