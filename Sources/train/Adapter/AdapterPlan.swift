// An adapter for one model: its numbers, and the modules that it acts on.

import PipelineKit

/// What an adapter is made of.
struct AdapterPlan: Sendable, Equatable {
    /// r, alpha, dropout and the rest, as configs have them.
    let options: LoRAOptions
    /// `target_modules` as adapter_config.json says it.
    let pattern: ModulePattern
    /// Weights of the projections that have a low-rank term, in the order of computation.
    let targets: [ParameterKey]
    /// Tensors of the modules that are trained whole (`modules_to_save`).
    let saved: [ParameterKey]
    /// Their full names.
    let savedModules: [String]

    /// alpha / r, or with rank stabilisation (Kalajdzievski, arXiv 2312.03732) alpha / √r.
    var scale: Float {
        let rank = Double(options.r)
        return Float(options.alpha / (options.useRSLoRA ? rank.squareRoot() : rank))
    }

    /// Finds the modules of a model that the options mean.
    /// - Parameter location: where the options stand, for errors.
    /// - Throws: `AdapterError` for names that mean nothing, or no linear layer.
    init(_ options: LoRAOptions, for config: ModelConfig, location: String) throws {
        self.options = options
        pattern = options.targetModules ?? options.targetMode.pattern
        var modules: [(name: String, keys: [ParameterKey])] = []
        var places: [String: Int] = [:]
        for (key, _) in config.parameterShapes where key.isTrainable {
            let name = config.layout.module(of: key)
            if let place = places[name] {
                modules[place].keys.append(key)
            } else {
                places[name] = modules.count
                modules.append((name, [key]))
            }
        }
        let names = modules.map(\.name)
        var whole = Set<Int>()
        for name in options.modulesToSave {
            // peft's `_set_trainable` asks for the end of a name, with or without a dot before it.
            let found = names.indices.filter { ModulePattern.ends(names[$0], with: name) }
            if found.isEmpty { _ = try ModulePattern.names([name]).matched(in: names, location: location) }
            whole.formUnion(found)
        }
        var targets: [ParameterKey] = []
        for place in try pattern.matched(in: names, location: location).sorted() where !whole.contains(place) {
            guard let weight = modules[place].keys.first(where: \.isProjection) else {
                throw AdapterError.noLinearLayer(names[place], location: location)
            }
            targets.append(weight)
        }
        self.targets = targets
        saved = whole.sorted().flatMap { modules[$0].keys }
        savedModules = whole.sorted().map { names[$0] }
    }
}
