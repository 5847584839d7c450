import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import Codecs

@Suite struct MelRVQTests {
    // MARK: Front end

    @Test func `a clip has a code frame for each 960 samples, begun or whole`() {
        for (samples, frames) in [(1, 1), (959, 1), (960, 1), (961, 2), (24_000, 25), (24_001, 26)] {
            #expect(MelFrames.codeFrames(samples: samples) == frames)
            let vectors = MelFrames().stacked([Float](repeating: 0.1, count: samples))
            #expect(vectors.count == frames * MelFrames.width)
        }
    }

    @Test(arguments: [1, 700, 5_000]) func `mel frames equal the definition`(count: Int) {
        let samples = Array(CodecFixture.samples(seconds: 0.5, seed: 3).suffix(count))
        let got = MelFrames().stacked(samples)
        let filters = MelFrames().filterBank.filters
        for frame in Set([0, 1, got.count / 80 / 2, got.count / 80 - 1]) {
            let windowed = (0..<1_024).map { n -> Double in
                let index = frame * 240 + 120 - 512 + n
                guard samples.indices.contains(index) else { return 0 }
                return Double(samples[index]) * (0.5 - 0.5 * cos(2 * .pi * Double(n) / 1_024))
            }
            let power = (0...512).map { k -> Double in
                var real = 0.0, imaginary = 0.0
                for n in 0..<1_024 {
                    let angle = 2 * Double.pi * Double(k * n % 1_024) / 1_024
                    real += windowed[n] * cos(angle)
                    imaginary += windowed[n] * sin(angle)
                }
                return real * real + imaginary * imaginary
            }
            let expected = filters.map { filter in
                let energy = filter.weights.enumerated().reduce(0.0) {
                    $0 + Double($1.element) * power[filter.first + $1.offset]
                }
                return Float(log10(max(energy, 1e-5)))
            }
            let problem = mismatch(
                "frame \(frame) of \(count)", got: got[frame * 80..<(frame + 1) * 80], expected: expected,
                tolerance: 5e-4)
            #expect(problem == nil, Comment(rawValue: problem ?? ""))
        }
    }

    // MARK: Fit

    private func sample(seconds: Double) -> FrameSample {
        let reader = Result {
            try withTemporaryDirectory { directory in
                try writeAudioDirectory(
                    directory + "/audio",
                    [
                        AudioSample("a", [(0, try CodecFixture.flac(seconds: seconds, seed: 2))]),
                        AudioSample("b", [(0, try CodecFixture.flac(seconds: seconds, seed: 2))]),
                    ])
                return try FrameSample(of: MDSReader(directory: directory + "/audio"), workers: 2, isQuiet: true)
            }
        }
        do { return try reader.get() } catch { preconditionFailure("\(error)") }
    }

    @Test func `the size is the largest power of two up to a 32nd of the frames, from 16 to 1024`() {
        for (frames, size) in [
            (1, 16), (1_023, 16), (1_024, 32), (2_047, 32), (2_048, 64), (32_767, 512), (32_768, 1_024),
            (1 << 30, 1_024),
        ] { #expect(MelRVQFit.automaticSize(frames: frames) == size) }
    }

    @Test func `clips that repeat count once`() {
        let sample = sample(seconds: 1)
        #expect(sample.samples == 2 && sample.clips == 1 && sample.frames == 25 && sample.keptFrames == 25)
    }

    @Test func `the distance falls with every codebook and is what the codes lose`() throws {
        let sample = sample(seconds: 20)
        let fit = try MelRVQFit(sample, codebookSize: nil, workers: 2)
        #expect(fit.config.codebookSize == 16 && fit.loss.stages.count == 8)
        var last = fit.loss.spreadDecibels
        for stage in fit.loss.stages {
            #expect(stage.melDistanceDecibels < last)
            #expect((1...16).contains(stage.used) && stage.entropyBits > 0 && stage.entropyBits <= 4)
            last = stage.melDistanceDecibels
        }
        let decoded = fit.quantizer.decode(fit.quantizer.encode(sample.vectors))
        let squares = zip(decoded, sample.vectors).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
        let decibels = 10 * (squares / Double(decoded.count)).squareRoot()
        #expect(abs(decibels - last) < 1e-3)
        let again = try MelRVQFit(sample, codebookSize: nil, workers: 1)
        #expect(again.quantizer.codebooks.map(\.values) == fit.quantizer.codebooks.map(\.values))
        #expect(again.loss == fit.loss)
    }

    @Test func `too little audio is said so`() throws {
        for (size, seconds) in [(nil, 0.5), (64, 2)] as [(Int?, Double)] {
            do {
                _ = try MelRVQFit(sample(seconds: seconds), codebookSize: size, workers: 1)
                Issue.record("a fit of \(seconds) s passed")
            } catch {
                #expect(Failure(error).status == .badData)
                #expect(Failure(error).what.contains("too little audio"))
            }
        }
    }

    // MARK: Sound

    @Test func `what comes back sounds alike and as loud`() throws {
        let fit = try MelRVQFit(sample(seconds: 20), codebookSize: 64, workers: 2)
        let codec = MelRVQCodec(quantizer: fit.quantizer, config: fit.config, digest: "x")
        let original = CodecFixture.samples(seconds: 3, seed: 2)
        let codes = codec.encode(original)
        #expect(codes.codebooks == 8 && codes.frames == 75)
        let decoded = try codec.decode(codes)
        #expect(decoded.count == original.count)
        func decibels(_ samples: [Float]) -> Double {
            10 * log10(samples.reduce(0.0) { $0 + Double($1 * $1) } / Double(samples.count))
        }
        #expect(abs(decibels(decoded) - decibels(original)) < 1.5)
        // Heard again by the codec's own front end, what is loud differs little; a wrong order, a wrong mel inversion or
        // lost phases would show as 10 dB and more.
        let a = MelFrames().stacked(original), b = MelFrames().stacked(decoded)
        let loud = a.indices.filter { a[$0] > -1 }
        let distance = loud.reduce(0.0) { $0 + Double(abs(a[$1] - b[$1])) * 10 } / Double(loud.count)
        #expect(distance < 3.5, "mean absolute log-mel distance \(distance) dB")
    }

    @Test func `silence stays silence`() throws {
        let books = (0..<8).map { stage in
            Codebook(
                [Float](repeating: stage == 0 ? -5 : 0, count: 2 * MelFrames.width), count: 2, width: MelFrames.width)
        }
        let config = MelRVQConfig(codebooks: 8, codebookSize: 2, decodeGain: 1)
        let codec = MelRVQCodec(quantizer: ResidualQuantizer(books), config: config, digest: "x")
        let decoded = try codec.decode(codec.encode([Float](repeating: 0, count: 960)))
        #expect(decoded.count == 960 && decoded.allSatisfy { abs($0) < 1e-6 })
    }
}
