// train random-checkpoint: a model of the published base's sizes with random weights in bfloat16. For measurements, which
// need the arithmetic and the memory and not the voice; hidden from the help.

import ArgumentParser
import Foundation
import PipelineKit

struct RandomCheckpointCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "random-checkpoint",
        abstract: "Writes a checkpoint of the published base's sizes with random weights.", shouldDisplay: false)

    @Option(help: ArgumentHelp("Where the checkpoint goes.", valueName: "dir"))
    var output: String

    @Option(help: "Layers; the published base has 28.")
    var layers = 28

    /// The config of the published base: 5.8 billion parameters.
    private var document: JSONValue {
        [
            "model_type": "higgs_audio", "architectures": ["HiggsAudioModel"], "torch_dtype": "bfloat16",
            "audio_adapter_type": "dual_ffn_fast_forward",
            "audio_dual_ffn_layers": .array((0..<layers).map { .int($0) }),
            "audio_ffn_hidden_size": 3_072, "audio_ffn_intermediate_size": 8_192, "audio_num_codebooks": 8,
            "audio_codebook_size": 1_024, "audio_stream_bos_id": 1_024, "audio_stream_eos_id": 1_025,
            "audio_in_token_idx": 128_015, "audio_out_token_idx": 128_016, "audio_embed_avg": false,
            "audio_decoder_proj_num_layers": 0, "encode_audio_in_tokens": true, "encode_whisper_embed": true,
            "skip_audio_tower": true, "use_delay_pattern": true, "use_audio_out_embed_projector": false,
            "use_audio_out_self_attention": 0, "use_rq_transformer": false, "pad_token_id": 128_001,
            "text_config": [
                "model_type": "llama", "vocab_size": 128_256, "hidden_size": 3_072, "intermediate_size": 8_192,
                "num_hidden_layers": .int(layers), "num_attention_heads": 24, "num_key_value_heads": 8,
                "head_dim": 128, "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 500_000.0,
                "max_position_embeddings": 131_072, "tie_word_embeddings": false,
                "rope_scaling": [
                    "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                    "original_max_position_embeddings": 8_192,
                ],
            ],
        ]
    }

    func validate() throws {
        guard (1...1_000).contains(layers) else { throw ValidationError("--layers must be 1 to 1000") }
    }

    func run() throws {
        try DirectoryLock.makeDirectory(output)
        let config = try ModelConfig(document: document, location: "config.json")
        var writer = SafetensorsWriter()
        for (key, shape) in config.parameterShapes {
            let name = config.layout.name(of: key)
            writer.add(name, elementType: .bfloat16, shape: shape) { sink in
                try Self.write(count: shape.reduce(1, *), isNorm: shape.count == 1, seed: key.module, to: sink)
            }
        }
        try DiskCheck.require(writer.byteCount, for: "the checkpoint", near: output)
        try writer.write(toModel: output)
        try AtomicFile.write((document.pretty() + "\n").utf8, to: output + "/" + HiggsModel.configName)
    }

    /// Norms are 1, other values uniform with a deviation of 0.02.
    private static func write(count: Int, isNorm: Bool, seed: UInt64, to sink: SafetensorsWriter.ByteSink) throws {
        let one = bfloat16Bits(1), width = Float(0.02 * 3.0.squareRoot() / 32_768)
        var random = SplitMix64(seed: seed)
        for start in stride(from: 0, to: count, by: 1 << 20) {
            try Interrupt.check()
            let piece = [UInt16](unsafeUninitializedCapacity: min(1 << 20, count - start)) { values, filled in
                filled = min(1 << 20, count - start)
                for i in 0..<filled {
                    values[i] =
                        isNorm ? one : bfloat16Bits(Float(Int16(truncatingIfNeeded: random.next() >> 48)) * width)
                }
            }
            try piece.withUnsafeBytes { try sink($0) }
        }
    }
}
