import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import train

@Suite struct ModelCheckpointTests {
    private func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

    @Test func `a loaded model is saved back byte for byte, config included`() throws {
        try withTemporaryDirectory { directory in
            try GoldenFixture.model().save(to: directory)
            #expect(try bytes(directory + "/model.safetensors") == bytes(fixture("model/model.safetensors")))
            let saved = try JSONValue(parsing: bytes(directory + "/config.json"))
            #expect(try saved == JSONValue(parsing: bytes(fixture("model/config.json"))))
        }
    }

    @Test(arguments: [true, false]) func `a described model reads back as it was`(tower: Bool) throws {
        try withTemporaryDirectory { directory in
            let config = try SmallModel.config(tower: tower, dualLayers: [1])
            let model = SmallModel.model(config)
            try model.save(to: directory)
            let again = try HiggsModel(loading: directory)
            #expect(again.config == config)
            let batch = try PackedBatch(SmallModel.samples(), format: config.sequenceFormat)
            #expect(
                try again.evaluate(batch, loss: LossOptions()) == model.evaluate(batch, loss: LossOptions()))
        }
    }

    @Test func `half precision weights load as single`() throws {
        try withTemporaryDirectory { directory in
            let model = SmallModel.model(try SmallModel.config(tower: true))
            try model.save(to: directory)
            var writer = SafetensorsWriter()
            for entry in model.parameters.entries {
                writer.add(entry.name, shape: entry.shape, model.parameters.values(entry).map { Float16($0) })
            }
            try writer.write(to: directory + "/model.safetensors")
            let again = try HiggsModel(loading: directory)
            for (a, b) in zip(model.parameters.entries, again.parameters.entries) {
                #expect(
                    Array(again.parameters.values(b)) == model.parameters.values(a).map { Float(Float16($0)) })
            }
        }
    }

    @Test func `missing, unexpected and mis-shaped tensors are told together`() throws {
        try withTemporaryDirectory { directory in
            let model = SmallModel.model(try SmallModel.config(tower: false))
            try model.save(to: directory)
            var writer = SafetensorsWriter()
            for entry in model.parameters.entries {
                switch entry.name {
                case "norm.weight": continue
                case "layers.0.mlp.up_proj.weight": writer.add(entry.name, shape: [2, 2], [1, 2, 3, 4] as [Float])
                default:
                    writer.add(entry.name, shape: entry.shape, Array(model.parameters.values(entry)))
                }
            }
            writer.add("layers.7.extra", shape: [1], [1] as [Float])
            try writer.write(to: directory + "/model.safetensors")
            let error = #expect(throws: CheckpointError.self) { try HiggsModel(loading: directory) }
            #expect(error?.missing == ["norm.weight"])
            #expect(error?.unexpected == ["layers.7.extra"])
            let misfit = CheckpointError.Misfit(name: "layers.0.mlp.up_proj.weight", got: [2, 2], expected: [31, 18])
            #expect(error?.misshaped == [misfit])
            for name in ["norm.weight", "layers.7.extra", "layers.0.mlp.up_proj.weight"] {
                #expect(error?.description.contains(name) == true)
            }
        }
    }

    @Test func `without a text head the text has no loss and must not weigh anything`() throws {
        try withTemporaryDirectory { directory in
            let model = SmallModel.model(try SmallModel.config(tower: false))
            try model.save(to: directory)
            var writer = SafetensorsWriter()
            for entry in model.parameters.entries where entry.key != .textHead {
                writer.add(entry.name, shape: entry.shape, Array(model.parameters.values(entry)))
            }
            try writer.write(to: directory + "/model.safetensors")
            let headless = try HiggsModel(loading: directory)
            #expect(!headless.config.hasTextHead)
            let batch = try PackedBatch(SmallModel.samples(), format: headless.config.sequenceFormat)
            #expect(throws: LossError.noTextHead) {
                try headless.forwardBackward(batch, loss: LossOptions(), normalizers: batch.labelCounts)
            }
            let audio = LossOptions(textLossWeight: 0)
            let sums = try headless.forwardBackward(batch, loss: audio, normalizers: batch.labelCounts)
            #expect(sums.textLoss == nil)
            #expect(sums.codebooks == (try model.evaluate(batch, loss: audio)).codebooks)
            let gradients = SmallModel.gradients(headless)
            model.zeroGradients()
            _ = try model.forwardBackward(batch, loss: audio, normalizers: batch.labelCounts)
            for (name, values) in gradients { #expect(SmallModel.gradients(model)[name] == values, "\(name)") }
        }
    }

    @Test func `random values depend on the seed and the tensor alone`() throws {
        let config = try SmallModel.config(tower: true)
        func values(_ model: HiggsModel, _ name: String) throws -> [Float] {
            Array(model.parameters.values(try #require(model.parameters.entry(named: name))))
        }
        let a = HiggsModel(config: config, seed: 1), b = HiggsModel(config: config, seed: 2)
        let towerless = HiggsModel(config: try SmallModel.config(tower: false), seed: 1)
        let name = "layers.1.self_attn.q_proj.weight"
        #expect(try values(a, name) == values(towerless, name))
        #expect(try values(a, name) != values(b, name))
        #expect(try values(a, name) != values(a, "layers.0.self_attn.q_proj.weight"))
        #expect(try values(a, "norm.weight") == Array(repeating: 1, count: 18))
        #expect(try values(a, "audio_tower.conv1.bias") == Array(repeating: 0, count: 14))
        let embedding = try values(a, "embed_tokens.weight")
        let deviation = (embedding.reduce(0) { $0 + $1 * $1 } / Float(embedding.count)).squareRoot()
        #expect(abs(deviation - 0.02) < 0.002)
        // Whisper's sinusoids at position 3: the fastest and the slowest of seven.
        let positions = try values(a, "audio_tower.embed_positions.weight")
        #expect(abs(positions[3 * 14] - sin(3)) < 1e-6)
        #expect(abs(positions[3 * 14 + 13] - Float(cos(3e-4))) < 1e-6)
    }
}
