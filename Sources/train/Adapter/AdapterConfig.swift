// adapter_config.json as peft 0.21 reads and writes it (peft/tuners/lora/config.py). Variants of LoRA that are not computed
// here are refused by name.

import PipelineKit

/// What an adapter directory says about itself.
struct AdapterConfig: Sendable, Equatable {
    static let name = "adapter_config.json"

    var options: LoRAOptions
    /// `base_model_name_or_path`; for people.
    var base: String?

    /// Keys that change what is computed when they are anything but null, false or empty.
    private static let unsupported = [
        "use_dora", "use_qalora", "use_bdlora", "lora_bias", "fan_in_fan_out", "rank_pattern", "alpha_pattern",
        "layers_to_transform", "layers_pattern", "exclude_modules", "target_parameters", "trainable_token_indices",
        "layer_replication", "alora_invocation_tokens", "arrow_config", "kasa_config", "monteclora_config",
        "velora_config",
    ]
    /// Ways to initialise that leave the base as it is; others move part of it into the adapter.
    private static let harmlessInitializations = ["gaussian", "eva", "orthogonal"]

    /// Reads the config of an adapter directory.
    /// - Throws: `Failure` with status 2 where there is none or it is no JSON; `AdapterError`.
    init(directory: String) throws {
        let path = directory + "/" + Self.name
        guard DataSource.exists(path) else {
            throw Failure(
                .badUsage, "no \(Self.name): not an adapter directory", at: directory.escapedForTerminal,
                remedy: "name one that peft or train has written")
        }
        let location = path.escapedForTerminal
        guard let document = try JSONValue(contentsOfFile: path).objectValue else {
            throw AdapterError.config(key: "peft_type", problem: "is missing", location: location)
        }
        func value(_ key: String) -> JSONValue? { document[key].flatMap { $0.isNull ? nil : $0 } }
        func required<Value>(_ key: String, _ expected: String, _ read: (JSONValue) -> Value?) throws -> Value {
            guard let found = value(key) else {
                throw AdapterError.config(key: key, problem: "is missing", location: location)
            }
            guard let value = read(found) else {
                throw AdapterError.config(key: key, problem: "is not \(expected)", location: location)
            }
            return value
        }
        func refuse(_ key: String, unless isFine: (JSONValue) -> Bool) throws {
            guard let found = value(key), !isFine(found) else { return }
            throw AdapterError.unsupported(key: key, got: found.pythonDump(), location: location)
        }
        try refuse("peft_type") { $0.stringValue == "LORA" }
        _ = try required("peft_type", "a text") { $0.stringValue }
        for key in Self.unsupported {
            try refuse(key) { found in
                found.boolValue == false || found.objectValue?.members.isEmpty == true
                    || found.arrayValue?.isEmpty == true
            }
        }
        try refuse("bias") { $0.stringValue == "none" }
        try refuse("init_lora_weights") { found in
            found.boolValue != nil || found.stringValue.map(Self.harmlessInitializations.contains) == true
        }
        var options = LoRAOptions()
        options.r = try required("r", "a whole number of 1 or more") { $0.intValue.flatMap { $0 >= 1 ? $0 : nil } }
        options.alpha = try required("lora_alpha", "a number above 0") { $0.doubleValue.flatMap { $0 > 0 ? $0 : nil } }
        if value("lora_dropout") != nil {
            options.dropout = try required("lora_dropout", "at least 0 and below 1") {
                $0.doubleValue.flatMap { (0..<1).contains($0) ? $0 : nil }
            }
        }
        options.targetModules = try required("target_modules", "a list of names or a pattern", ModulePattern.init)
        if value("modules_to_save") != nil {
            options.modulesToSave = try required("modules_to_save", "a list of names") { found in
                ModulePattern(json: found).flatMap { if case .names(let names) = $0 { names } else { nil } }
            }
        }
        if value("use_rslora") != nil {
            options.useRSLoRA = try required("use_rslora", "true or false") { $0.boolValue }
        }
        self.options = options
        base = value("base_model_name_or_path")?.stringValue
    }

    /// The document for an adapter of ours: every key that changes what peft computes.
    static func document(_ plan: AdapterPlan, layout: CheckpointLayout, base: String?) -> JSONValue {
        let options = plan.options
        let alpha = Int(exactly: options.alpha).map { JSONValue.int($0) } ?? .double(options.alpha)
        // What AutoPeftModel needs to find the base's class; the original code is no part of transformers.
        let mapping: JSONValue =
            layout == .original
            ? .null
            : [
                "base_model_class": "HiggsAudioV2ForConditionalGeneration",
                "parent_library": "transformers.models.higgs_audio_v2.modeling_higgs_audio_v2",
            ]
        return [
            "alpha_pattern": [:], "auto_mapping": mapping, "base_model_name_or_path": base.map { .string($0) } ?? .null,
            "bias": "none", "exclude_modules": .null, "fan_in_fan_out": false, "inference_mode": true,
            "init_lora_weights": true, "layers_pattern": .null, "layers_to_transform": .null, "lora_alpha": alpha,
            "lora_bias": false, "lora_dropout": .double(options.dropout),
            "modules_to_save": plan.savedModules.isEmpty ? .null : .array(plan.savedModules.map { .string($0) }),
            "peft_type": "LORA", "r": .int(options.r), "rank_pattern": [:], "revision": .null,
            "target_modules": plan.pattern.json, "task_type": .null, "use_dora": false,
            "use_rslora": .bool(options.useRSLoRA),
        ]
    }
}
