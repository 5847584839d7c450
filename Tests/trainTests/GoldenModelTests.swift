import PipelineKit
import TestSupport
import Testing

@testable import train

/// Hidden states and logits 5e-5 absolute, gradients 5e-5 of each tensor's largest entry, losses 5e-5, gradient norms
/// 1e-4 relative: single precision over three layers, in another order of summation.
@Suite struct GoldenModelTests {
    private static let tolerance: Float = 5e-5

    /// The rows of a (rows, columns) tensor that a list names.
    private func rows(_ values: [Float], columns: Int, _ rows: [Int]) -> [Float] {
        rows.flatMap { values[$0 * columns..<($0 + 1) * columns] }
    }

    @Test func `tower, hidden states and logits are the reference's`() throws {
        let model = try GoldenFixture.model()
        let config = model.config
        let batch = try PackedBatch(GoldenFixture.samples(config.sequenceFormat), format: config.sequenceFormat)
        let states = model.states(batch)
        let golden = try GoldenFixture.file("expected")

        let tower = try golden.floats("tower")
        for (clip, got) in states.tower.enumerated() {
            let start = clip * 24 * config.width
            let problem = mismatch(
                "tower \(clip)", got: got, expected: tower[start..<start + got.count], tolerance: Self.tolerance)
            #expect(problem == nil)
        }
        #expect(states.tower.map { $0.count / config.width } == [21, 14, 12, 10, 21])

        let mask = try golden.integers("merged_attention_mask")
        let valid = mask.indices.filter { mask[$0] == 1 }
        func compare(_ name: String, _ got: [Float], columns: Int) throws {
            let expected = rows(try golden.floats(name), columns: columns, valid)
            let problem = mismatch(name, got: got, expected: expected, tolerance: Self.tolerance)
            #expect(problem == nil)
        }
        for layer in 0..<config.layers { try compare("hidden_\(layer)", states.hidden[layer], columns: config.width) }
        try compare("final_hidden", states.final, columns: config.width)
        try compare("text_logits", states.textLogits, columns: config.vocabularySize)
        let columns = config.codebooks * config.codebookClasses
        let audioRows = batch.kinds.indices.filter { batch.kinds[$0] == .audioOut }
        let problem = mismatch(
            "audio_logits", got: rows(states.audioLogits, columns: columns, audioRows),
            expected: try golden.floats("audio_logits"), tolerance: Self.tolerance)
        #expect(problem == nil)
    }

    @Test(arguments: [false, true]) func `every gradient is the reference's`(checkpointing: Bool) throws {
        let model = try GoldenFixture.model()
        model.usesGradientCheckpointing = checkpointing
        let format = model.config.sequenceFormat
        let batch = try PackedBatch(GoldenFixture.samples(format), format: format)
        _ = try model.forwardBackward(batch, loss: LossOptions(), normalizers: batch.labelCounts)
        let golden = try GoldenFixture.file("grads")
        let trained = model.parameters.entries.filter(\.isTrained)
        #expect(trained.count == golden.tensors.count)
        for entry in trained {
            let got = try #require(model.parameters.gradients(entry))
            let problem = mismatch(
                entry.name, got: Array(got), expected: try golden.floats(entry.name), tolerance: Self.tolerance,
                relative: true)
            #expect(problem == nil)
        }
    }

    @Test func `twelve steps of AdamW follow the reference`() throws {
        let file = try MappedFile(path: fixture("model/trajectory.json"))
        let document = try file.withBytes { try JSONValue(parsing: $0) }
        let steps = try #require(document["steps"]?.arrayValue)
        #expect(steps.count == 12)
        let model = try GoldenFixture.model()
        let format = model.config.sequenceFormat
        let batch = try PackedBatch(GoldenFixture.samples(format), format: format)
        let optimizer = AdamW(model.parameters, options: AdamW.Options())
        let options = LossOptions()
        func number(_ step: JSONValue, _ key: String) throws -> Float { Float(try #require(step[key]?.doubleValue)) }
        for (index, step) in steps.enumerated() {
            model.zeroGradients()
            let sums = try model.forwardBackward(batch, loss: options, normalizers: batch.labelCounts)
            let norm = model.parameters.gradientNorm()
            optimizer.step(
                learningRate: 1e-3, gradientScale: AdamW.clippingScale(norm: norm, maximum: 1))
            let codebooks = try #require(step["codebook_losses"]?.arrayValue).compactMap(\.doubleValue).map(Float.init)
            let got: [(String, [Float], [Float])] = [
                ("loss", [Float(sums.loss(options))], [try number(step, "loss")]),
                ("text_loss", [Float(try #require(sums.textLoss))], [try number(step, "text_loss")]),
                ("audio_loss", [Float(try #require(sums.audioLoss(options)))], [try number(step, "audio_loss")]),
                ("codebook_losses", sums.codebookLosses.compactMap { $0.map { Float($0) } }, codebooks),
            ]
            for (name, got, expected) in got {
                let problem = mismatch("step \(index) \(name)", got: got, expected: expected, tolerance: Self.tolerance)
                #expect(problem == nil)
            }
            let problem = mismatch(
                "step \(index) grad_norm", got: [Float(norm)], expected: [try number(step, "grad_norm")],
                tolerance: 1e-4, relative: true)
            #expect(problem == nil)
        }
    }
}
