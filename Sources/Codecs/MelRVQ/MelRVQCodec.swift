// The embedded codec: log-mel frames, residual k-means, Griffin-Lim. It needs no weights but its codebooks.

import Foundation
import PipelineKit

/// A fitted mel_rvq codec: 24 kHz, 25 code frames a second, 8 codebooks.
///
/// A clip of S samples has ⌈S / 960⌉ code frames; decoding gives 960 samples for each.
struct MelRVQCodec: AudioCodec {
    static let family = CodecFamily(modelType: MelRVQConfig.modelType) { try MelRVQCodec(directory: $0, config: $1) }

    let record: CodecRecord
    private let config: MelRVQConfig
    let quantizer: ResidualQuantizer
    private let frames = MelFrames()

    init(quantizer: ResidualQuantizer, config: MelRVQConfig, digest: String) {
        self.quantizer = quantizer
        self.config = config
        record = CodecRecord(
            name: MelRVQConfig.modelType, sampleRate: MelFrames.sampleRate,
            frameRate: Double(MelFrames.codeFrameRate), codebooks: config.codebooks,
            codebookSize: config.codebookSize, digest: digest)
    }

    /// Reads config.json's sizes and model.safetensors' `codebooks` // (Q, K, D).
    ///
    /// - Throws: a `Failure` (bad data), `SafetensorsError`, `FileError`.
    init(directory: String, config json: JSONValue) throws {
        let configPath = directory + "/config.json", modelPath = directory + "/model.safetensors"
        let config = try MelRVQConfig(json: json, path: configPath)
        guard access(modelPath, F_OK) == 0 else {
            throw Failure(
                .badData, "no model.safetensors beside config.json", at: directory.escapedForTerminal,
                remedy: "make the codec anew with tokenize fit --replace")
        }
        let file = try SafetensorsFile(path: modelPath)
        let expected = [config.codebooks, config.codebookSize, MelFrames.width]
        let values = try file.floats(Self.tensorName)
        guard let tensor = file.tensor(Self.tensorName), tensor.shape == expected else {
            throw Failure(
                .badData,
                "'\(Self.tensorName)' has the shape \(file.tensor(Self.tensorName)?.shape ?? []), "
                    + "config.json says \(expected)", at: modelPath.escapedForTerminal,
                remedy: "make the codec anew with tokenize fit --replace")
        }
        guard values.allSatisfy(\.isFinite) else {
            throw Failure(.badData, "'\(Self.tensorName)' holds NaN or infinity", at: modelPath.escapedForTerminal)
        }
        let size = config.codebookSize * MelFrames.width
        self.init(
            quantizer: ResidualQuantizer(
                (0..<config.codebooks).map {
                    Codebook(
                        Array(values[$0 * size..<($0 + 1) * size]), count: config.codebookSize, width: MelFrames.width)
                }),
            config: config, digest: try digest(ofFiles: [configPath, modelPath]))
    }

    static let tensorName = "codebooks"

    func encode(_ samples: [Float]) -> RawCodes {
        precondition(!samples.isEmpty, "a clip has samples")
        return quantizer.encode(frames.stacked(samples))
    }

    func decode(_ codes: RawCodes) throws -> [Float] {
        try GriffinLim().synthesize(quantizer.decode(codes), gain: config.decodeGain)
    }
}
