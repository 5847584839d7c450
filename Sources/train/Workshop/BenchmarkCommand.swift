// The speed of full training on a model of a fixed size and random rows: what `bench` sets beside PyTorch. Hidden, since it
// teaches nothing.

import ArgumentParser
import Foundation
import PipelineKit

struct BenchmarkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark",
        abstract: "Trains a random model of 56.7 million parameters on random rows and prints tokens a second as JSON.",
        shouldDisplay: false)

    @Option(name: .long, help: ArgumentHelp("Steps that are measured; the median is shown.", valueName: "n"))
    var steps = 6

    @Option(name: .long, help: ArgumentHelp("Threads to compute with (default: the machine's cores).", valueName: "n"))
    var threads: Int?

    func validate() throws {
        guard steps >= 1 else { throw ValidationError("--steps must be at least 1") }
        guard threads ?? 1 >= 1 else { throw ValidationError("--threads must be at least 1") }
    }

    func run() throws {
        let threads = ComputeThreads.apply(asked: threads)
        let model = HiggsModel(config: try BenchmarkModel.config(), seed: 0)
        let optimizer = AdamW(model.parameters, options: AdamW.Options())
        let batches = try BenchmarkModel.batches(format: model.config.sequenceFormat)
        var rates: [Double] = []
        // The first two steps pay for fresh memory.
        for step in 0..<steps + 2 {
            try Interrupt.check()
            let batch = batches[step % batches.count]
            let start = ContinuousClock.now
            model.parameters.zeroGradients()
            _ = try model.forwardBackward(batch, loss: LossOptions(), normalizers: batch.labelCounts)
            let scale = AdamW.clippingScale(norm: model.parameters.gradientNorm(), maximum: 1)
            optimizer.step(learningRate: 1e-4, gradientScale: scale)
            if step >= 2 { rates.append(Double(batch.positions) / (ContinuousClock.now - start).seconds) }
        }
        let result: JSONValue = [
            "tokens_per_second": .double(rates.sorted()[rates.count / 2]), "threads": .int(threads),
            "parameters": .int(model.parameters.parameterCount),
            "positions": .array(batches.map { .int($0.positions) }),
        ]
        Console.print(result.pythonDump())
    }
}

/// The model and the rows of the measurement.
enum BenchmarkModel {
    static let width = 512
    private static let vocabulary = 4_096
    private static let audioOutID: Int32 = 4_000
    private static let audioOutBOS: Int32 = 4_002
    private static let codebooks = 8
    private static let codebookSize = 1_024

    /// 8 dual layers of width 512, 8 heads over 4 key-value heads, feed-forward 1,536, 4,096 text ids, 8 · 1,026 codes.
    static func config() throws -> ModelConfig {
        var config = try ModelConfig(
            describing: [
                "hidden_size": .int(width), "intermediate_size": 1_536, "num_hidden_layers": 8,
                "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 64,
            ],
            records: ModelRecords(
                vocabularySize: vocabulary, audioInID: audioOutID - 1, audioOutID: audioOutID,
                audioOutBOSID: audioOutBOS, codebooks: codebooks, codebookSize: codebookSize))
        config.hasTextHead = true
        return config
    }

    /// Two batches of four sequences: 90 to 125 text ids, a clip of 330 to 372 frames, 30 text ids.
    static func batches(format: SequenceFormat) throws -> [PackedBatch] {
        var random = SplitMix64(seed: 0)
        let samples = (0..<8).map { number in
            let before = 90 + 5 * number, frames = 330 + 6 * number
            func ids(_ count: Int) -> [Int32] { (0..<count).map { _ in Int32.random(in: 0..<3_900, using: &random) } }
            let inputs = ids(before) + [audioOutBOS, audioOutID] + ids(30)
            let codes = (0..<codebooks * frames).map { _ in
                UInt16.random(in: 0..<UInt16(codebookSize), using: &random)
            }
            return TrainingSample(
                id: "row \(number)", inputIDs: inputs,
                labelIDs: inputs.enumerated().map { $0 <= before ? ignoredLabel : $1 },
                clips: [RawCodes(codebooks: codebooks, frames: frames, values: codes)])
        }
        return [
            try PackedBatch(Array(samples[..<4]), format: format),
            try PackedBatch(Array(samples[4...]), format: format),
        ]
    }
}
