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
