import Foundation
import TestSupport
import Testing

@testable import PipelineKit

@Suite struct LogMelTests {
    static let clips = [
        "arabic_espeak", "click_on_last_sample", "noise", "one_sample", "silence", "silence_then_click",
        "tone_full_scale",
    ]
    let golden = Result { try GoldenTensors(fixture("mel/expected.safetensors")) }

    private func expectClose(_ name: String, got: some Collection<Float>, expected: some Collection<Float>) {
        let problem = mismatch(name, got: got, expected: expected, tolerance: 2e-4)
        #expect(problem == nil, Comment(rawValue: problem ?? ""))
    }

    @Test(arguments: clips, [80, 128]) func `features equal Whisper's, valid, tail and padding frames`(
        clip: String, bins: Int
    ) throws {
        let golden = try golden.get()
        let wave = try golden.floats("\(clip).wave")
        let chunk = LogMel(binCount: bins).chunk(wave[...])
        let valid = chunk.validFrames
        #expect(valid == (wave.count + 159) / 160 && chunk.frameCount == valid + 2)
        let rows = (0..<bins).map { chunk.values[$0 * chunk.frameCount..<($0 + 1) * chunk.frameCount] }
        expectClose(
            "\(clip).mel\(bins)", got: rows.flatMap { $0.prefix(valid) },
            expected: try golden.floats("\(clip).mel\(bins)"))
        expectClose(
            "\(clip).tail\(bins)", got: rows.flatMap { $0.suffix(2) },
            expected: try golden.floats("\(clip).tail\(bins)"))
        expectClose(
            "\(clip).pad\(bins)", got: [Float](repeating: chunk.padding, count: bins),
            expected: try golden.floats("\(clip).pad\(bins)"))
    }

    @Test func `a clip of 30 s and more is two chunks`() throws {
        let golden = try golden.get()
        let wave = try golden.floats("long.wave")
        let ranges = LogMel.chunkRanges(samples: wave.count)
        #expect(ranges == [0..<480_000, 480_000..<483_333])
        for (number, range) in ranges.enumerated() {
            let chunk = LogMel(binCount: 80).chunk(wave[range])
            #expect(chunk.validFrames == Int(try golden.integers("long.valid.chunk\(number)")[0]))
            expectClose(
                "long chunk \(number)", got: chunk.values, expected: try golden.floats("long.mel80.chunk\(number)"))
        }
    }

    @Test(arguments: [80, 128]) func `filters equal transformers'`(bins: Int) throws {
        let expected = try golden.get().doubles("filters\(bins)")  // (201, bins)
        var worst = 0.0
        for bin in 0..<bins {
            let weights = MelFilterBank.weights(bin, of: bins, sampleRate: 16_000, spectrumCount: 201, hertz: 0...8_000)
            for index in 0..<201 { worst = max(worst, abs(weights[index] - expected[index * bins + bin])) }
        }
        #expect(worst < 1e-15, "worst difference \(worst)")
    }

    // MARK: Against the definition, in Double

    /// Whisper's front end as it is defined, all 3,000 frames, by the naive sum. // (M, frames)
    private func oracle(_ samples: [Float], bins: Int, frames: [Int]) -> (values: [[Double]], largest: Double) {
        let padded = samples.map(Double.init) + [Double](repeating: 0, count: 480_000 - samples.count)
        func sample(_ index: Int) -> Double {
            padded[index < 0 ? -index : index >= 480_000 ? 2 * 479_999 - index : index]
        }
        let filters = (0..<bins).map {
            MelFilterBank.weights($0, of: bins, sampleRate: 16_000, spectrumCount: 201, hertz: 0...8_000)
        }
        let values = frames.map { frame -> [Double] in
            let windowed = (0..<400).map { n in
                (sample(frame * 160 + n - 200) * (0.5 - 0.5 * cos(2 * Double.pi * Double(n) / 400)), 0.0)
            }
            let power = naiveTransform(windowed).prefix(201).map { $0.0 * $0.0 + $0.1 * $0.1 }
            return filters.map { filter in log10(max(1e-10, zip(filter, power).reduce(0) { $0 + $1.0 * $1.1 })) }
        }
        return (values, values.joined().max() ?? -10)
    }

    @Test(arguments: [1, 159, 160, 161, 399, 2_401]) func `short clips with an offset equal the definition`(count: Int)
    {
        var samples = Signal.sine(700, seconds: 0.2, rate: 16_000, amplitude: 0.3).prefix(count).map { $0 + 0.2 }
        samples[count / 2] -= 0.1
        let chunk = LogMel(binCount: 80).chunk(samples[...])
        let (values, largest) = oracle(samples, bins: 80, frames: Array(0..<chunk.frameCount))
        let expected = (0..<80).flatMap { bin in values.map { Float((max($0[bin], largest - 8) + 4) / 4) } }
        expectClose("\(count) samples", got: chunk.values, expected: expected)
    }

    @Test func `30 s exactly are one full chunk, reflected at its end`() {
        let samples = Signal.noise(480_000, amplitude: 0.1, seed: 30)
        #expect(LogMel.chunkRanges(samples: 480_000).count == 1)
        #expect(LogMel.chunkRanges(samples: 480_001) == [0..<480_000, 480_000..<480_001])
        let chunk = LogMel(binCount: 80).chunk(samples[...])
        #expect(chunk.validFrames == 3_000 && chunk.frameCount == 3_000)
        let frames = [0, 1, 2_000, 2_997, 2_998, 2_999]
        let (values, _) = oracle(samples, bins: 80, frames: frames)
        // White noise is nowhere 8 below its largest bin, so that the clamp plays no part.
        let expected = values.joined().map { Float(($0 + 4) / 4) }
        expectClose(
            "30 s", got: frames.flatMap { frame in (0..<80).map { chunk.values[$0 * 3_000 + frame] } },
            expected: expected)
    }

    @Test func `silence is at the floor`() {
        let chunk = LogMel(binCount: 128).chunk([Float](repeating: 0, count: 1_000)[...])
        #expect(chunk.values.allSatisfy { abs($0 + 1.5) < 1e-6 } && abs(chunk.padding + 1.5) < 1e-6)
        #expect(LogMel.chunkRanges(samples: 0).isEmpty)
    }
}
