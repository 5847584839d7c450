// Sample rate conversion in the frequency domain, block by block (overlap-save; Oppenheim and Schafer, Discrete-Time Signal
// Processing, 3rd edition, §8.7): a block's spectrum is weighed by the filter's response, cut or widened to the other
// rate's number of bins, and transformed back. Sixteen blocks at once, as in all transforms here. Three times as fast as a
// polyphase filter, which needs some 400 products an output. Odd ratios, whose blocks would be too long, are
// libsamplerate's.

import Foundation
import Synchronization

/// The resampler of all stages.
///
/// The filter is a sinc under a Kaiser window (Kaiser, 1974). Quality: flat within 0.05 dB up to 90 % of the lower Nyquist
/// frequency; what lies at or above it, images and aliases, is below −100 dB; linear phase, delay compensated. Ratios
/// with other prime factors than 2, 3, 5 and 7, or large ones (44,101 to 16,000 Hz), go through libsamplerate's medium
/// quality: the same pass band, 121 dB.
public struct FourierResampler: Resampler {
    private static let plans = Mutex<[RatePair: ResamplingPlan?]>([:])
    private let fallback = LibsamplerateResampler(quality: .medium)

    private struct RatePair: Hashable {
        var source: Int
        var target: Int
        var isHalf = false
    }

    public init() {}

    public func resample(_ samples: [Float], from sourceRate: Int, to targetRate: Int) -> [Float] {
        precondition(sourceRate > 0 && targetRate > 0, "rates are positive")
        if sourceRate == targetRate || samples.isEmpty { return samples }
        guard let stream = Self.stream(from: sourceRate, to: targetRate, expectedCount: samples.count) else {
            return fallback.resample(samples, from: sourceRate, to: targetRate)
        }
        samples.withUnsafeBufferPointer { stream.append($0) }
        return stream.finish()
    }

    /// A conversion of a signal that comes piece by piece; nil for the ratios that libsamplerate converts.
    ///
    /// - Parameter expectedCount: samples that will come, as far as it is known.
    static func stream(from sourceRate: Int, to targetRate: Int, expectedCount: Int) -> ResamplingStream? {
        let divisor = greatestCommonDivisor(sourceRate, targetRate)
        let pair = RatePair(source: sourceRate / divisor, target: targetRate / divisor)
        return plan(pair).map { ResamplingStream($0, expectedCount: expectedCount) }
    }

    /// A conversion of a signal of which sample n stands at time 2n + ½ of a rate: a decoder's output at half of that rate.
    ///
    /// - Parameter expectedCount: samples that will come, as far as it is known.
    static func stream(fromHalfOf sourceRate: Int, to targetRate: Int, expectedCount: Int) -> ResamplingStream? {
        let divisor = greatestCommonDivisor(sourceRate, 2 * targetRate)
        let pair = RatePair(source: sourceRate / divisor, target: 2 * targetRate / divisor, isHalf: true)
        return plan(pair).map { ResamplingStream($0, expectedCount: expectedCount) }
    }

    private static func plan(_ pair: RatePair) -> ResamplingPlan? {
        plans.withLock { plans in
            if let plan = plans[pair] { return plan }
            let plan = ResamplingPlan(up: pair.target, down: pair.source, isHalf: pair.isHalf)
            plans[pair] = plan
            return plan
        }
    }
}

/// The blocks and the filter of one ratio.
struct ResamplingPlan: Sendable {
    /// L and M: every M / L input samples there is an output.
    let up: Int
    let down: Int
    /// Input samples that the filter reaches to either side of an output, in steps of a half.
    let reach: Double
    /// The filter's cutoff in cycles an input sample, where it passes half.
    let cutoff: Double
    /// Input and output samples a block: the same number of M's and L's.
    let input: RealTransform
    let output: RealTransform
    /// M's and L's at either end of a block that only its neighbours get right.
    let edge: Int
    /// M's and L's from block to block.
    let hop: Int
    /// The filter's response and the transforms' scale. // (bins below both Nyquists)
    let response: [Float]
    /// Its imaginary part; empty where there is no delay, and so no phase. // (bins below both Nyquists)
    let imaginaryResponse: [Float]

    /// The stop band in dB, below what is promised: a block's spectrum is cut off where it begins.
    private static let attenuation = 120.0
    /// Kaiser's formula for the window's shape.
    private static let beta = 0.1102 * (attenuation - 8.7)
    /// Pass band and stop band edges as parts of the lower Nyquist frequency.
    private static let passEdge = 0.9, stopEdge = 1.0
    /// A block's samples at most, at either rate: sixteen of these still lie in a second-level cache of 1 MiB.
    private static let largestBlock = 4_608

    /// Nil for ratios whose blocks would be too long or have other prime factors than the transforms.
    ///
    /// - Parameter isHalf: the input is half of a rate, and its sample n stands at 2n + ½ samples of the whole, a quarter of
    ///   its own distance behind n. The filter is then that of the whole rate.
    init?(up: Int, down: Int, isHalf: Bool = false) {
        self.up = up
        self.down = down
        // In cycles an input sample: the lower Nyquist frequency and the width of the transition.
        let nyquist = 0.5 * min(1, Double(up) / Double(down))
        let transition = nyquist * (Self.stopEdge - Self.passEdge)
        let length = (Self.attenuation - 7.95) / (2.285 * 2 * .pi * transition)  // Kaiser's formula
        let reach = isHalf ? length.rounded(.up) / 2 : (length / 2).rounded(.up)
        let delay = isHalf ? 0.25 : 0
        let edge = (Int((reach + delay).rounded(.up)) + down - 1) / down
        // The cheapest block that fits: n log n of both transforms for each sample that it delivers.
        func cost(_ parts: Int) -> Double {
            let (n, m) = (Double(parts * down), Double(parts * up))
            return (n * log2(n) + m * log2(m)) / Double(parts - 2 * edge)
        }
        let candidates = stride(from: 2, through: Self.largestBlock / max(up, down), by: 2).filter { parts in
            parts > 2 * edge && [parts * up, parts * down].allSatisfy(ComplexTransform.isPlannable)
        }
        guard let parts = candidates.min(by: { cost($0) < cost($1) }) else { return nil }
        self.reach = reach
        self.edge = edge
        cutoff = nyquist * (Self.passEdge + Self.stopEdge) / 2
        hop = parts - 2 * edge
        input = RealTransform(count: parts * down)
        output = RealTransform(count: parts * up)
        let response = Self.response(
            reach: reach, cutoff: cutoff, blockSamples: parts * down, binCount: parts * min(up, down) / 2)
        // A delay turns bin k, of k cycles a block, by as much of a cycle as it is of the block.
        let angles = response.indices.map { -2 * .pi * Double($0) * delay / Double(parts * down) }
        self.response = zip(response, angles).map { Float($0 * cos($1)) }
        imaginaryResponse = isHalf ? zip(response, angles).map { Float($0 * sin($1)) } : []
    }

    /// The impulse response at a time in input samples, before it is scaled to pass a constant unchanged.
    static func tap(at time: Double, reach: Double, cutoff: Double) -> Double {
        let part = time / reach
        guard abs(part) < 1 else { return 0 }
        let angle = 2 * .pi * cutoff * time
        return (angle == 0 ? 1 : sin(angle) / angle) * besselI0(beta * (1 - part * part).squareRoot())
    }

    /// The response at the bins of a block, from the impulse response at every half input sample: at twice the rate
    /// nothing of it folds back.
    private static func response(reach: Double, cutoff: Double, blockSamples: Int, binCount: Int) -> [Double] {
        let taps = (0..<Int(2 * reach)).map { tap(at: Double($0) / 2, reach: reach, cutoff: cutoff) }
        let cosines = (0..<2 * blockSamples).map { cos(.pi * Double($0) / Double(blockSamples)) }
        func sum(_ bin: Int) -> Double {
            var sum = taps[0]
            for place in 1..<taps.count { sum += 2 * taps[place] * cosines[place * bin % cosines.count] }
            return sum
        }
        // A constant passes unchanged. The inverse transform gives half of the sum over both signs of frequency.
        let scale = 2 / (sum(0) * Double(blockSamples))
        return (0..<binCount).map { sum($0) * scale }
    }

    /// The modified Bessel function of the first kind and order 0, by its power series.
    private static func besselI0(_ x: Double) -> Double {
        var term = 1.0, sum = 1.0, k = 1.0
        while term > sum * 1e-17 {
            term *= x / (2 * k) * (x / (2 * k))
            sum += term
            k += 1
        }
        return sum
    }
}
