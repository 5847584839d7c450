import Foundation
import TestSupport
import Testing

@testable import PipelineKit

@Suite struct ResamplerTests {
    let resampler = LibsamplerateResampler()

    @Test(arguments: [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000, 384_000, 1_000, 44_101])
    func `lengths are exact for every count`(rate: Int) {
        for target in [16_000, 24_000] {
            for count in [1, 2, 7, 8, 9, 31, 640, 1_001, 40_003] {
                let expected = Int((Double(count) * Double(target) / Double(rate)).rounded(.up))
                let got = resampler.resample([Float](repeating: 0.1, count: count), from: rate, to: target)
                #expect(got.count == expected, "\(count) at \(rate) to \(target)")
            }
        }
    }

    @Test func `the same rate and nothing at all stay as they are`() {
        let samples = Signal.noise(100, seed: 1)
        #expect(resampler.resample(samples, from: 24_000, to: 24_000) == samples)
        #expect(resampler.resample([], from: 48_000, to: 16_000) == [])
    }

    @Test(arguments: [8_000, 22_050, 24_000, 44_100, 48_000, 96_000]) func `a sine keeps its phase and level`(rate: Int)
    {
        for target in [16_000, 24_000] where target != rate {
            let got = resampler.resample(
                Signal.sine(1_234, seconds: 1, rate: rate, amplitude: 0.7), from: rate, to: target)
            let expected = Signal.sine(1_234, seconds: 1, rate: target, amplitude: 0.7)
            // Away from the ends, where the sine starts out of silence: 300 samples are longer than the filter.
            let problem = mismatch(
                "\(rate) to \(target)", got: got[300..<target - 300], expected: expected[300..<target - 300],
                tolerance: 2e-4)
            #expect(problem == nil, Comment(rawValue: problem ?? ""))
        }
    }

    @Test func `what lies above the new Nyquist frequency is gone`() {
        let got = resampler.resample(Signal.sine(9_500, seconds: 1, rate: 48_000), from: 48_000, to: 16_000)
        let peak = got[300..<15_700].reduce(Float(0)) { max($0, abs($1)) }
        #expect(peak < 5e-6)
    }
}

/// The resampler of the stages, held against what it promises.
@Suite struct FourierResamplerTests {
    let resampler = FourierResampler()
    static let rates = [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000]
    static let ratios = rates.flatMap { source in
        [16_000, 24_000].filter { $0 != source }.map { (source, $0) }
    }

    /// Level and rest of a sine: least squares of sine and cosine over the middle of the output, in dB.
    private func response(_ frequency: Double, from source: Int, to target: Int) -> (gain: Double, rest: Double) {
        let got = resampler.resample(
            Signal.sine(frequency, seconds: 1, rate: source, amplitude: 1), from: source, to: target)
        let middle = target / 4..<target * 3 / 4
        var s = 0.0, c = 0.0
        for n in middle {
            let angle = 2 * .pi * frequency * Double(n) / Double(target)
            s += Double(got[n]) * sin(angle)
            c += Double(got[n]) * cos(angle)
        }
        s *= 2 / Double(middle.count)
        c *= 2 / Double(middle.count)
        var rest = 0.0
        for n in middle {
            let angle = 2 * .pi * frequency * Double(n) / Double(target)
            let error = Double(got[n]) - s * sin(angle) - c * cos(angle)
            rest += error * error
        }
        rest = (2 * rest / Double(middle.count)).squareRoot()
        // A sine that starts at phase 0 must come out as one: a delay would turn into a cosine.
        #expect(abs(c) < 1e-3, "\(frequency) Hz, \(source) to \(target): cosine \(c)")
        return (20 * log10((s * s + c * c).squareRoot()), 20 * log10(max(rest, 1e-12)))
    }

    @Test(arguments: ratios) func `the pass band is flat and free of images`(source: Int, target: Int) {
        let nyquist = Double(min(source, target)) / 2
        for part in [0.01, 0.1, 0.33, 0.5, 0.7, 0.8, 0.9] {
            // Whole periods within half a second, so that sine and cosine are orthogonal.
            let frequency = (nyquist * part / 4).rounded() * 4
            let (gain, rest) = response(frequency, from: source, to: target)
            #expect(abs(gain) < 0.05, "\(source) to \(target), \(frequency) Hz: \(gain) dB")
            #expect(rest < -100, "\(source) to \(target), \(frequency) Hz: images at \(rest) dB")
        }
    }

    @Test(arguments: ratios.filter { $0.0 > $0.1 }) func `what would alias is below minus 100 dB`(
        source: Int, target: Int
    ) {
        let nyquist = Double(target) / 2
        for frequency in [nyquist * 1.0, nyquist * 1.02, nyquist * 1.1, nyquist * 1.4, Double(source) * 0.49]
        where frequency < Double(source) / 2 {
            let got = resampler.resample(
                Signal.sine(frequency, seconds: 1, rate: source, amplitude: 1), from: source, to: target)
            let middle = got[target / 4..<target * 3 / 4]
            let level = (2 * middle.reduce(0) { $0 + Double($1) * Double($1) } / Double(middle.count)).squareRoot()
            #expect(20 * log10(max(level, 1e-12)) < -100, "\(source) to \(target), \(frequency) Hz")
        }
    }

    /// The filter as it is defined, sample by sample, in Double.
    private func naive(_ samples: [Float], from source: Int, to target: Int) throws -> [Float] {
        let divisor = greatestCommonDivisor(source, target)
        let plan = try #require(ResamplingPlan(up: target / divisor, down: source / divisor))
        func tap(_ time: Double) -> Double { ResamplingPlan.tap(at: time, reach: plan.reach, cutoff: plan.cutoff) }
        let reach = Int(plan.reach)
        let sum = (-2 * reach...2 * reach).reduce(0) { $0 + tap(Double($1) / 2) / 2 }
        return (0..<FourierResampler.outputCount(samples.count, from: source, to: target)).map { n in
            let time = Double(n) * Double(plan.down) / Double(plan.up)
            let from = max(0, Int(time) - reach), end = min(samples.count, Int(time) + reach + 2)
            guard from < end else { return 0 }
            return Float((from..<end).reduce(0) { $0 + Double(samples[$1]) * tap(time - Double($1)) } / sum)
        }
    }

    @Test(arguments: ratios) func `every output is the naive sum, at the ends too`(source: Int, target: Int) throws {
        // 60,001 samples are more than the sixteen blocks that are converted together.
        for count in [1, 7, 8, 9, 31, 1_000, 60_001] {
            let samples = Signal.noise(count, seed: UInt64(count))
            let got = resampler.resample(samples, from: source, to: target)
            #expect(got.count == (count * target + source - 1) / source)
            let problem = mismatch(
                "\(count), \(source) to \(target)", got: got, expected: try naive(samples, from: source, to: target),
                tolerance: 4e-6)
            #expect(problem == nil, Comment(rawValue: problem ?? ""))
        }
    }

    @Test func `the pieces in which a signal comes do not show`() throws {
        let samples = Signal.noise(70_000, seed: 8)
        let whole = resampler.resample(samples, from: 44_100, to: 16_000)
        for piece in [1, 999, 16_384, 69_999] {
            let stream = try #require(FourierResampler.stream(from: 44_100, to: 16_000, expectedCount: 0))
            for start in stride(from: 0, to: samples.count, by: piece) {
                samples[start..<min(start + piece, samples.count)].withUnsafeBufferPointer { stream.append($0) }
            }
            #expect(stream.finish() == whole, "pieces of \(piece)")
        }
    }

    @Test func `silence stays silence and an impulse keeps its place`() {
        for (source, target) in Self.ratios {
            #expect(
                resampler.resample([Float](repeating: 0, count: 5_000), from: source, to: target)
                    .allSatisfy { $0 == 0 })
            var impulse = [Float](repeating: 0, count: 3 * source / 10)
            impulse[source / 10] = 1
            let got = resampler.resample(impulse, from: source, to: target)
            let peak = got.indices.max { abs(got[$0]) < abs(got[$1]) }
            // The rates divide into tenths of a second, so the peak falls on a sample.
            if source % 10 == 0, target % 10 == 0 { #expect(peak == target / 10, "\(source) to \(target)") }
            // Linear phase: as far before the peak as behind it.
            for distance in 1..<200 where source % 10 == 0 {
                let (before, behind) = (got[target / 10 - distance], got[target / 10 + distance])
                #expect(abs(before - behind) < 2e-6, "\(source) to \(target), \(distance)")
            }
        }
    }

    @Test func `a constant stays a constant`() {
        for (source, target) in Self.ratios {
            let got = resampler.resample([Float](repeating: 0.5, count: source), from: source, to: target)
            #expect(got[target / 4..<target * 3 / 4].allSatisfy { abs($0 - 0.5) < 1e-6 }, "\(source) to \(target)")
        }
    }

    @Test(arguments: [44_100, 48_000, 22_050]) func `libsamplerate's best quality gives nearly the same`(source: Int) {
        // Band-limited noise, so that the two transition bands do not matter: up-sampled from half of the target rate.
        let noise = Signal.noise(8_000, seed: 3)
        let samples = LibsamplerateResampler(quality: .best).resample(noise, from: 8_000, to: source)
        let got = resampler.resample(samples, from: source, to: 16_000)
        let judge = LibsamplerateResampler(quality: .best).resample(samples, from: source, to: 16_000)
        let problem = mismatch(
            "\(source)", got: got[400..<15_000], expected: judge[400..<15_000], tolerance: 1e-3, relative: true)
        #expect(problem == nil, Comment(rawValue: problem ?? ""))
    }

    @Test func `odd ratios go through libsamplerate`() {
        let samples = Signal.noise(5_000, seed: 9)
        #expect(
            resampler.resample(samples, from: 44_101, to: 16_000)
                == LibsamplerateResampler(quality: .medium).resample(samples, from: 44_101, to: 16_000))
    }
}
