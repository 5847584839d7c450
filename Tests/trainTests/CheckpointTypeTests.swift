import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import train

/// Sharded checkpoints, narrow types, frozen groups, and the published base's config.
@Suite struct CheckpointTypeTests {
    private func names(_ directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    }

    @Test func `a model over the limit is sharded with an index, and reads back as it was`() throws {
        try withTemporaryDirectory { root in
            let model = SmallModel.model(try SmallModel.config(tower: false))
            try model.save(to: root, shardBytes: 20_000)
            let files = try names(root).filter { $0.hasSuffix(".safetensors") }
            #expect(files.count > 2 && files[0] == "model-00001-of-0000\(files.count).safetensors")
            #expect(try files.allSatisfy { try fileBytes(root + "/" + $0).count < 20_000 + 4_000 })
            let index = try JSONValue(contentsOfFile: root + "/model.safetensors.index.json")
            #expect(index["metadata"]?["total_size"]?.intValue == model.baseBytes)
            #expect(index["weight_map"]?.objectValue?.members.count == model.parameters.entries.count)
            #expect(try model.firstDifference(savedIn: root) == nil)
            let again = try HiggsModel(loading: root)
            for (a, b) in zip(model.parameters.entries, again.parameters.entries) {
                #expect(Array(model.parameters.values(a)) == Array(again.parameters.values(b)), "\(a.name)")
            }
            model.parameters.values(model.parameters.entries[5])[1] += 1
            #expect(try model.firstDifference(savedIn: root) == model.parameters.entries[5].name)
        }
    }

    @Test func `an index and its files must not contradict each other`() throws {
        try withTemporaryDirectory { root in
            let model = SmallModel.model(try SmallModel.config(tower: false))
            try model.save(to: root, shardBytes: 20_000)
            let index = root + "/model.safetensors.index.json", kept = try fileBytes(index)
            func told(_ change: (inout JSONObject) -> Void) throws -> Failure? {
                try rewrite(index) { document in
                    guard var map = document["weight_map"]?.objectValue else { return }
                    change(&map)
                    document["weight_map"] = .object(map)
                }
                defer { try? AtomicFile.write(kept, to: index) }
                return failure { try HiggsModel(loading: root) }
            }
            #expect(try told { _ in } == nil)
            #expect(try told { $0["norm.weight"] = nil }?.what.contains("the index does not name it") == true)
            #expect(try told { $0["extra.weight"] = $0["norm.weight"] }?.what.contains("which lacks it") == true)
            #expect(
                try told { $0["norm.weight"] = "../other.safetensors" }?.what.contains("no plain file name") == true)
            #expect(try told { $0["norm.weight"] = 3 }?.what.contains("no plain file name") == true)
            #expect(try told { $0 = [:] }?.what.contains("no weight_map") == true)
            let first = try #require(names(root).first { $0.hasPrefix("model-00001") })
            try FileManager.default.removeItem(atPath: root + "/" + first)
            let lost = failure { try HiggsModel(loading: root) }
            #expect(lost?.what.contains("names \(first), which is not there") == true)
        }
    }

    @Test(arguments: [ElementType.bfloat16, .float16])
    func `what is not trained stays mapped in its own type and computes the same`(type: ElementType) throws {
        try withTemporaryDirectory { root in
            let config = try SmallModel.config(tower: true)
            try SmallModel.model(config).save(to: root)
            try AdapterWork.convert(root, to: type, shardBytes: 15_000)
            let held = try HiggsModel(loading: root), mapped = try HiggsModel(loading: root, parts: .nothing)
            #expect(held.parameters.mappedBytes == 0 && mapped.parameters.trainedCount == 0)
            let inPlace = mapped.parameters.entries.filter { $0.mapped != nil }
            #expect(
                inPlace.allSatisfy(\.key.isUsedInPlace)
                    && inPlace.count == config.parameterShapes.count { $0.key.isUsedInPlace })
            let batch = try PackedBatch(SmallModel.samples(), format: config.sequenceFormat)
            let a = held.states(batch), b = mapped.states(batch)
            #expect(mismatch("text", got: b.textLogits, expected: a.textLogits, tolerance: 1e-5, relative: true) == nil)
            #expect(
                mismatch("audio", got: b.audioLogits, expected: a.audioLogits, tolerance: 1e-5, relative: true) == nil)
            // Both save the very bytes that were read, whichever way they hold them.
            for (name, model) in [("held", held), ("mapped", mapped)] {
                let directory = root + "/" + name
                try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
                try model.save(to: directory, shardBytes: 15_000)
                #expect(try model.firstDifference(savedIn: directory) == nil)
                let before = try SafetensorsSet(directory: root), after = try SafetensorsSet(directory: directory)
                #expect(after.files.count > 1 && after.tensors.count == before.tensors.count)
                for tensor in before.tensors {
                    let saved = try #require(after.tensor(tensor.name))
                    let isSame = saved.elementType == tensor.elementType && saved.bytes.elementsEqual(tensor.bytes)
                    #expect(isSame && saved.shape == tensor.shape, "\(tensor.name)")
                }
                withExtendedLifetime((before, after)) {}
            }
        }
    }

    @Test func `a narrow checkpoint keeps its type, and a run on it goes on bit for bit`() throws {
        try withTemporaryDirectory { root in
            let work = try AdapterWork(root, type: .bfloat16)
            let options = ["training.save_steps=3", "training.max_steps=6", "training.freeze=[embeddings, text_head]"]
            try work.train("whole", options)
            struct Killed: Error {}
            #expect(throws: Killed.self) {
                try work.train("killed", options, hooks: TrainRun.Hooks(stepDone: { if $0 == 4 { throw Killed() } }))
            }
            try work.train("killed", options, resumes: true)
            for name in ["model.safetensors", "optimizer.safetensors"] {
                let isSame =
                    try fileBytes(work.run("killed/final/\(name)")) == fileBytes(work.run("whole/final/\(name)"))
                #expect(isSame, "\(name)")
            }
            let base = try SafetensorsFile(path: work.base + "/model.safetensors")
            let final = try SafetensorsFile(path: work.run("whole/final/model.safetensors"))
            let optimizer = try SafetensorsFile(path: work.run("whole/final/optimizer.safetensors"))
            let frozen = [
                "embed_tokens.weight", "audio_codebook_embeddings.weight", "audio_decoder_proj.text_lm_head.weight",
            ]
            for tensor in final.tensors {
                #expect(tensor.elementType == .bfloat16)
                let before = try #require(base.tensor(tensor.name))
                let isSame = tensor.bytes.elementsEqual(before.bytes)
                let isFrozen = frozen.contains(tensor.name) || tensor.name.hasSuffix("embed_positions.weight")
                #expect(isSame == isFrozen, "\(tensor.name)")
                let master = optimizer.tensor(tensor.name + ".master")
                #expect((master == nil) == isFrozen && (optimizer.tensor(tensor.name + ".m") == nil) == isFrozen)
                if let master {
                    let rounded = try optimizer.floats(master.name).withUnsafeBufferPointer {
                        narrowed($0, to: .bfloat16)
                    }
                    #expect(tensor.bytes.elementsEqual(rounded))
                }
            }
            withExtendedLifetime((base, final, optimizer)) {}
        }
    }

    @Test func `frozen groups get no gradient, and the others the ones they have without freezing`() throws {
        let config = try SmallModel.config(tower: true)
        let batch = try PackedBatch(SmallModel.samples(), format: config.sequenceFormat)
        func gradients(_ frozen: Set<ParameterGroup>) throws -> [String: [Float]] {
            let model = HiggsModel(config: config, seed: 5, parts: TrainedParts(frozen: frozen))
            _ = try model.forwardBackward(batch, loss: LossOptions(), normalizers: batch.labelCounts)
            return SmallModel.gradients(model)
        }
        let all = try gradients([])
        var groups = Set<ParameterGroup>()
        for group in ParameterGroup.allCases {
            let some = try gradients([group])
            let gone = Set(all.keys).subtracting(some.keys)
            #expect(!gone.isEmpty, "\(group)")
            for (name, values) in some { #expect(values == all[name], "\(group): \(name)") }
            groups.insert(group)
        }
        // Everything below the audio head is frozen: nothing is computed backwards but the head.
        let head = try gradients(groups.subtracting([.audioHead]))
        #expect(Array(head.keys) == ["audio_decoder_proj.audio_lm_head.weight"])
        #expect(head.values.first == all["audio_decoder_proj.audio_lm_head.weight"])
        // A trained layer above frozen ones.
        let names = Set(config.parameterShapes.map { config.layout.name(of: $0.key) })
        #expect(all.count == names.count - 1)
    }

    @Test func `the published base's config is read: fast forward with every layer dual, flags as numbers, no tower`()
        throws
    {
        try withTemporaryDirectory { root in
            let document = try JSONValue(contentsOfFile: fixture("model/config.json"))
            var object = try #require(document.objectValue)
            object["audio_adapter_type"] = "dual_ffn_fast_forward"
            object["skip_audio_tower"] = true
            object["use_audio_out_self_attention"] = 0
            object["audio_embed_avg"] = 0
            object["use_delay_pattern"] = 1
            let layers = try #require(object["text_config"]?["num_hidden_layers"]?.intValue)
            object["audio_dual_ffn_layers"] = .array((0..<layers).map { .int($0) })
            object["torch_dtype"] = "bfloat16"
            let config = try ModelConfig(document: .object(object), location: "config.json")
            #expect(config.tower == nil && config.dualLayers.count == layers)
            try HiggsModel(config: config, seed: 3).save(to: root)
            try AdapterWork.convert(root, to: .bfloat16, shardBytes: 60_000)
            let plan = try AdapterPlan(LoRAOptions(), for: config, location: "lora")
            let model = try HiggsModel(loading: root, parts: TrainedParts(adapter: plan))
            #expect(model.config.document["audio_adapter_type"]?.stringValue == "dual_ffn_fast_forward")
            #expect(plan.targets.count == 10 * layers)
            let logits = try ProbedLogits(model)
            #expect(logits.values.allSatisfy(\.isFinite) && logits.scale > 0)
            // A layer that is not dual would be skipped by codes: refused by name.
            object["audio_dual_ffn_layers"] = [0]
            let told = failure { try ModelConfig(document: .object(object), location: "config.json") }
            #expect(told?.what.contains("audio_adapter_type") == true && told?.status == .badUsage)
        }
    }
}
