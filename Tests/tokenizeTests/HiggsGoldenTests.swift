// The Higgs tokenizer against transformers 5.23 on a tiny checkpoint with the real strides: every stored intermediate,
// every code, and the decoded audio. Clip 0 has a length that needs the acoustic padding, clip 2 a fraction of a frame.

import PipelineKit
import TestSupport
import Testing

@testable import Codecs

@Suite struct HiggsGoldenTests {
    private let codec: HiggsCodec
    private let expected: SafetensorsFile

    init() throws {
        let directory = fixture("codec/checkpoint")
        codec = try HiggsCodec(directory: directory, config: codecConfig(directory + "/config.json"))
        expected = try SafetensorsFile(path: fixture("codec/expected.safetensors"))
    }

    /// (C, N), as the reference stores its convolutions' outputs.
    private func transposed(_ frames: Frames) -> [Float] {
        (0..<frames.channels).flatMap { c in (0..<frames.count).map { frames[$0][c] } }
    }

    @Test(arguments: 0..<3) func `every stored intermediate is the reference's`(clip: Int) throws {
        let wave = try expected.floats("wave_\(clip)")
        func check(_ name: String, _ got: [Float]) throws -> String? {
            mismatch(
                "\(name)_\(clip)", got: got, expected: try expected.floats("\(name)_\(clip)"), tolerance: 1e-4,
                relative: true)
        }
        let features = codec.semanticFeatures(wave)
        #expect(try check("semantic", features.values) == nil)
        let semantic = codec.semanticFrames(features)
        #expect(try check("encoder_semantic", transposed(semantic)) == nil)
        let acoustic = try codec.acousticFeatures(wave, frames: semantic.count)
        #expect(try check("acoustic", transposed(acoustic)) == nil)
        #expect(try check("embedding", codec.embedding(wave).values) == nil)
    }

    @Test(arguments: 0..<3) func `every code is the reference's`(clip: Int) throws {
        let got = try codec.encode(try expected.floats("wave_\(clip)"))
        #expect(got.values.map(Int.init) == (try expected.integers("codes_\(clip)")))
        #expect(got.frames == [11, 25, 50][clip])
    }

    @Test(arguments: 0..<3) func `decoded audio is the reference's`(clip: Int) throws {
        let codes = try expected.integers("codes_\(clip)").map { UInt16($0) }
        let wave = try codec.decode(RawCodes(codebooks: 8, frames: codes.count / 8, values: codes))
        #expect(
            mismatch(
                "decoded_\(clip)", got: wave, expected: try expected.floats("decoded_\(clip)"), tolerance: 1e-4,
                relative: true) == nil)
    }

    @Test func `stretches of a long clip come out as the whole does, bit for bit`() throws {
        let config = codec.config
        let weights = try HiggsWeights(path: fixture("codec/checkpoint/model.safetensors"), config: config)
        // 9.05 s with structure on all scales: the three clips, one after another, over and over.
        let clips = try (0..<3).flatMap { try expected.floats("wave_\($0)") }
        let wave = (0..<217_200).map { clips[$0 % clips.count] * (1 + Float($0 % 1_000) / 2_000) }
        let frames = Frames(wave, channels: 1)

        let encoder = try AcousticEncoder(weights, config)
        let whole = encoder(frames, chunk: .max)
        for chunk in [52, 97, 226] { #expect(encoder(frames, chunk: chunk).values == whole.values, "\(chunk)") }

        let decoder = try AcousticDecoder(weights, config)
        let decoded = decoder(whole, chunk: .max)
        for chunk in [30, 97, 225] { #expect(decoder(whole, chunk: chunk).values == decoded.values, "\(chunk)") }

        let extractor = try HubertExtractor(weights, config.semantic)
        let features = extractor(wave, chunk: .max)
        for chunk in [1, 31, 512] { #expect(extractor(wave, chunk: chunk).values == features.values, "\(chunk)") }
    }
}
