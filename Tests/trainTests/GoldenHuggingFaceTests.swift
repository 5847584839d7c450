import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import train

/// transformers' layout: a model with its adapter merged gives the logits and the first loss of base and adapter.
@Suite struct GoldenHuggingFaceTests {
    static func file(_ name: String) throws -> SafetensorsFile {
        try SafetensorsFile(path: fixture("hf/\(name).safetensors"))
    }

    /// The collated batch, unpadded and with its code positions taken back to one placeholder.
    static func samples(_ config: ModelConfig) throws -> [TrainingSample] {
        let batch = try file("batch")
        let shape = try #require(batch.tensor("audio_input_ids")?.shape)
        let rows = shape[0], positions = shape[1], codebooks = shape[2]
        let ids = try batch.integers("input_ids"), labels = try batch.integers("labels")
        let mask = try batch.integers("attention_mask"), cells = try batch.integers("audio_input_ids")
        let width = ids.count / rows
        let isCode: (Int) -> Bool = { $0 == 290 || $0 == 291 }
        return try (0..<rows).map { row in
            let places = (row * width..<(row + 1) * width).filter { mask[$0] == 1 }
            let first = try #require(places.first { isCode(ids[$0]) })
            let kept = places.filter { !isCode(ids[$0]) || $0 == first }
            let delayed = DelayPattern(codebooks: codebooks, bos: 32, eos: 33)
            let frames = positions - codebooks - 1
            let values = (0..<codebooks).flatMap { k in
                (0..<frames).map { UInt16(cells[(row * positions + k + 1 + $0) * codebooks + k]) }
            }
            let codes = RawCodes(codebooks: codebooks, frames: frames, values: values)
            for k in 0..<codebooks {
                for p in 0..<positions {
                    #expect(Int(delayed.delay(codes)[k, p]) == cells[(row * positions + p) * codebooks + k])
                }
            }
            return TrainingSample(
                id: "\(row)", inputIDs: kept.map { Int32(ids[$0]) },
                labelIDs: kept.map { $0 == first ? config.audioOutID : Int32(labels[$0]) }, clips: [codes])
        }
    }

    @Test func `logits and losses are the reference's`() throws {
        let model = try HiggsModel(loading: fixture("hf/merged"))
        let config = model.config
        #expect(config.layout == .huggingFace && config.tower == nil && config.audioInID == nil)
        #expect(config.codebookSize == 32 && config.hasTextHead)
        let batch = try PackedBatch(Self.samples(config), format: config.sequenceFormat)
        let states = model.states(batch)
        let expected = try Self.file("expected")
        let mask = try Self.file("batch").integers("attention_mask")
        for (name, got, columns) in [
            ("text_logits", states.textLogits, config.vocabularySize),
            ("audio_logits", states.audioLogits, config.codebooks * config.codebookClasses),
        ] {
            let values = try expected.floats(name)
            let wanted = mask.indices.filter { mask[$0] == 1 }.flatMap { values[$0 * columns..<($0 + 1) * columns] }
            #expect(mismatch(name, got: got, expected: wanted, tolerance: 5e-5) == nil)
        }
        let data = try Data(contentsOf: URL(fileURLWithPath: fixture("hf/trajectory.json")))
        let step = try #require(JSONValue(parsing: Array(data))["steps"]?.arrayValue?.first)
        let sums = try model.evaluate(batch, loss: LossOptions())
        for (got, key) in [
            (sums.loss(LossOptions()), "loss"), (try #require(sums.textLoss), "text_loss"),
            (try #require(sums.audioLoss(LossOptions())), "audio_loss"),
        ] {
            #expect(abs(got - (try #require(step[key]?.doubleValue))) < 5e-5, "\(key)")
        }
    }

    @Test func `the layout is saved back byte for byte`() throws {
        try withTemporaryDirectory { directory in
            try HiggsModel(loading: fixture("hf/merged")).save(to: directory)
            func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }
            #expect(try bytes(directory + "/model.safetensors") == bytes(fixture("hf/merged/model.safetensors")))
        }
    }
}
