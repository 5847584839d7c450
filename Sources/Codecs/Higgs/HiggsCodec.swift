// The Higgs Audio v2 tokenizer from a Hugging Face checkpoint directory (transformers 5.23,
// `HiggsAudioV2TokenizerModel.encode` and `.decode`): the same codes as there. Clips are encoded one at a time, each on its
// caller's thread; a codec may be used by many threads.

import Foundation
import PipelineKit

/// The Higgs Audio v2 tokenizer.
final class HiggsCodec: AudioCodec {
    static let family = CodecFamily(modelType: HiggsConfig.modelType) { try HiggsCodec(directory: $0, config: $1) }

    let record: CodecRecord
    let config: HiggsConfig
    private let resampler: SincResampler
    private let hubert: Hubert
    private let semanticEncoder: SemanticEncoder
    private let acousticEncoder: AcousticEncoder
    private let join: PackedWeights
    private let quantizer: ProjectedQuantizer
    private let split: PackedWeights
    private let acousticDecoder: AcousticDecoder

    /// Zeros on both sides of HuBERT's samples (`_extract_semantic_features`).
    private static let semanticPadding = 160
    /// The longest clip that is encoded, in seconds: HuBERT's frames attend to one another, which takes 1 MB a second and
    /// time with the square.
    static let limitSeconds = 600

    /// Reads a checkpoint directory: its parsed `config.json` and `model.safetensors`.
    /// - Throws: `HiggsError`, errors of the files.
    init(directory: String, config json: JSONValue) throws {
        let configPath = directory + "/config.json", weightsPath = directory + "/model.safetensors"
        config = try HiggsConfig(json, path: configPath)
        guard FileManager.default.fileExists(atPath: weightsPath) else {
            throw HiggsError(.noWeights(found: Self.otherWeights(in: directory)), at: directory)
        }
        // Before the weights are read, so that the file is mapped once at a time.
        record = CodecRecord(
            name: HiggsConfig.modelType, sampleRate: config.sampleRate,
            frameRate: Double(config.sampleRate) / Double(config.hopSamples), codebooks: config.codebooks,
            codebookSize: config.codebookSize, digest: try digest(ofFiles: [configPath, weightsPath]))
        let weights = try HiggsWeights(path: weightsPath, config: config)
        resampler = SincResampler(from: config.sampleRate, to: config.semanticRate)
        // Two halves of about the same size, on two threads.
        let config = config
        let (semantic, acoustic) = try concurrently(
            { try Hubert(weights, config.semantic) },
            {
                (
                    encoder: try AcousticEncoder(weights, config), decoder: try AcousticDecoder(weights, config),
                    semantic: try SemanticEncoder(weights, config), quantizer: try ProjectedQuantizer(weights, config),
                    join: try weights.linear("fc", config.hidden, config.hidden),
                    split: try weights.linear("fc2", config.acoustic.hidden, config.hidden)
                )
            })
        hubert = semantic
        (acousticEncoder, acousticDecoder, semanticEncoder, quantizer, join, split) = acoustic
    }

    /// Weights in a form that is not read: sharded, or pickled by PyTorch.
    private static func otherWeights(in directory: String) -> String? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.sorted().first { name in
            [".safetensors.index.json", ".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".bin.index.json"].contains {
                name.hasSuffix($0)
            }
        }
    }
}

// MARK: Encoding

extension HiggsCodec {
    /// The codes of a clip, as `HiggsAudioV2TokenizerModel.encode` gives them at the highest bandwidth.
    ///
    /// - Parameter samples: mono at `sampleRate`, at least one frame, at most `limitSeconds`. // (S)
    /// - Throws: `HiggsError` for a clip of another length, for samples that are not finite, for weights that overflow.
    func encode(_ samples: [Float]) throws -> RawCodes {
        let embedding = try embedding(samples)
        return RawCodes(
            codebooks: config.codebooks, frames: embedding.count, values: quantizer.encode(embedding))
    }

    /// What the quantizer quantizes, (N, C).
    func embedding(_ wave: [Float]) throws -> Frames {
        try check(wave)
        let semantic = semanticEncoder(semanticFeatures(wave))
        let acoustic = try acousticFeatures(wave, frames: semantic.count)
        let joined = Frames(count: semantic.count, channels: config.hidden)
        for t in 0..<joined.count {
            joined[t].update(from: acoustic[t], count: acoustic.channels)
            (joined[t] + acoustic.channels).update(from: semantic[t], count: semantic.channels)
        }
        let embedding = Frames(count: joined.count, channels: config.hidden)
        join.multiply(joined.inputs(), rows: joined.count, into: embedding.outputs())
        for t in 0..<embedding.count where (0..<embedding.channels).contains(where: { !embedding[t][$0].isFinite }) {
            throw HiggsError(.overflow("the embedding of frame \(t)"))
        }
        return embedding
    }

    /// The mean of HuBERT's hidden states, every second one or as the config says, (N, C).
    func semanticFeatures(_ wave: [Float]) -> Frames {
        let padding = [Float](repeating: 0, count: Self.semanticPadding)
        let states = hubert(padding + resampler(wave) + padding)
        let step = config.semanticDownsampling
        if step == 1 { return states }
        let kept = Frames(count: (states.count + step - 1) / step, channels: states.channels)
        for t in 0..<kept.count { kept.copy(states, rows: t * step..<t * step + 1, at: t) }
        return kept
    }

    /// The semantic encoder's output, (N, C).
    func semanticFrames(_ features: Frames) -> Frames { semanticEncoder(features) }

    /// The acoustic encoder's output, (N, C), of the wave or, where that would make another number of frames, of the wave
    /// with half a hop of zeros on both sides.
    func acousticFeatures(_ wave: [Float], frames: Int) throws -> Frames {
        var padding = 0
        if acousticEncoder.outputCount(wave.count) != frames { padding = config.hopSamples / 2 }
        let zeros = [Float](repeating: 0, count: padding)
        let count = acousticEncoder.outputCount(wave.count + 2 * padding)
        guard count == frames else {
            throw HiggsError(
                .config(key: "downsampling_ratios", "\(count) acoustic frames for \(frames) semantic ones"))
        }
        return acousticEncoder(Frames(zeros + wave + zeros, channels: 1))
    }

    private func check(_ wave: [Float]) throws {
        guard wave.count >= config.hopSamples else {
            throw HiggsError(.tooShort(samples: wave.count, minimum: config.hopSamples))
        }
        let heard = resampler.outputCount(wave.count) + 2 * Self.semanticPadding
        guard hubert.outputCount(heard) >= 1 else {
            throw HiggsError(
                .config(key: "semantic_model_config.conv_stride", "no HuBERT frame comes out of \(heard) samples"))
        }
        guard wave.count <= Self.limitSeconds * config.sampleRate else {
            throw HiggsError(
                .tooLong(
                    seconds: Double(wave.count) / Double(config.sampleRate), limitSeconds: Double(Self.limitSeconds)))
        }
        if let index = wave.firstIndex(where: { !$0.isFinite }) { throw HiggsError(.badSample(index: index)) }
    }
}

// MARK: Decoding

extension HiggsCodec {
    /// The waveform of codes, hop samples a frame: `HiggsAudioV2TokenizerModel.decode`, not cut to the clip's length. // (S)
    ///
    /// - Throws: `HiggsError` where there are no codes, or some of another codec.
    func decode(_ codes: RawCodes) throws -> [Float] {
        guard codes.codebooks == config.codebooks, codes.frames >= 1 else {
            throw HiggsError(
                .codes(
                    "codes of \(codes.codebooks) codebooks and \(codes.frames) frames, expected \(config.codebooks) "
                        + "codebooks and a frame"))
        }
        if let code = codes.values.first(where: { Int($0) >= config.codebookSize }) {
            throw HiggsError(.codes("code \(code), the codebooks have \(config.codebookSize)"))
        }
        let frames = codes.frames
        let quantized = quantizer.decode(codes)
        let acoustic = Frames(count: frames, channels: config.acoustic.hidden)
        split.multiply(quantized.inputs(), rows: frames, into: acoustic.outputs())
        return acousticDecoder(acoustic).values
    }
}
