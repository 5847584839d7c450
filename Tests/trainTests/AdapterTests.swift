import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import train

/// Which modules an adapter acts on, what its config may say, and the probe that it is applied.
@Suite struct AdapterTests {
    private func plan(_ config: ModelConfig, _ change: (inout LoRAOptions) -> Void) throws -> AdapterPlan {
        var options = LoRAOptions()
        options.r = 2
        change(&options)
        return try AdapterPlan(options, for: config, location: "lora")
    }

    private func names(_ config: ModelConfig, _ change: (inout LoRAOptions) -> Void) throws -> [String] {
        try plan(config, change).targets.map { config.layout.module(of: $0) }
    }

    @Test func `the modes name the decoder's projections and leave the tower's alone`() throws {
        let config = try SmallModel.config(tower: true, dualLayers: [1])
        let attention = ["q_proj", "k_proj", "v_proj", "o_proj"].map { "self_attn.\($0)" }
        func audio(_ layer: Int) -> [String] {
            layer == 1 ? ["gate_proj", "up_proj", "down_proj"].map { "audio_mlp.\($0)" } : []
        }
        let text = ["gate_proj", "up_proj", "down_proj"].map { "mlp.\($0)" }
        func expected(_ parts: (Int) -> [String]) -> [String] {
            (0..<2).flatMap { layer in parts(layer).map { "layers.\(layer).\($0)" } }
        }
        #expect(try names(config) { $0.targetMode = .attentionOnly } == expected { _ in attention })
        #expect(try names(config) { $0.targetMode = .audioFocused } == expected { attention + audio($0) })
        #expect(try names(config) { $0.targetMode = .comprehensive } == expected { attention + text + audio($0) })
        // transformers' layout has the same modules below `model.`.
        let other = try HiggsModel.open(fixture("hf/base")).config
        #expect(try names(other) { _ in }.count == 3 * 10)
        #expect(try names(other) { _ in }.allSatisfy { $0.hasPrefix("model.layers.") })
    }

    @Test func `a name is a module or the end of one behind a dot, a text is a whole expression`() throws {
        let config = try SmallModel.config(tower: true)
        #expect(
            try names(config) { $0.targetModules = .names(["mlp.up_proj", "layers.1.self_attn.q_proj"]) }
                == ["layers.0.mlp.up_proj", "layers.1.self_attn.q_proj", "layers.1.mlp.up_proj"])
        // audio_mlp.up_proj ends with `mlp.up_proj`, but not behind a dot.
        #expect(try names(config) { $0.targetModules = .names(["up_proj"]) }.count == 4)
        #expect(
            try names(config) { $0.targetModules = .names(["q_proj"]) }.contains(
                "audio_tower.layers.0.self_attn.q_proj"))
        #expect(
            try names(config) { $0.targetModules = .pattern(#".*tower\.layers\.\d\.(fc1|fc2)"#) }
                == ["audio_tower.layers.0.fc1", "audio_tower.layers.0.fc2"])
        #expect(
            try names(config) { $0.targetModules = .names(["audio_decoder_proj.text_lm_head", "linear"]) }
                == ["audio_encoder_proj.linear", "audio_decoder_proj.text_lm_head"])
    }

    @Test func `modules that are trained whole win over the low-rank term`() throws {
        let config = try SmallModel.config(tower: false)
        let plan = try plan(config) {
            $0.targetModules = .names(["q_proj", "o_proj"])
            $0.modulesToSave = ["o_proj", "audio_lm_head", "input_layernorm"]
        }
        #expect(plan.targets == [.layer(0, .query), .layer(1, .query)])
        #expect(plan.saved.contains(.layer(1, .output)) && plan.saved.contains(.audioHead))
        // peft asks for the end of the name alone, so that the audio norm is meant, too.
        #expect(plan.saved.contains(.layer(0, .inputNorm)) && plan.saved.contains(.layer(0, .audioInputNorm)))
        #expect(plan.savedModules.count == 2 + 1 + 4)
        let model = HiggsModel(config: config, seed: 1, parts: TrainedParts(adapter: plan))
        #expect(Set(model.parameters.entries.filter { $0.isTrained && $0.isBase }.map(\.key)) == Set(plan.saved))
        #expect(plan.scale == 8)
        #expect(
            try self.plan(config) {
                $0.r = 4; $0.alpha = 6; $0.useRSLoRA = true
            }.scale == 3)
    }

    @Test func `names that mean nothing are refused with the nearest ones`() throws {
        let config = try SmallModel.config(tower: false)
        func told(_ change: (inout LoRAOptions) -> Void) -> Failure? { failure { try plan(config, change) } }
        let typo = told { $0.targetModules = .names(["q_proj", "gate_porj"]) }
        #expect(typo?.status == .badUsage && typo?.location == "lora")
        #expect(typo?.what == "gate_porj means no module of the model")
        #expect(typo?.remedy?.contains("nearest names are gate_proj") == true)
        let short = told { $0.targetModules = .pattern("q_proj") }
        #expect(short?.what == "q_proj means no module of the model")
        #expect(short?.remedy?.contains("regular expression for whole names") == true)
        #expect(told { $0.targetModules = .pattern("(q_proj") }?.what.contains("not a regular expression") == true)
        #expect(told { $0.targetModules = .names(["embed_tokens"]) }?.what.contains("no linear layer") == true)
        #expect(told { $0.targetModules = .names([]) } != nil)
        #expect(told { $0.modulesToSave = ["lm_haed"] }?.what == "lm_haed means no module of the model")
    }

    @Test func `variants that are not computed are refused by name`() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/adapter_config.json"
            func told(_ key: String, _ value: JSONValue) throws -> Failure? {
                try AtomicFile.write(fileBytes(fixture("hf/adapter/adapter_config.json")), to: path)
                #expect(throws: Never.self) { try AdapterConfig(directory: directory) }
                try rewrite(path) { $0[key] = value }
                return failure { try AdapterConfig(directory: directory) }
            }
            for (key, value) in [
                ("use_dora", true), ("bias", "all"), ("rank_pattern", ["q_proj": 8]), ("alpha_pattern", ["q_proj": 8]),
                ("layers_to_transform", [1]), ("peft_type", "IA3"), ("init_lora_weights", "pissa"), ("lora_bias", true),
                ("fan_in_fan_out", true), ("exclude_modules", ["q_proj"]),
            ] as [(String, JSONValue)] {
                let told = try told(key, value)
                #expect(told?.status == .badUsage && told?.what.contains("'\(key)' is ") == true, "\(key)")
                #expect(told?.location == path)
            }
            for (key, value) in [("r", 0), ("lora_alpha", "x"), ("lora_dropout", 1), ("target_modules", 3)]
                as [(String, JSONValue)]
            {
                #expect(try told(key, value)?.what.hasPrefix("'\(key)' is not") == true, "\(key)")
            }
            #expect(try told("r", .null)?.what == "'r' is missing")
            #expect(failure { try AdapterConfig(directory: directory + "/none") }?.status == .badUsage)
        }
    }

    @Test func `an adapter of another base is refused with every tensor that does not fit`() throws {
        let config = try HiggsModel.open(fixture("hf/base")).config
        let plan = try plan(config) {
            $0.r = 4
            $0.targetModules = .names(["q_proj", "k_proj"])
            $0.modulesToSave = ["text_lm_head"]
        }
        let model = try HiggsModel(loading: fixture("hf/base"), parts: TrainedParts(adapter: plan))
        let error = #expect(throws: CheckpointError.self) { try model.loadAdapter(from: fixture("hf/adapter")) }
        #expect(error?.missing == ["base_model.model.text_lm_head.weight"])
        #expect(error?.unexpected.contains("base_model.model.model.layers.0.mlp.up_proj.lora_A.weight") == true)
        #expect(error?.unexpected.count == 3 * 8 * 2)
        #expect(error?.failure.what.hasPrefix("the adapter does not fit this base") == true)
        let wide = try self.plan(config) { $0.targetModules = .names(["q_proj"]) }
        let narrow = try HiggsModel(loading: fixture("hf/base"), parts: TrainedParts(adapter: wide))
        let other = #expect(throws: CheckpointError.self) { try narrow.loadAdapter(from: fixture("hf/adapter")) }
        #expect(other?.misshaped.first?.got == [4, 64] && other?.misshaped.first?.expected == [2, 64])
    }
}

/// The probe, and the faults that it must find, each planted in what it asks.
@Suite struct AdapterProbeTests {
    private func subject(_ root: String, _ overrides: [String] = ["lora.r=3"]) throws -> (HiggsModel, PackedBatch) {
        let work = try AdapterWork(root)
        let setup = try RunSetup(work.config("run", overrides))
        return (try setup.model(), try work.batch(setup))
    }

    private func probe(
        _ model: HiggsModel, loss: @escaping (PackedBatch) throws -> Double
    ) -> AdapterProbe {
        AdapterProbe(model, loss: loss) {
            _ = try model.forwardBackward($0, loss: LossOptions(), normalizers: $0.labelCounts)
        }
    }

    @Test func `an honest adapter does what its gradient says, and is as it was afterwards`() throws {
        try withTemporaryDirectory { root in
            for overrides in [
                ["lora.r=3"], ["lora.r=2", "lora.use_rslora=true", "lora.target_modules_mode=audio_focused"],
                [#"lora.target_modules='audio_(tower|encoder_proj).*(_proj|fc1|fc2|linear)'"#],
            ] {
                let (model, batch) = try subject(root + "/\(overrides.count)\(overrides[0].count)", overrides)
                let before = model.parameters.entries.filter { !$0.isBase }.map { Array(model.parameters.values($0)) }
                let finding = try AdapterProbe(model, options: LossOptions()).run(batch)
                #expect(finding.isApplied && finding.silent.isEmpty, "\(finding)")
                #expect(throws: Never.self) { try finding.judged() }
                let after = model.parameters.entries.filter { !$0.isBase }.map { Array(model.parameters.values($0)) }
                #expect(before == after && model.parameters.gradientNorm() == 0)
            }
        }
    }

    @Test func `an adapter that is never applied is caught`() throws {
        try withTemporaryDirectory { root in
            let (model, batch) = try subject(root)
            let finding = try probe(model) { batch in
                try model.withoutAdapter { try model.evaluate(batch, loss: LossOptions()).loss(LossOptions()) }
            }.run(batch)
            #expect(!finding.isApplied && finding.promised > 0 && finding.measured == 0)
            #expect(failure { try finding.judged() }?.what.contains("should raise the loss") == true)
        }
    }

    @Test func `a gradient that is never computed is caught`() throws {
        try withTemporaryDirectory { root in
            let (model, batch) = try subject(root)
            let finding = try AdapterProbe(model) {
                try model.evaluate($0, loss: LossOptions()).loss(LossOptions())
            } gradients: { _ in
            }.run(batch)
            #expect(!finding.isApplied)
            #expect(failure { try finding.judged() }?.what.contains("no module") == true)
        }
    }

    @Test func `an adapter that is applied with another scale than its gradient's is caught`() throws {
        try withTemporaryDirectory { root in
            let (model, batch) = try subject(root)
            let wrong = probe(model) { batch in
                // The same model with alpha a tenth larger.
                guard let plan = model.parts.adapter else { return 0 }
                var options = plan.options
                options.alpha *= 1.1
                let other = try HiggsModel(
                    loading: root + "/base",
                    parts: TrainedParts(adapter: try AdapterPlan(options, for: model.config, location: "")))
                for (a, b) in zip(model.parameters.entries, other.parameters.entries) where !a.isBase {
                    _ = other.parameters.values(b).update(from: model.parameters.values(a))
                }
                return try other.evaluate(batch, loss: LossOptions()).loss(LossOptions())
            }
            #expect(try !wrong.run(batch).isApplied)
        }
    }

    @Test func `the preflight asks the adapter's question and passes`() throws {
        try withTemporaryDirectory { root in
            let work = try AdapterWork(root)
            let table = Preflight(threads: 1).run { try work.config("run") }
            #expect(table.rows.allSatisfy { $0.mark == .passed }, "\(table.text)")
            // Two dual layers of ten projections.
            let row = table.rows.first { $0.title == Preflight.adapterTitle }
            #expect(row?.finding.hasPrefix("20 modules move the loss by") == true)
            #expect(!FileManager.default.fileExists(atPath: root + "/run"))
        }
    }
}
