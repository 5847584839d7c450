// Vorbis by way of half of its rate, beside the whole decoded and converted: what is given away, and when it is not done.

import CSndfile
import Foundation
import TestSupport
import Testing

@testable import PipelineKit

@Suite struct HalfRateTests {
    private enum Sound {
        case speech, noise, bursts, clicks
    }

    /// Four seconds at a rate, mono. // (S)
    private func samples(_ sound: Sound, rate: Int) throws -> [Float] {
        let noise = Signal.noise(4 * rate, seed: 11)
        switch sound {
        case .speech:
            let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture("resampled/speech-44100.flac"))))
            return try AudioDecoder(bytes: bytes, source: "speech").decodeMono(at: rate)
        case .noise: return noise
        case .bursts: return noise.indices.map { $0 % (rate / 5) < rate / 50 ? noise[$0] : 0 }
        case .clicks: return noise.indices.map { $0 % (rate / 4) == rate / 8 ? 0.8 : 0 }
        }
    }

    private func vorbis(_ mono: [Float], channels: Int = 1, rate: Int) throws -> [UInt8] {
        let interleaved = mono.flatMap { sample in (0..<channels).map { $0 == 0 ? sample : 0.6 * sample } }
        return try AudioEncoder.vorbis(interleaved, channels: channels, sampleRate: rate, source: "x")
    }

    /// By way of half of the rate, and of all of it. // (S), (S)
    private func both(_ bytes: [UInt8], to rate: Int) throws -> (half: [Float], full: [Float]) {
        let half = try #require(try AudioDecoder(bytes: bytes, source: "x").decodeMonoAtHalfRate(to: rate))
        #expect(try AudioDecoder(bytes: bytes, source: "x").decodeMono(at: rate) == half)
        let decoder = try AudioDecoder(bytes: bytes, source: "x")
        let full = FourierResampler().resample(try decoder.decodeMono(), from: decoder.info.sampleRate, to: rate)
        return (half, full)
    }

    @Test(arguments: [44_100, 48_000, 96_000]) func `the samples are those of the whole`(rate: Int) throws {
        for (sound, bound) in [(Sound.speech, -110.0), (.noise, -115), (.bursts, -85), (.clicks, -85)] {
            for channels in [1, 2, 3] {
                let bytes = try vorbis(samples(sound, rate: rate), channels: channels, rate: rate)
                let (half, full) = try both(bytes, to: 16_000)
                #expect(half.count == full.count)
                let energy = full.reduce(0.0) { $0 + Double($1) * Double($1) }
                func level(_ places: Range<Int>) -> Double {
                    10 * log10(places.reduce(0.0) { $0 + pow(Double(half[$1] - full[$1]), 2) } / energy)
                }
                let (all, middle) = (level(full.indices), level(300..<full.count - 300))
                print("\(sound), \(channels) channels, \(rate) Hz to 16,000: \(middle) dB, \(all) dB with the ends")
                #expect(middle < bound, "\(sound), \(channels) channels, \(rate) Hz")
                // Where sound begins out of nothing between two samples, neither rate knows when.
                #expect(all < -55, "\(sound), \(channels) channels, \(rate) Hz")
            }
        }
    }

    @Test(arguments: [44_100, 48_000], [1, 2]) func `the log-mel of speech does not show it`(
        rate: Int, channels: Int
    ) throws {
        let (half, full) = try both(vorbis(samples(.speech, rate: rate), channels: channels, rate: rate), to: 16_000)
        let logMel = LogMel(binCount: 128)
        let (a, b) = (logMel.chunk(half[...]).values, logMel.chunk(full[...]).values)
        let mean = zip(a, b).reduce(0.0) { $0 + Double(abs($1.0 - $1.1)) } / Double(a.count)
        print("log-mel of speech, \(rate) Hz, \(channels) channels: \(mean) in the mean")
        #expect(mean < 6e-5)  // a sixteenth of a step of Float16 at 1
    }

    @Test(arguments: [44_100, 48_000]) func `lengths are those of the whole`(rate: Int) throws {
        for frames in [1, 2, 7, 8, 9, 31, 63, 127, 255, 1_023, 1_024, 1_025, 4_097, 9_999, 44_100, 88_201] {
            let bytes = try vorbis(Signal.noise(frames, seed: UInt64(frames)), rate: rate)
            let decoder = try AudioDecoder(bytes: bytes, source: "x")
            let got = try decoder.decodeMono(at: 16_000)
            #expect(got.count == FourierResampler.outputCount(frames, from: rate, to: 16_000), "\(frames) at \(rate)")
            #expect(decoder.position == frames)
        }
    }

    /// The filter as it is defined over samples at 2n + ½, in Double.
    private func naive(_ samples: [Float], frames: Int, from source: Int, to target: Int) throws -> [Float] {
        let divisor = greatestCommonDivisor(source, 2 * target)
        let (up, down) = (2 * target / divisor, source / divisor)
        let plan = try #require(ResamplingPlan(up: up, down: down, isHalf: true))
        func tap(_ time: Double) -> Double { ResamplingPlan.tap(at: time, reach: plan.reach, cutoff: plan.cutoff) }
        let sum = (Int(-2 * plan.reach)...Int(2 * plan.reach)).reduce(0) { $0 + tap(Double($1) / 2) / 2 }
        return (0..<FourierResampler.outputCount(frames, from: source, to: target)).map { n in
            let time = Double(n) * Double(down) / Double(up)
            return Float(
                samples.indices.reduce(0) { $0 + Double(samples[$1]) * tap(time - Double($1) - 0.25) } / sum)
        }
    }

    @Test(arguments: [(44_100, 16_000), (48_000, 16_000), (96_000, 24_000), (64_000, 16_000)])
    func `samples between the grid points are put where they belong`(source: Int, target: Int) throws {
        for frames in [1, 2, 7, 8, 9, 31, 6_001] {
            let samples = Signal.noise((frames + 1) / 2, seed: UInt64(frames))
            let stream = try #require(FourierResampler.stream(fromHalfOf: source, to: target, expectedCount: 0))
            samples.withUnsafeBufferPointer { stream.append($0) }
            let problem = mismatch(
                "\(frames), \(source) to \(target)", got: stream.finish(halfOf: frames),
                expected: try naive(samples, frames: frames, from: source, to: target), tolerance: 4e-6)
            #expect(problem == nil, Comment(rawValue: problem ?? ""))
        }
    }

    @Test func `what is wanted up to the half's end, or is no Vorbis, is decoded whole`() throws {
        func isHalved(_ coding: Int, _ rate: Int, to target: Int) throws -> Bool {
            let noise = Signal.noise(rate, seed: 2)
            let bytes = try AudioEncoder.encode(noise.count, coding, 1, rate, "x") { $0.write(noise) }
            return try AudioDecoder(bytes: bytes, source: "x").decodeMonoAtHalfRate(to: target) != nil
        }
        let vorbis = SF_FORMAT_OGG | SF_FORMAT_VORBIS
        #expect(try isHalved(vorbis, 40_000, to: 16_000))
        for (rate, target) in [(32_000, 16_000), (39_000, 16_000), (44_100, 24_000), (48_000, 24_000)] {
            #expect(try !isHalved(vorbis, rate, to: target), "\(rate) to \(target)")
        }
        #expect(try !isHalved(SF_FORMAT_OGG | SF_FORMAT_OPUS, 48_000, to: 16_000))
        #expect(try !isHalved(SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 48_000, to: 16_000))
    }

    @Test func `damaged pages are errors here too`() throws {
        var bytes = try vorbis(Signal.noise(100_000, seed: 6), rate: 44_100)
        bytes[bytes.count / 2] ^= 1
        let error = #expect(throws: AudioError.self) {
            try AudioDecoder(bytes: bytes, source: "x").decodeMono(at: 16_000)
        }
        guard case .damagedContainer = error?.reason else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}
