// Reads `lora:`, or takes what an adapter that goes on training says about itself.

import PipelineKit

extension LoRAOptions {
    /// The adapter that a config wants; nil where it wants none.
    ///
    /// - Parameter adapter: a directory whose adapter goes on training; its own config holds.
    /// - Throws: `ConfigError`; `AdapterError`, `Failure` for an adapter that cannot be read.
    init?(_ root: ConfigSection<RootKey>, adapter: String?, file: String, known: [String]) throws {
        let section = try root.node(.lora).map {
            try ConfigSection<LoRAKey>($0, path: RootKey.lora.rawValue, file: file, known: known)
        }
        if let adapter {
            self = try AdapterConfig(directory: adapter).options
            try section?.refuseContradictions(of: self, in: adapter)
        } else if let section {
            self = try LoRAOptions(section)
        } else {
            return nil
        }
    }

    init(_ section: ConfigSection<LoRAKey>) throws {
        let defaults = LoRAOptions()
        r = try section.int(.r, in: 1...Int(Int32.max)) ?? defaults.r
        alpha = try section.number(.alpha, "above 0", where: { $0 > 0 }) ?? defaults.alpha
        dropout =
            try section.number(.dropout, "at least 0 and below 1", where: { $0 >= 0 && $0 < 1 }) ?? defaults.dropout
        let mode = try section.choice(.targetMode, of: TargetMode.self) ?? defaults.targetMode
        let names = "a list of module names"
        if let node = section.node(.targetModules), case .scalar(let text, _) = node.content {
            targetModules = .pattern(text)
        } else {
            targetModules = try section.list(
                .targetModules, expected: "a list of module names or a pattern", read: ConfigSection<LoRAKey>.string
            ).map { .names($0) }
        }
        // Modules that are named leave the mode without a meaning.
        targetMode = targetModules == nil ? mode : defaults.targetMode
        modulesToSave =
            try section.list(.modulesToSave, expected: names, read: ConfigSection<LoRAKey>.string)
            ?? defaults.modulesToSave
        useRSLoRA = try section.flag(.useRSLoRA) ?? defaults.useRSLoRA
    }
}

extension ConfigSection<LoRAKey> {
    /// An adapter that goes on training is what its own config says: keys that are given may say the same.
    /// - Throws: `ConfigError.contradiction` for the first that does not.
    func refuseContradictions(of options: LoRAOptions, in directory: String) throws {
        let given = try LoRAOptions(self)
        func isSame(_ key: LoRAKey) -> Bool {
            switch key {
            case .r: given.r == options.r
            case .alpha: given.alpha == options.alpha
            case .dropout: given.dropout == options.dropout
            case .targetModules: given.targetModules == options.targetModules
            case .targetMode: given.targetMode.pattern == options.targetModules
            case .modulesToSave:
                // Saved adapters have whole names, configs the ends of them.
                options.modulesToSave.allSatisfy { name in
                    given.modulesToSave.contains { ModulePattern.ends(name, with: $0) }
                }
                    && given.modulesToSave.allSatisfy { end in
                        options.modulesToSave.contains { ModulePattern.ends($0, with: end) }
                    }
            case .useRSLoRA: given.useRSLoRA == options.useRSLoRA
            }
        }
        // The mode means nothing where modules are named.
        let named = node(.targetModules) != nil
        for key in LoRAKey.allCases where !(key == .targetMode && named) {
            guard let node = node(key), !isSame(key) else { continue }
            throw ConfigError.contradiction(
                "\(name(key)) is not what \(AdapterConfig.name) of \(directory.escapedForTerminal) says",
                location: node.origin.location, remedy: "remove the key: an adapter that goes on training keeps its own"
            )
        }
    }
}
