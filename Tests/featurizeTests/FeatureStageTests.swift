import ArgumentParser
import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import featurize

@Suite struct FeatureStageTests {
    private func flags(_ arguments: String...) throws -> StageFlags { try StageFlags.parse(arguments + ["--quiet"]) }

    private func flac(_ frames: Int, channels: Int = 1, rate: Int, seed: UInt64) throws -> [UInt8] {
        let samples = babble(frames: frames, channels: channels, rate: rate, seed: seed).map { Int32($0) << 16 }
        return try AudioEncoder.flac(samples, bits: 16, channels: channels, sampleRate: rate, source: "test")
    }

    private func columns(_ row: MDSRow) throws -> (
        features: [Float16], shape: [Int], offsets: [Int32], lengths: [Int32]
    ) {
        let (features, shape): ([Float16], [Int]) = try row.array("audio_features")
        return (
            features, shape, try row.array("feature_offsets").values, try row.array("feature_lengths").values
        )
    }

    /// What a clip's features are by definition, chunk by chunk.
    private func expected(_ clip: [UInt8], bins: Int) throws -> [LogMel.Chunk] {
        let decoder = try AudioDecoder(bytes: clip, source: "test")
        let samples = FourierResampler().resample(
            try decoder.decodeMono(), from: decoder.info.sampleRate, to: 16_000)
        return LogMel.chunkRanges(samples: samples.count).map { LogMel(binCount: bins).chunk(samples[$0]) }
    }

    @Test(arguments: [80, 128]) func `in clips lie one after another on the frame axis and out clips are left out`(
        bins: Int
    ) throws {
        let first = try flac(16_000, rate: 16_000, seed: 1)
        let long = try flac(30 * 8_000 + 8_000, channels: 2, rate: 8_000, seed: 2)
        let out = try flac(5_000, rate: 24_000, seed: 3)
        let output = try FeatureStage(melBins: bins).process(
            AudioSample("a", [(1, out), (0, first), (1, out), (0, long)]).row)
        let (features, shape, offsets, lengths) = try columns(output)
        let chunks = try expected(first, bins: bins) + expected(long, bins: bins)
        #expect(chunks.count == 3)
        #expect(lengths == [100, 3_000, 100])
        #expect(offsets == [0, 102, 3_102, 3_204])
        #expect(shape == [bins, 3_204])
        for (chunk, start) in zip(chunks, offsets) {
            for bin in [0, bins / 2, bins - 1] {
                let from = bin * 3_204 + Int(start)
                let row = chunk.values[bin * chunk.frameCount..<(bin + 1) * chunk.frameCount]
                #expect(Array(features[from..<from + chunk.frameCount]) == row.map(Float16.init))
            }
        }
    }

    @Test func `a sample without in clips has one zero frame and no chunk`() throws {
        let out = try flac(5_000, rate: 24_000, seed: 3)
        for clips in [[], [(1, out)]] as [[(role: UInt8, bytes: [UInt8])]] {
            let (features, shape, offsets, lengths) = try columns(
                FeatureStage(melBins: 80).process(AudioSample("a", clips).row))
            #expect(features == [Float16](repeating: 0, count: 80) && shape == [80, 1])
            #expect(offsets == [0] && lengths == [0])
        }
    }

    @Test func `one sample at any rate gives one frame and its tail`() throws {
        for rate in [8_000, 16_000, 44_100, 48_000] {
            let clip = try flac(1, rate: rate, seed: 1)
            let (_, shape, offsets, lengths) = try columns(
                FeatureStage(melBins: 80).process(AudioSample("a", [(0, clip)]).row))
            #expect(shape == [80, 3] && offsets == [0, 3] && lengths == [1], "\(rate)")
        }
    }

    @Test(arguments: [16_000, 44_100, 48_000]) func `30 s are one chunk, a sample more is two`(rate: Int) throws {
        for (more, expected) in [(0, [3_000]), (1, [3_000, 1])] as [(Int, [Int32])] {
            let clip = try flac(30 * rate + more, rate: rate, seed: 6)
            let (_, shape, offsets, lengths) = try columns(
                FeatureStage(melBins: 80).process(AudioSample("a", [(0, clip)]).row))
            #expect(lengths == expected, "\(rate), \(more)")
            #expect(shape == [80, more == 0 ? 3_000 : 3_003] && offsets.count == expected.count + 1)
        }
    }

    @Test(arguments: [16_000, 44_100, 48_000]) func `silence is at the floor, and an offset is a line at 0 Hz`(
        rate: Int
    ) throws {
        func features(_ value: Int32) throws -> [Float16] {
            let samples = [Int32](repeating: value << 16, count: rate)
            let clip = try AudioEncoder.flac(samples, bits: 16, channels: 1, sampleRate: rate, source: "test")
            return try columns(FeatureStage(melBins: 80).process(AudioSample("a", [(0, clip)]).row)).features
        }
        #expect(try features(0).allSatisfy { $0 == -1.5 })
        let offset = try features(8_000)
        // In the middle of the clip, away from its edges: 0 Hz itself is in no mel bin, its leakage in the lowest only.
        let frames = 102, middle = (0..<80).map { Float(offset[$0 * frames + 50]) }
        let largest = offset.max().map { Float($0) } ?? 0
        #expect(middle[0] > largest - 1 && middle[20...].allSatisfy { abs($0 - largest + 2) < 2e-3 }, "\(rate)")
    }

    @Test func `the bytes of the output are those of version 4`() throws {
        let clips = [try flac(20_000, rate: 16_000, seed: 4), try flac(30_000, channels: 2, rate: 44_100, seed: 5)]
        let stage = FeatureStage(melBins: 128)
        let output = try stage.process(AudioSample("golden", clips.map { (0, $0) }).row)
        let encoded = try MDSConfiguration(columns: stage.columns, compression: .none).encode(output)
        // A change of this digest is a change of what users have on disk: raise FeatureStage.outputVersion with it.
        #expect(stage.outputVersion == 4)
        #expect(XXH64.hash(encoded.bytes).hexDigits == "8cb37110c3894bc2")
    }

    @Test func `the number of workers does not show`() throws {
        try withTemporaryDirectory { directory in
            let samples = try (0..<7).map { number in
                // The reference repeats from sample to sample.
                let reference = try flac(6_000, rate: 24_000, seed: UInt64(number % 2))
                return AudioSample("s\(number)", [(0, reference), (0, try flac(4_000 + number, rate: 8_000, seed: 9))])
            }
            try writeAudioDirectory(directory + "/audio", samples, shardSamples: 3)
            for workers in ["1", "3"] {
                try FeatureStage(melBins: 80).run(
                    input: directory + "/audio", output: directory + "/\(workers)", flags: flags("--workers", workers))
            }
            let one = try directoryContent(directory + "/1")
            #expect(one.keys.contains("index.json") && one.count == 3 * 2 + 2)
            #expect(try directoryContent(directory + "/3") == one)
        }
    }

    @Test func `a damaged clip is named, the other shards are done, and there is no index`() throws {
        try withTemporaryDirectory { directory in
            let good = try flac(4_000, rate: 16_000, seed: 1)
            let bad = Array(good[..<(good.count / 2)])
            try writeAudioDirectory(
                directory + "/audio",
                [AudioSample("fine", [(0, good)]), AudioSample("سيئ", [(0, good), (0, bad)])], shardSamples: 1)
            do {
                try FeatureStage(melBins: 80).run(
                    input: directory + "/audio", output: directory + "/features", flags: flags())
                Issue.record("a damaged clip passed")
            } catch {
                let failure = Failure(error)
                #expect(failure.status == .badData)
                for part in ["shard.00001", "سيئ", "): clip 1: is "] { #expect(failure.description.contains(part)) }
            }
            let content = try directoryContent(directory + "/features")
            #expect(content["shard.00000.mds.zstd"] != nil && content["index.json"] == nil)
        }
    }

    @Test func `bins that Whisper does not have are bad usage`() {
        #expect(throws: (any Error).self) {
            try FeaturizeCommand.parse(["--input", "a", "--output", "b", "--mel-bins", "100"])
        }
    }
}
