import PipelineKit
import TestSupport
import Testing

@testable import train

/// What must hold of a pass whatever the weights are.
@Suite struct ModelPassTests {
    /// Largest relative difference of two sets of gradients, as a message; nil where they agree.
    private func difference(_ got: [String: [Float]], _ expected: [String: [Float]], tolerance: Float) -> String? {
        #expect(got.count == expected.count)
        for (name, values) in expected.sorted(by: { $0.key < $1.key }) {
            if let problem = mismatch(
                name, got: got[name] ?? [], expected: values, tolerance: tolerance, relative: true)
            {
                return problem
            }
        }
        return nil
    }

    private static let variants: [(tower: Bool, dualLayers: [Int]?)] = [
        (true, nil), (false, nil), (false, [1]), (true, []),
    ]

    @Test(arguments: 0..<4) func `packed sequences give the gradients and losses of one by one`(variant: Int) throws {
        let (tower, dualLayers) = Self.variants[variant]
        let config = try SmallModel.config(tower: tower, dualLayers: dualLayers)
        let model = SmallModel.model(config)
        let format = config.sequenceFormat, samples = SmallModel.samples(), options = LossOptions()
        let packed = try PackedBatch(samples, format: format)
        let together = try model.forwardBackward(packed, loss: options, normalizers: packed.labelCounts)
        let gradients = SmallModel.gradients(model)
        model.zeroGradients()
        var sums = LossSums(codebooks: config.codebooks)
        for sample in samples {
            let batch = try PackedBatch([sample], format: format)
            sums += try model.forwardBackward(batch, loss: options, normalizers: packed.labelCounts)
        }
        let problem = difference(SmallModel.gradients(model), gradients, tolerance: 1e-5)
        #expect(problem == nil)
        #expect(abs(sums.loss(options) - together.loss(options)) < 1e-5)
        #expect(sums.counts == packed.labelCounts && together.counts == packed.labelCounts)
        #expect(sums.positions == together.positions && sums.eosLabels == together.eosLabels)
    }

    @Test func `recomputed layers give the same gradients`() throws {
        let config = try SmallModel.config(tower: true, dualLayers: [1])
        let model = SmallModel.model(config)
        let batch = try PackedBatch(SmallModel.samples(), format: config.sequenceFormat)
        let whole = model.activationBytes(batch)
        let plain = try model.forwardBackward(batch, loss: LossOptions(), normalizers: batch.labelCounts)
        let gradients = SmallModel.gradients(model)
        model.zeroGradients()
        model.usesGradientCheckpointing = true
        let again = try model.forwardBackward(batch, loss: LossOptions(), normalizers: batch.labelCounts)
        #expect(again == plain)
        #expect(SmallModel.gradients(model) == gradients)
        #expect(model.activationBytes(batch) < whole)
    }

    @Test func `a pass does not depend on what the arena held`() throws {
        let config = try SmallModel.config(tower: true)
        let model = SmallModel.model(config)
        let format = config.sequenceFormat
        let batch = try PackedBatch(SmallModel.samples(), format: format)
        let first = try model.forwardBackward(batch, loss: LossOptions(), normalizers: batch.labelCounts)
        let gradients = SmallModel.gradients(model)
        let floats = model.arena.byteCount / 4
        model.arena.place { $0.matrix(1, floats) }.fill(.nan)
        model.zeroGradients()
        let second = try model.forwardBackward(batch, loss: LossOptions(), normalizers: batch.labelCounts)
        #expect(first == second)
        #expect(SmallModel.gradients(model) == gradients)
        model.arena.place { $0.matrix(1, floats) }.fill(.nan)
        #expect(try model.evaluate(batch, loss: LossOptions()) == first)
    }

    /// The gradients of a loss with every option, against differences of the evaluated loss itself.
    @Test func `gradients are those of the weighted, smoothed loss`() throws {
        let config = try SmallModel.config(tower: true, dualLayers: [0])
        let model = SmallModel.model(config)
        let batch = try PackedBatch(SmallModel.samples(), format: config.sequenceFormat)
        let options = LossOptions(
            textLossWeight: 0.7, audioLossWeight: 1.3, codebookWeights: [1, 0, 2.5], labelSmoothing: 0.1)
        _ = try model.forwardBackward(batch, loss: options, normalizers: batch.labelCounts)
        var numbers = SeededNumbers(11)
        for entry in model.parameters.entries {
            guard let gradients = model.parameters.gradients(entry) else { continue }
            let values = model.parameters.values(entry)
            // Along a random direction, since single coordinates drown in rounding.
            let direction = numbers.values(entry.count).map { Float($0) }
            let original = Array(values)
            func loss(_ step: Float) throws -> Double {
                for i in values.indices { values[i] = original[i] + step * direction[i] }
                defer { for i in values.indices { values[i] = original[i] } }
                return try model.evaluate(batch, loss: options).loss(options)
            }
            let step: Float = 2e-3
            let expected = (try loss(step) - loss(-step)) / Double(2 * step)
            let got = zip(gradients, direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            let size = zip(gradients, direction).reduce(0.0) { $0 + abs(Double($1.0) * Double($1.1)) }
            #expect(
                abs(got - expected) < 1e-2 * abs(expected) + 2e-3 * size + 2e-3, "\(entry.name): \(got), \(expected)")
        }
    }

    @Test func `no label sees its own position or another sequence`() throws {
        let config = try SmallModel.config(tower: true)
        let model = SmallModel.model(config)
        let format = config.sequenceFormat
        var samples = SmallModel.samples()
        let before = try model.labelLosses(PackedBatch(samples, format: format))
        // The last text id is a label only: nothing comes after it that could see it.
        let last = samples[1].inputIDs.count - 1
        samples[1].inputIDs[last] = (samples[1].inputIDs[last] + 1) % 38
        // Another first sequence altogether.
        samples[0].inputIDs[0] = (samples[0].inputIDs[0] + 1) % 38
        let after = try model.labelLosses(PackedBatch(samples, format: format))
        let batch = try PackedBatch(samples, format: format)
        #expect(before.text.count == after.text.count)
        for (row, (a, b)) in zip(before.targets.textRows, zip(before.text, after.text)) {
            #expect((a == b) == (Int(row) >= batch.starts[1]), "row \(row)")
        }
        #expect(before.audio != after.audio)
    }

    @Test func `features and references are seen by what comes after them`() throws {
        let config = try SmallModel.config(tower: true)
        let model = SmallModel.model(config)
        let format = config.sequenceFormat
        let sample = SmallModel.sample("a", seed: 1)
        let before = try model.labelLosses(PackedBatch([sample], format: format))
        var louder = sample
        louder.features = sample.features.map {
            FeatureChunks(
                melBins: $0.melBins, frames: $0.frames, values: $0.values.map { $0 + 1 }, offsets: $0.offsets,
                lengths: $0.lengths, chunksPerClip: $0.chunksPerClip)
        }
        #expect(try model.labelLosses(PackedBatch([louder], format: format)).text != before.text)
        var other = sample
        other.clips[0] = RawCodes(codebooks: 3, frames: 5, values: sample.clips[0].values.map { ($0 + 1) % 16 })
        #expect(try model.labelLosses(PackedBatch([other], format: format)).text != before.text)
    }

    @Test func `positions are counted by role`() throws {
        let config = try SmallModel.config(tower: true)
        let batch = try PackedBatch(SmallModel.samples(), format: config.sequenceFormat)
        let sums = try SmallModel.model(config).evaluate(batch, loss: LossOptions())
        var counted = 0
        for kind in PositionKind.allCases {
            let counts = try #require(sums.positions[kind])
            #expect(counts.trained + counts.masked == batch.kinds.count { $0 == kind })
            counted += counts.trained
        }
        let targets = ShiftedTargets(batch)
        #expect(counted == targets.textRows.count + targets.audioRows.count)
        #expect(sums.positions[.feature]?.trained == 0 && sums.positions[.audioIn]?.trained == 0)
        #expect(sums.eosLabels == [3, 3, 3])
    }

    @Test func `a term without labels is refused unless it weighs nothing`() throws {
        let config = try SmallModel.config(tower: false)
        let model = SmallModel.model(config)
        var sample = SmallModel.sample("a", seed: 1)
        sample.labelIDs = sample.labelIDs.enumerated().map { sample.inputIDs[$0] == 39 ? ignoredLabel : $1 }
        let batch = try PackedBatch([sample], format: config.sequenceFormat)
        #expect(batch.labelCounts.codebooks == [0, 0, 0])
        #expect(throws: LossError.noLabels(terms: ["codebook 0", "codebook 1", "codebook 2"])) {
            try model.forwardBackward(batch, loss: LossOptions(), normalizers: batch.labelCounts)
        }
        let sums = try model.forwardBackward(
            batch, loss: LossOptions(audioLossWeight: 0), normalizers: batch.labelCounts)
        #expect(sums.audioLoss(LossOptions()) == nil)
        let audioHead = try #require(model.heads.audio.weight.gradient)
        #expect(audioHead.values.allSatisfy { $0 == 0 })
    }
}
