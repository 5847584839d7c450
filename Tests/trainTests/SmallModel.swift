// Small models at random and samples for them: what the model's own properties are tested on.

import PipelineKit

@testable import train

enum SmallModel {
    static let records = ModelRecords(
        vocabularySize: 40, audioInID: 38, audioOutID: 39, codebooks: 3, codebookSize: 16, melBins: 5)

    /// Two layers, odd widths; with a tower of one layer if asked.
    static func config(tower: Bool, dualLayers: [Int]? = nil) throws -> ModelConfig {
        var mapping: JSONObject = [
            "hidden_size": 18, "intermediate_size": 31, "num_hidden_layers": 2, "num_attention_heads": 4,
            "num_key_value_heads": 2, "head_dim": 6, "audio_ffn_intermediate_size": 23,
        ]
        if let dualLayers { mapping["audio_dual_ffn_layers"] = .array(dualLayers.map { .int($0) }) }
        if tower {
            mapping["audio_tower"] = [
                "d_model": 14, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 9,
            ]
        }
        return try ModelConfig(describing: mapping, records: records)
    }

    /// A model whose weights are large enough for gradients to matter everywhere.
    static func model(_ config: ModelConfig, seed: UInt64 = 5) -> HiggsModel {
        let model = HiggsModel(config: config, seed: seed)
        for entry in model.parameters.entries where entry.takesWeightDecay && entry.isTrained {
            for i in model.parameters.values(entry).indices { model.parameters.values(entry)[i] *= 8 }
        }
        return model
    }

    /// A sample with a reference and a target, and a clip between them that is only input.
    static func sample(_ id: String, seed: UInt64, frames: Int = 5, melFrames: Int = 9) -> TrainingSample {
        var numbers = SeededNumbers(seed)
        func ids(_ count: Int) -> [Int32] { (0..<count).map { _ in Int32(numbers.integer(38)) } }
        func codes(_ frames: Int) -> RawCodes {
            RawCodes(codebooks: 3, frames: frames, values: (0..<3 * frames).map { _ in UInt16(numbers.integer(16)) })
        }
        let head = ids(3), middle = ids(2), before = ids(2), after = ids(3)
        let inputs = head + [38] + middle + [39] + before + [39] + after
        var labels = Array(repeating: ignoredLabel, count: inputs.count)
        let target = inputs.count - after.count - 1
        for place in target - before.count..<inputs.count { labels[place] = inputs[place] }
        let stored = melFrames + 2
        return TrainingSample(
            id: id, inputIDs: inputs, labelIDs: labels, clips: [codes(frames), codes(2), codes(frames + 1)],
            features: FeatureChunks(
                melBins: 5, frames: stored, values: numbers.values(5 * stored).map { Float($0) }, offsets: [0, stored],
                lengths: [melFrames], chunksPerClip: [1]))
    }

    static func samples() -> [TrainingSample] {
        [
            sample("a", seed: 1), sample("b", seed: 2, frames: 1, melFrames: 7),
            sample("c", seed: 3, frames: 8, melFrames: 31),
        ]
    }

    /// Every gradient by name.
    static func gradients(_ model: HiggsModel) -> [String: [Float]] {
        var gradients: [String: [Float]] = [:]
        for entry in model.parameters.entries {
            if let values = model.parameters.gradients(entry) { gradients[entry.name] = Array(values) }
        }
        return gradients
    }
}

extension ParameterStore {
    /// Tensors without files, trained where they can be.
    convenience init(_ shapes: [(key: ParameterKey, shape: [Int])], layout: CheckpointLayout) {
        self.init(
            shapes.map {
                TensorPlan(key: $0.key, name: layout.name(of: $0.key), shape: $0.shape, isTrained: $0.key.isTrainable)
            })
    }
}
