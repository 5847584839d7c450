import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import train

/// peft's adapter on transformers' model: logits 5e-5 absolute, gradients 5e-5 of each tensor's largest entry, losses 5e-5,
/// gradient norms 1e-4 relative, merged weights 1e-6.
@Suite struct GoldenAdapterTests {
    private static let base = fixture("hf/base"), adapter = fixture("hf/adapter")

    /// The base with the adapter on it, in the types and the files of the base.
    static func model(base: String = Self.base, adapter: String = Self.adapter) throws -> HiggsModel {
        try HiggsModel(loading: base, adapter: adapter)
    }

    private func batch(_ model: HiggsModel) throws -> PackedBatch {
        try PackedBatch(GoldenHuggingFaceTests.samples(model.config), format: model.config.sequenceFormat)
    }

    @Test func `logits are those of base and adapter, and without it those of the base`() throws {
        let model = try Self.model()
        #expect(model.parameters.entries.allSatisfy { $0.isTrained == !$0.isBase })
        #expect(
            model.parameters.trainedCount == model.parameters.entries.filter { !$0.isBase }.reduce(0) { $0 + $1.count })
        let batch = try batch(model), expected = try GoldenHuggingFaceTests.file("expected")
        let states = model.states(batch)
        let mask = try GoldenHuggingFaceTests.file("batch").integers("attention_mask")
        for (name, got, columns) in [
            ("text_logits", states.textLogits, model.config.vocabularySize),
            ("audio_logits", states.audioLogits, model.config.codebooks * model.config.codebookClasses),
        ] {
            let values = try expected.floats(name)
            let wanted = mask.indices.filter { mask[$0] == 1 }.flatMap { values[$0 * columns..<($0 + 1) * columns] }
            #expect(mismatch(name, got: got, expected: wanted, tolerance: 5e-5) == nil)
        }
        let plain = model.withoutAdapter { model.states(batch) }
        #expect(plain.textLogits == (try HiggsModel(loading: Self.base)).states(batch).textLogits)
        #expect(mismatch("plain", got: plain.textLogits, expected: states.textLogits, tolerance: 1e-3) != nil)
    }

    @Test(arguments: [false, true]) func `every gradient is the reference's`(checkpointing: Bool) throws {
        let model = try Self.model()
        model.usesGradientCheckpointing = checkpointing
        let batch = try batch(model)
        _ = try model.forwardBackward(batch, loss: LossOptions(), normalizers: batch.labelCounts)
        let golden = try GoldenHuggingFaceTests.file("adapter_grads")
        let trained = model.parameters.entries.filter(\.isTrained)
        #expect(trained.count == golden.tensors.count && !trained.isEmpty)
        for entry in trained {
            let name = String(entry.name.dropFirst(CheckpointLayout.adapterPrefix.count))
            let problem = mismatch(
                name, got: Array(try #require(model.parameters.gradients(entry))), expected: try golden.floats(name),
                tolerance: 5e-5, relative: true)
            #expect(problem == nil)
        }
    }

    @Test func `twelve steps of AdamW on the adapter follow the reference`() throws {
        let document = try JSONValue(contentsOfFile: fixture("hf/trajectory.json"))
        let steps = try #require(document["steps"]?.arrayValue)
        #expect(steps.count == 12)
        let model = try Self.model()
        let batch = try batch(model), options = LossOptions()
        let optimizer = AdamW(
            model.parameters, options: AdamW.Options(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0))
        for (index, step) in steps.enumerated() {
            func number(_ key: String) throws -> Float { Float(try #require(step[key]?.doubleValue)) }
            model.zeroGradients()
            let sums = try model.forwardBackward(batch, loss: options, normalizers: batch.labelCounts)
            let norm = model.parameters.gradientNorm()
            optimizer.step(learningRate: 2e-3, gradientScale: AdamW.clippingScale(norm: norm, maximum: 1))
            let codebooks = try #require(step["codebook_losses"]?.arrayValue).compactMap(\.doubleValue).map {
                Float($0)
            }
            for (name, got, expected) in [
                ("loss", [Float(sums.loss(options))], [try number("loss")]),
                ("text_loss", [Float(try #require(sums.textLoss))], [try number("text_loss")]),
                ("audio_loss", [Float(try #require(sums.audioLoss(options)))], [try number("audio_loss")]),
                ("codebook_losses", sums.codebookLosses.compactMap { $0.map { Float($0) } }, codebooks),
            ] {
                #expect(mismatch("step \(index) \(name)", got: got, expected: expected, tolerance: 5e-5) == nil)
            }
            let problem = mismatch(
                "step \(index) grad_norm", got: [Float(norm)], expected: [try number("grad_norm")], tolerance: 1e-4,
                relative: true)
            #expect(problem == nil)
        }
    }

    @Test func `a merged model is peft's, tensor by tensor`() throws {
        try withTemporaryDirectory { root in
            let report = try AdapterMerge(base: Self.base, adapter: Self.adapter, output: root + "/merged").run()
            #expect(report.fileNames == ["model.safetensors"] && report.distance < 1e-5 && !report.isCoarse)
            let got = try SafetensorsFile(path: root + "/merged/model.safetensors")
            let expected = try SafetensorsFile(path: fixture("hf/merged/model.safetensors"))
            #expect(got.tensors.map(\.name) == expected.tensors.map(\.name))
            for tensor in expected.tensors {
                let problem = mismatch(
                    tensor.name, got: try got.floats(tensor.name), expected: try expected.floats(tensor.name),
                    tolerance: 1e-6)
                #expect(problem == nil)
            }
            for name in ["config.json", "generation_config.json"] {
                let copied = try JSONValue(contentsOfFile: root + "/merged/" + name)
                #expect(copied == (try JSONValue(contentsOfFile: Self.base + "/" + name)))
            }
        }
    }

    @Test func `an adapter is saved with peft's names and types`() throws {
        try withTemporaryDirectory { directory in
            let model = try Self.model()
            try model.saveAdapter(to: directory, base: Self.base)
            func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }
            let name = "/adapter_model.safetensors"
            #expect(try bytes(directory + name) == bytes(Self.adapter + name))
            #expect(try model.firstAdapterDifference(savedIn: directory) == nil)
            // Every key that we write says what peft's own config says; the base's place is ours.
            let ours = try #require(JSONValue(contentsOfFile: directory + "/adapter_config.json").objectValue)
            let theirs = try JSONValue(contentsOfFile: Self.adapter + "/adapter_config.json")
            for (key, value) in ours.members where key != "base_model_name_or_path" {
                #expect(value == theirs[key], "\(key)")
            }
        }
    }
}
