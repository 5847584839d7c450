// tokenize random-checkpoint: a Higgs tokenizer of the published sizes with random weights. For benchmarks, which need the
// arithmetic and not the sound; hidden from the help.

import ArgumentParser
import Codecs
import Foundation
import PipelineKit

struct RandomCheckpointCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "random-checkpoint",
        abstract: "Write a Higgs tokenizer checkpoint of the published sizes with random weights.",
        shouldDisplay: false)

    @Option(help: ArgumentHelp("Where the checkpoint goes.", valueName: "DIR"))
    var output: String

    /// The sizes of the published tokenizer; what is absent is the default of transformers 5.23.
    private static let config: JSONValue = [
        "model_type": "higgs_audio_v2_tokenizer", "architectures": ["HiggsAudioV2TokenizerModel"], "dtype": "float32",
        "target_bandwidths": [0.5, 1, 1.5, 2],
        "acoustic_model_config": [
            "model_type": "dac", "downsampling_ratios": [8, 5, 4, 2, 3], "upsampling_ratios": [8, 5, 4, 2, 3],
            "encoder_hidden_size": 64, "decoder_hidden_size": 1024, "hidden_size": 256,
        ],
    ]

    func run() throws {
        try DirectoryLock.makeDirectory(output)
        let config = try HiggsConfig(Self.config, path: output + "/config.json")
        var random = SplitMix64(seed: 0)
        var writer = SafetensorsWriter()
        for spec in config.tensors {
            try Interrupt.check()
            let values = Self.values(of: spec, &random)
            // transformers keeps the positional convolution's weight norm apart.
            if spec.normAxis == 2 {
                let stem = spec.name.dropLast(".weight".count) + ".parametrizations.weight"
                let magnitudes = spec.shape[2]
                writer.add("\(stem).original0", shape: [1, 1, magnitudes], [Float](repeating: 1, count: magnitudes))
                writer.add("\(stem).original1", shape: spec.shape, values)
            } else {
                writer.add(spec.name, shape: spec.shape, values)
            }
        }
        try writer.write(to: output + "/model.safetensors")
        try AtomicFile.write(Self.config.pretty().utf8, to: output + "/config.json")
    }

    /// Weights that keep the variance of what passes through them; norms and Snakes as they are initialised.
    private static func values(of spec: TensorSpec, _ random: inout SplitMix64) -> [Float] {
        let count = spec.shape.reduce(1, *)
        if spec.name.hasSuffix("norm.weight") || spec.name.hasSuffix("alpha") || spec.name.hasSuffix("inited") {
            return [Float](repeating: 1, count: count)
        }
        if spec.shape.count == 1 || spec.isUnused { return [Float](repeating: 0, count: count) }
        let isCodebook = spec.name.hasSuffix("embed")
        // A uniform value of this width has the variance 1 / fan-in; codewords have the variance 1.
        let fanIn = isCodebook ? 1 : Float(count / spec.shape[0])
        let width = (3 / fanIn).squareRoot()
        return (0..<count).map { _ in Float.random(in: -width...width, using: &random) }
    }
}
