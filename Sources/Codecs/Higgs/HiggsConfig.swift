// The config.json of a Higgs Audio v2 tokenizer: every size of the model, with the defaults of transformers 5.23
// (models/higgs_audio_v2_tokenizer/configuration_higgs_audio_v2_tokenizer.py, models/dac, models/hubert).
// Variants of the architecture that are not computed here are refused by name.

import Foundation
import PipelineKit

/// The shape of a Higgs Audio v2 tokenizer.
package struct HiggsConfig: Sendable, Equatable {
    /// The DAC encoder and decoder.
    struct Acoustic: Sendable, Equatable {
        var encoderChannels: Int
        var downsampling: [Int]
        var decoderChannels: Int
        var upsampling: [Int]
        /// Channels that the encoder yields and the decoder takes.
        var hidden: Int
    }

    /// HuBERT.
    struct Semantic: Sendable, Equatable {
        var convolutionChannels: [Int]
        var convolutionKernels: [Int]
        var convolutionStrides: [Int]
        var convolutionBias: Bool
        var projectionNorm: Bool
        var hidden: Int
        var layers: Int
        var heads: Int
        var feedForward: Int
        var positionKernel: Int
        var positionGroups: Int
        var normEpsilon: Float
    }

    /// The convolutions between HuBERT and the quantizer.
    struct SemanticEncoder: Sendable, Equatable {
        var kernel: Int
        var unitKernel: Int
        var channels: [Int]
        var strides: [Int]
        var dilations: [Int]
    }

    var sampleRate: Int
    var semanticRate: Int
    var acoustic: Acoustic
    var semantic: Semantic
    var semanticEncoder: SemanticEncoder
    /// Every how many HuBERT frames one is kept.
    var semanticDownsampling: Int
    /// Stages that the checkpoint holds.
    var quantizers: Int
    /// Stages that are used at the highest bandwidth: the codebooks of the codes.
    var codebooks: Int
    var codebookSize: Int
    var codebookChannels: Int

    /// Samples a code frame.
    var hopSamples: Int { acoustic.downsampling.reduce(1, *) }
    /// Code frames a second, rounded up as the reference does; exact where the hop divides the rate.
    var frameRate: Int { (sampleRate + hopSamples - 1) / hopSamples }
    /// Channels before the quantizer.
    var hidden: Int { acoustic.hidden + semantic.hidden }
}

extension HiggsConfig {
    static let modelType = "higgs_audio_v2_tokenizer"

    /// Reads a config.
    /// - Throws: `HiggsError`; `path` is its place.
    package init(_ json: JSONValue, path: String) throws {
        let top = ConfigReader(json: json, path: path)
        try top.expect("model_type", Self.modelType)
        let acoustic = try top.section("acoustic_model_config")
        let semantic = try top.section("semantic_model_config")
        try acoustic.expect("model_type", "dac")
        try semantic.expect("model_type", "hubert")

        sampleRate = try top.size("sample_rate", 24_000, most: 384_000)
        semanticRate = try top.size("semantic_sample_rate", 16_000, most: 384_000)
        // A kernel of the resampler for each of its phases.
        let phases = SincResampler.kernelSize(from: sampleRate, to: semanticRate)
        guard phases <= 1 << 24 else {
            throw top.wrong(
                "semantic_sample_rate", "\(sampleRate) to \(semanticRate) Hz takes a resampler of \(phases) numbers")
        }
        self.acoustic = try Acoustic(acoustic)
        self.semantic = try Semantic(semantic)
        semanticEncoder = try SemanticEncoder(top, hidden: self.semantic.hidden)
        codebookSize = try top.size("codebook_size", 1024, least: 2, most: 65_536)
        codebookChannels = try top.size("codebook_dim", 64)

        let hop = self.acoustic.downsampling.reduce(1, *)
        let factor = try top.size("downsample_factor", 320)
        let ratio = Double(hop) / (Double(sampleRate) / Double(semanticRate)) / Double(factor)
        guard ratio < 65_536 else {
            throw top.wrong("downsample_factor", "one HuBERT frame of \(ratio.rounded()) would be kept")
        }
        semanticDownsampling = max(1, Int(ratio))

        let bandwidths = try top.numbers("target_bandwidths", [0.5, 1, 1.5, 2, 4])
        let highest = bandwidths[bandwidths.count - 1]
        let frameRate = Double((sampleRate + hop - 1) / hop)
        let bits = Double(codebookSize - 1 == 0 ? 0 : Int.bitWidth - (codebookSize - 1).leadingZeroBitCount)
        let stages = (1000 * highest / (frameRate * bits)).rounded(.down)
        guard stages >= 1, stages <= 256 else {
            throw top.wrong("target_bandwidths", "\(highest) kbit/s make \(stages) codebooks")
        }
        quantizers = Int(stages)
        let used = (highest / (log2(Double(codebookSize)) * frameRate / 1000)).rounded(.down)
        codebooks = min(quantizers, max(1, Int(used)))
        guard self.acoustic.upsampling.reduce(1, *) == hop else {
            throw acoustic.wrong("upsampling_ratios", "their product is not that of downsampling_ratios, \(hop)")
        }
    }
}

extension HiggsConfig.Acoustic {
    fileprivate init(_ reader: ConfigReader) throws {
        // Defaults: HiggsAudioV2TokenizerConfig.sub_configs_defaults.
        encoderChannels = try reader.size("encoder_hidden_size", 64)
        downsampling = try reader.sizes("downsampling_ratios", [8, 5, 4, 2], most: 64)
        decoderChannels = try reader.size("decoder_hidden_size", 1024)
        upsampling = try reader.sizes("upsampling_ratios", [8, 5, 4, 2], most: 64)
        hidden = try reader.size("hidden_size", 256)
        guard downsampling.count <= 8, encoderChannels << downsampling.count <= ConfigReader.largest else {
            throw reader.wrong("downsampling_ratios", "\(downsampling.count) doublings of the channels are too many")
        }
        guard upsampling.count <= 8, decoderChannels >> upsampling.count >= 1 else {
            throw reader.wrong("upsampling_ratios", "\(upsampling.count) halvings leave no channel")
        }
    }
}

extension HiggsConfig.Semantic {
    fileprivate init(_ reader: ConfigReader) throws {
        try reader.expect("feat_extract_norm", "group", isDefault: true)
        try reader.expect("feat_extract_activation", "gelu", isDefault: true)
        try reader.expect("hidden_act", "gelu", isDefault: true)
        try reader.refuse("do_stable_layer_norm")
        try reader.refuse("conv_pos_batch_norm")
        convolutionChannels = try reader.sizes("conv_dim", Array(repeating: 512, count: 7))
        convolutionKernels = try reader.sizes("conv_kernel", [10, 3, 3, 3, 3, 2, 2], most: 1024)
        convolutionStrides = try reader.sizes("conv_stride", [5, 2, 2, 2, 2, 2, 2], most: 1024)
        convolutionBias = try reader.flag("conv_bias", false)
        projectionNorm = try reader.flag("feat_proj_layer_norm", true)
        hidden = try reader.size("hidden_size", 768)
        layers = try reader.size("num_hidden_layers", 12, most: 256)
        heads = try reader.size("num_attention_heads", 12)
        feedForward = try reader.size("intermediate_size", 3072)
        positionKernel = try reader.size("num_conv_pos_embeddings", 128, most: 4096)
        positionGroups = try reader.size("num_conv_pos_embedding_groups", 16)
        normEpsilon = Float(try reader.numbers("layer_norm_eps", [1e-5])[0])
        let count = convolutionChannels.count
        guard count <= 16, convolutionKernels.count == count, convolutionStrides.count == count else {
            throw reader.wrong(
                "conv_dim",
                "\(count) layers, but \(convolutionKernels.count) kernels and "
                    + "\(convolutionStrides.count) strides")
        }
        guard hidden % heads == 0 else { throw reader.wrong("num_attention_heads", "does not divide \(hidden)") }
        guard hidden % positionGroups == 0 else {
            throw reader.wrong("num_conv_pos_embedding_groups", "does not divide \(hidden)")
        }
    }
}

extension HiggsConfig.SemanticEncoder {
    fileprivate init(_ reader: ConfigReader, hidden: Int) throws {
        kernel = try reader.size("kernel_size", 3, most: 255)
        unitKernel = try reader.size("unit_kernel_size", 3, most: 255)
        strides = try reader.sizes("strides", [1, 1], most: 64)
        dilations = try reader.sizes("block_dilations", [1, 1], most: 64)
        let ratios = try reader.numbers("channel_ratios", [1, 1])
        guard ratios.count == strides.count else {
            throw reader.wrong("channel_ratios", "\(ratios.count) of them for \(strides.count) strides")
        }
        channels = try ratios.map { ratio in
            let count = Double(hidden) * ratio
            guard count >= 1, count <= Double(ConfigReader.largest) else {
                throw reader.wrong("channel_ratios", "\(ratio) makes \(count) channels")
            }
            return Int(count)
        }
        guard kernel % 2 == 1 else { throw reader.wrong("kernel_size", "\(kernel) is even") }
        guard unitKernel % 2 == 1 else { throw reader.wrong("unit_kernel_size", "\(unitKernel) is even") }
        guard channels.last == hidden else {
            throw reader.wrong("channel_ratios", "the last must yield the \(hidden) channels that fc takes")
        }
    }
}
