// Audio and codecs for the tests of tokenize.

import ArgumentParser
import PipelineKit
import TestSupport

@testable import Codecs

enum CodecFixture {
    /// Stage flags as from a command line.
    static func flags(_ arguments: String...) throws -> StageFlags { try StageFlags.parse(arguments + ["--quiet"]) }

    /// A clip like speech, as FLAC.
    static func flac(seconds: Double, rate: Int = 24_000, channels: Int = 1, seed: UInt64) throws -> [UInt8] {
        let frames = Int(seconds * Double(rate))
        let samples = babble(frames: frames, channels: channels, rate: rate, seed: seed).map { Int32($0) << 16 }
        return try AudioEncoder.flac(samples, bits: 16, channels: channels, sampleRate: rate, source: "test")
    }

    /// The same clip as floats at 24 kHz.
    static func samples(seconds: Double, seed: UInt64) -> [Float] {
        babble(frames: Int(seconds * 24_000), rate: 24_000, seed: seed).map { Float($0) / 32_768 }
    }

    /// A finished audio directory of `count` samples with a reference (two voices) and a target each.
    static func writeAudio(_ path: String, count: Int = 6) throws {
        try writeAudioDirectory(
            path,
            (0..<count).map { number in
                AudioSample(
                    "row-\(number)",
                    [
                        (0, try flac(seconds: 1.2, rate: 16_000, seed: UInt64(number % 2))),
                        (1, try flac(seconds: 2, seed: UInt64(10 + number))),
                    ])
            }, shardSamples: 4)
    }

    /// A codec whose codebooks owe nothing to a fit: log-mel levels plus ever smaller steps.
    static func codec(size: Int = 16) -> MelRVQCodec {
        var random = SplitMix64(seed: 77)
        let books = (0..<8).map { stage in
            let scale = 2 * pow(0.6, Float(stage))
            return Codebook(
                (0..<size * MelFrames.width).map { _ in
                    Float(random.below(2_001) - 1_000) / 1_000 * scale - (stage == 0 ? 2 : 0)
                }, count: size, width: MelFrames.width)
        }
        let config = MelRVQConfig(codebooks: 8, codebookSize: size, decodeGain: 1)
        return MelRVQCodec(quantizer: ResidualQuantizer(books), config: config, digest: "0123456789abcdef")
    }

    private static func pow(_ base: Float, _ exponent: Float) -> Float {
        (0..<Int(exponent)).reduce(1) { power, _ in power * base }
    }
}
