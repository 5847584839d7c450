// Speech through the resampler of the stages beside soxr HQ, which speech corpora are usually prepared with.
// The fixtures are made by dev/resampled_speech.py.

import Foundation
import TestSupport
import Testing

@testable import PipelineKit

@Suite struct ResampledSpeechTests {
    private func decoder(_ name: String) throws -> AudioDecoder {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture("resampled/\(name).flac"))))
        return try AudioDecoder(bytes: bytes, source: name)
    }

    @Test(arguments: [48_000, 44_100], [80, 128]) func `the log-mel is that of soxr HQ`(rate: Int, bins: Int) throws {
        let got = try decoder("speech-\(rate)").decodeMono(at: 16_000)
        let expected = try decoder("soxr-hq-\(rate)").decodeMono()
        #expect(got.count == expected.count)
        let logMel = LogMel(binCount: bins)
        let (a, b) = (logMel.chunk(got[...]).values, logMel.chunk(expected[...]).values)
        let difference = zip(a, b).reduce(0.0) { $0 + Double(abs($1.0 - $1.1)) } / Double(a.count)
        print("log-mel, \(rate) Hz, \(bins) bins: \(difference) from soxr HQ in the mean")
        // 0.0008 were measured; a gain of 1 % would make 0.002.
        #expect(difference < 0.001_5)
    }

    @Test(arguments: [48_000, 44_100]) func `the samples are those of soxr HQ, but for the transition band`(
        rate: Int
    ) throws {
        let got = try decoder("speech-\(rate)").decodeMono(at: 16_000).map(Double.init)
        let expected = try decoder("soxr-hq-\(rate)").decodeMono().map(Double.init)
        let power = expected.reduce(0) { $0 + $1 * $1 }
        let gain = zip(got, expected).reduce(0) { $0 + $1.0 * $1.1 } / power
        let rest = zip(got, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / power
        print("samples, \(rate) Hz: gain \(gain), difference \(10 * log10(rest)) dB")
        #expect(abs(gain - 1) < 1e-3)
        #expect(10 * log10(rest) < -35)
    }
}
