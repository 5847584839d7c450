import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import train

private struct Killed: Error {}

/// Whole runs that train an adapter: what they write, that they go on bit for bit, what they refuse, and merging.
@Suite(.serialized) struct AdapterRunTests {
    private func lines(_ run: String) throws -> [String] {
        try String(contentsOfFile: run + "/metrics.jsonl", encoding: .utf8).split(separator: "\n").map { line in
            guard var object = try JSONValue(parsing: String(line)).objectValue else { return "" }
            for key in MetricsLine.timeKeys { object[key] = nil }
            return JSONValue.object(object).pythonDump()
        }
    }

    private let names = [
        "adapter_model.safetensors", "adapter_config.json", "optimizer.safetensors", "adapter_proof.json",
    ]

    @Test func `a run leaves the base alone, learns, and goes on bit for bit, with dropout and by recomputing`() throws
    {
        try withTemporaryDirectory { root in
            let work = try AdapterWork(root)
            let base = try fileBytes(work.base + "/model.safetensors")
            let saving = AdapterWork.lora + ["training.save_steps=2", "training.max_steps=7"]
            let summary = try work.train("whole", saving)
            #expect(summary.contains("adapter:    20 modules"))
            #expect(try fileBytes(work.base + "/model.safetensors") == base)
            let first = try #require(JSONValue(parsing: lines(work.run("whole"))[0])["loss"]?.doubleValue)
            let last = try #require(JSONValue(parsing: lines(work.run("whole"))[6])["loss"]?.doubleValue)
            #expect(last < first)
            // No moments and no gradients of what is frozen.
            let moments = try SafetensorsFile(path: work.run("whole/final/optimizer.safetensors"))
            #expect(moments.tensors.count == 2 * 2 * 20 && moments.tensors.allSatisfy { $0.name.contains(".lora_") })

            #expect(throws: Killed.self) {
                try work.train("killed", saving, hooks: TrainRun.Hooks(stepDone: { if $0 == 4 { throw Killed() } }))
            }
            try work.train("killed", saving, resumes: true)
            try work.train("recomputed", saving + ["training.gradient_checkpointing=true"])
            for other in ["killed", "recomputed"] {
                #expect(try lines(work.run(other)) == lines(work.run("whole")), "\(other)")
                for name in names {
                    let isSame =
                        try fileBytes(work.run("\(other)/final/\(name)")) == fileBytes(work.run("whole/final/\(name)"))
                    #expect(isSame, "\(name) of \(other)")
                }
            }
            // Dropout was there: without it the numbers are others, from the second step on.
            try work.train("plain", saving + ["lora.lora_dropout=0"])
            #expect(try lines(work.run("plain")) != lines(work.run("whole")))
        }
    }

    @Test func `the best checkpoint of an adapter is kept, and evaluation drops nothing`() throws {
        try withTemporaryDirectory { root in
            let work = try AdapterWork(root)
            let evaluating = AdapterWork.lora + ["training.validation_fraction=0.4", "training.eval_steps=3"]
            try work.train("run", evaluating)
            let state = try TrainerState(checkpoint: work.run("run/final"))
            let best = try #require(state.best)
            let name = best.step == state.step ? "final" : CheckpointName(step: best.step).name
            let setup = try RunSetup(work.config("run", evaluating))
            let model = try Checkpoint.load(work.run("run/\(name)"), setup: setup).model
            let data = try TrainingData(
                setup.source, format: setup.format, validationFraction: 0.4, validationBy: .auto, workers: 1,
                isQuiet: true)
            let report = try Evaluation(data, training: setup.config.training).run(model, options: setup.lossOptions) {
                false
            }
            #expect(report?.losses.loss == best.validationLoss)
        }
    }

    @Test func `an adapter goes on training, and says what it is itself`() throws {
        try withTemporaryDirectory { root in
            let work = try AdapterWork(root)
            try work.train("first", AdapterWork.lora + ["lora.modules_to_save=[audio_lm_head]"])
            let adapter = work.run("first/final")
            let setup = try RunSetup(work.config("second", ["training.learning_rate=0.01"], adapter: adapter))
            #expect(setup.config.lora?.r == 3 && setup.parts.adapter?.targets.count == 20)
            let model = try setup.model()
            #expect(try model.firstAdapterDifference(savedIn: adapter) == nil)
            #expect(try AdapterProof.check(model, in: adapter, base: nil).savedChanges.first?.norm ?? 0 > 0)
            try work.train("second", ["training.learning_rate=0.01"], adapter: adapter)
            let config = try TrainConfig(file: work.run("second/config.yaml"))
            #expect(config.adapter == adapter && config.lora?.modulesToSave == ["audio_decoder_proj.audio_lm_head"])
            let told = failure { try work.config("third", ["lora.r=4"], adapter: adapter) }
            #expect(told?.status == .badUsage && told?.what.hasPrefix("lora.r is not what adapter_config.json") == true)
            for same in ["lora.r=3", "lora.modules_to_save=[audio_lm_head]", "lora.target_modules_mode=comprehensive"] {
                #expect(throws: Never.self, "\(same)") { try work.config("third", [same], adapter: adapter) }
            }
            let frozen = failure { try work.config("third", AdapterWork.lora + ["training.freeze=[heads]"]) }
            #expect(frozen?.what.contains("training.freeze beside an adapter") == true)
        }
    }

    @Test func `another base, a changed proof and an adapter that learnt nothing are refused`() throws {
        try withTemporaryDirectory { root in
            let work = try AdapterWork(root)
            try work.train("run")
            let adapter = work.run("run/final")
            func load() -> Failure? {
                failure { try RunSetup(work.config("next", [], adapter: adapter)).model() }
            }
            #expect(load() == nil)
            let proof = adapter + "/adapter_proof.json", kept = try fileBytes(proof)
            try rewrite(proof) { $0["logits_change"] = 9.5 }
            #expect(load()?.status == .failed && load()?.what.contains("its proof says") == true)
            try AtomicFile.write(kept, to: proof)
            // A base of the same shapes that is another one.
            let other = HiggsModel(config: try HiggsModel.open(work.base).config, seed: 99)
            try other.save(to: work.base)
            #expect(load()?.status == .badUsage && load()?.what.contains("another base") == true)
            try rewrite(proof) { $0["version"] = 7 }
            #expect(load()?.status == .badData)

            let still = failure { try work.train("still", AdapterWork.lora + ["training.learning_rate=0"]) }
            #expect(
                still?.status == .failed && still?.what.contains("changes nothing: ΔW is 0 in all of its 20") == true)
            #expect(!FileManager.default.fileExists(atPath: work.run("still/final")))
        }
    }

    @Test(arguments: [ElementType.float32, .bfloat16, .float16])
    func `a merged model computes what base and adapter do, in the base's types and files`(type: ElementType) throws {
        try withTemporaryDirectory { root in
            let work = try AdapterWork(root, type: type)
            try work.train("run", AdapterWork.lora + ["lora.modules_to_save=[audio_lm_head]", "training.max_steps=4"])
            let adapter = work.run("run/final"), merged = root + "/merged"
            let report = try AdapterMerge(
                base: work.base, adapter: adapter, output: merged, shardBytes: 12_000
            ).run()
            #expect(report.fileNames.count > 2 && report.type == type)
            #expect(report.distance < (type == .float32 ? 1e-5 : 0.1 * report.proof.logitsChange))
            let files = try SafetensorsSet(directory: merged)
            #expect(files.tensors.allSatisfy { $0.elementType == type })
            let setup = try RunSetup(work.config("run", [], adapter: adapter))
            let both = try ProbedLogits(setup.model())
            let own = try ProbedLogits(HiggsModel(loading: merged))
            #expect(own.distance(both) == Float(report.distance))
            #expect(try ProbedLogits(HiggsModel(loading: work.base)).distance(both) > Float(2 * report.distance))
            #expect(
                failure { try AdapterMerge(base: work.base, adapter: adapter, output: merged).run() }?.status
                    == .badUsage)
        }
    }

    @Test func `a merge that rounding would undo is refused and leaves nothing`() throws {
        try withTemporaryDirectory { root in
            let work = try AdapterWork(root, type: .bfloat16)
            // A thousandth of a thousandth of what a step learns.
            try work.train("run", AdapterWork.lora + ["lora.lora_alpha=1e-6", "training.max_steps=2"])
            let told = failure {
                try AdapterMerge(base: work.base, adapter: work.run("run/final"), output: root + "/merged").run()
            }
            #expect(told?.remedy?.contains("lost in the rounding to BF16") == true, "\(String(describing: told))")
            #expect(try FileManager.default.contentsOfDirectory(atPath: root).allSatisfy { !$0.hasPrefix("merged") })
        }
    }

    @Test func `an adapter too large for the base's type is refused as data, and leaves nothing`() throws {
        try withTemporaryDirectory { root in
            let work = try AdapterWork(root, type: .float16)
            try work.train("run", AdapterWork.lora + ["training.max_steps=2"])
            let adapter = work.run("run/final"), weights = adapter + "/adapter_model.safetensors"
            let file = try SafetensorsFile(path: weights)
            var writer = SafetensorsWriter(metadata: [("format", "pt")])
            for tensor in file.tensors {
                let values = try file.floats(tensor.name)
                writer.add(
                    tensor.name, shape: tensor.shape, tensor.name.contains("lora_B") ? values.map { $0 * 1e9 } : values)
            }
            try withExtendedLifetime(file) { try writer.write(to: weights) }
            // As one that peft has written: without a proof, which would tell.
            try FileManager.default.removeItem(atPath: adapter + "/adapter_proof.json")
            let told = failure {
                try AdapterMerge(base: work.base, adapter: adapter, output: root + "/merged").run()
            }
            #expect(told?.status == .badData && told?.location == adapter, "\(String(describing: told))")
            #expect(try FileManager.default.contentsOfDirectory(atPath: root).allSatisfy { !$0.hasPrefix("merged") })
        }
    }
}
