// Sample rate conversion by a polyphase windowed sinc (Crochiere and Rabiner, Multirate Digital Signal Processing, 1983,
// chapter 4; window: Kaiser, 1974). Between common rates the ratio is a small fraction L / M, so that L filters, computed
// once, give every output as one dot product: some hundred times faster than libsamplerate, which interpolates its filter
// for any ratio and keeps the odd ones here.

import Foundation
import Synchronization

/// The resampler of all stages.
///
/// Quality: flat within 0.05 dB up to 90 % of the lower Nyquist frequency; what lies at or above it, images and aliases,
/// is below −100 dB; linear phase, delay compensated. Odd ratios (L over 1,024, as 44,101 to 16,000 Hz) go through
/// libsamplerate's medium quality: the same pass band, 121 dB.
public struct PolyphaseResampler: Resampler {
    /// The most filters that are kept for one pair of rates; 11,025 to 16,000 Hz takes 640.
    static let mostPhases = 1_024
    private static let filters = Mutex<[RatePair: PolyphaseFilter]>([:])
    private let fallback = LibsamplerateResampler(quality: .medium)

    private struct RatePair: Hashable {
        var source: Int
        var target: Int
    }

    public init() {}

    public func resample(_ samples: [Float], from sourceRate: Int, to targetRate: Int) -> [Float] {
        precondition(sourceRate > 0 && targetRate > 0, "rates are positive")
        if sourceRate == targetRate || samples.isEmpty { return samples }
        let divisor = greatestCommonDivisor(sourceRate, targetRate)
        guard targetRate / divisor <= Self.mostPhases else {
            return fallback.resample(samples, from: sourceRate, to: targetRate)
        }
        let pair = RatePair(source: sourceRate, target: targetRate)
        let filter = Self.filters.withLock { filters in
            if let filter = filters[pair] { return filter }
            let filter = PolyphaseFilter(up: targetRate / divisor, down: sourceRate / divisor)
            filters[pair] = filter
            return filter
        }
        return filter.apply(samples)
    }
}

/// The L filters of one ratio.
struct PolyphaseFilter: Sendable {
    /// L and M: every M / L input samples there is an output.
    let up: Int
    let down: Int
    /// Input samples under a filter on either side of its place.
    let halfTaps: Int
    /// Filter p weighs the inputs −halfTaps + 1 … halfTaps around an output that lies p / L behind an input sample.
    let taps: [Float]  // (L, 2 · halfTaps)

    /// The stop band in dB; 5 dB below what is promised, for the rounding of the taps.
    private static let attenuation = 105.0
    /// Pass band and stop band edges as parts of the lower Nyquist frequency.
    private static let passEdge = 0.9, stopEdge = 1.0

    init(up: Int, down: Int) {
        self.up = up
        self.down = down
        // In cycles an input sample: the lower Nyquist frequency, the middle of the transition, its width.
        let nyquist = 0.5 * min(1, Double(up) / Double(down))
        let cutoff = nyquist * (Self.passEdge + Self.stopEdge) / 2
        let transition = nyquist * (Self.stopEdge - Self.passEdge)
        // Kaiser's formulas for the window's shape and length.
        let beta = 0.1102 * (Self.attenuation - 8.7)
        let length = (Self.attenuation - 7.95) / (2.285 * 2 * .pi * transition)
        let half = Int((length / 2).rounded(.up))
        halfTaps = (half + 15) / 16 * 16  // whole vectors of 16 on either side
        let reach = Double(half)
        let scale = 1 / Self.besselI0(beta)
        var taps: [Float] = []
        taps.reserveCapacity(up * 2 * halfTaps)
        for phase in 0..<up {
            let filter = (1 - halfTaps...halfTaps).map { place -> Double in
                let time = Double(place) - Double(phase) / Double(up)
                guard abs(time) < reach else { return 0 }
                let angle = 2 * .pi * cutoff * time
                let sinc = angle == 0 ? 1 : sin(angle) / angle
                let edge = time / reach
                return sinc * Self.besselI0(beta * (1 - edge * edge).squareRoot()) * scale
            }
            // Each filter passes a constant unchanged, so that none leaves a ripple of period L on it.
            let sum = filter.reduce(0, +)
            taps += filter.map { Float($0 / sum) }
        }
        self.taps = taps
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

    /// ⌈S · L / M⌉ samples.
    func apply(_ samples: [Float]) -> [Float] {  // (S)
        let count = (samples.count * up + down - 1) / down
        let width = 2 * halfTaps
        // Silence on both sides: the first filter starts halfTaps − 1 before the first sample.
        var padded = [Float](repeating: 0, count: samples.count + width)
        padded.replaceSubrange(halfTaps - 1..<halfTaps - 1 + samples.count, with: samples)
        return [Float](unsafeUninitializedCapacity: count) { output, filled in
            padded.withUnsafeBytes { padded in
                taps.withUnsafeBytes { taps in
                    fill(output, count: count, UnsafeRawPointer(padded.baseAddress), UnsafeRawPointer(taps.baseAddress))
                }
            }
            filled = count
        }
    }

    /// Outputs that are L apart lie at the same place between input samples: four of them share each load of the taps.
    private func fill(
        _ output: UnsafeMutableBufferPointer<Float>, count: Int, _ input: UnsafeRawPointer?, _ taps: UnsafeRawPointer?
    ) {
        guard let input, let taps else { return }
        let width = 2 * halfTaps, floatBytes = MemoryLayout<Float>.stride
        let whole = count / (4 * up) * (4 * up)
        for group in stride(from: 0, to: whole, by: 4 * up) {
            var place = group / up * down, phase = 0
            for index in group..<group + up {
                let four = Self.dots(
                    taps + phase * width * floatBytes, input + place * floatBytes, step: down * floatBytes, count: width
                )
                for lane in 0..<4 { output[index + lane * up] = four[lane] }
                phase += down
                place += phase / up
                phase %= up
            }
        }
        for index in whole..<count {
            let (place, phase) = (index * down / up, index * down % up)
            output[index] = Self.dot(taps + phase * width * floatBytes, input + place * floatBytes, count: width)
        }
    }

    /// The dot products of `a` with four runs that start `step` bytes apart; `count` floats, a multiple of 16.
    @inline(__always)
    private static func dots(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, step: Int, count: Int) -> SIMD4<Float> {
        var sums = (SIMD16<Float>.zero, SIMD16<Float>.zero, SIMD16<Float>.zero, SIMD16<Float>.zero)
        for offset in stride(from: 0, to: count * 4, by: 64) {
            let tap = a.loadUnaligned(fromByteOffset: offset, as: SIMD16<Float>.self)
            let place = b + offset
            sums.0.addProduct(tap, place.loadUnaligned(as: SIMD16<Float>.self))
            sums.1.addProduct(tap, place.loadUnaligned(fromByteOffset: step, as: SIMD16<Float>.self))
            sums.2.addProduct(tap, place.loadUnaligned(fromByteOffset: 2 * step, as: SIMD16<Float>.self))
            sums.3.addProduct(tap, place.loadUnaligned(fromByteOffset: 3 * step, as: SIMD16<Float>.self))
        }
        return SIMD4(sums.0.sum(), sums.1.sum(), sums.2.sum(), sums.3.sum())
    }

    /// The dot product of two runs, summed in the order of `dots`.
    private static func dot(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, count: Int) -> Float {
        var sum = SIMD16<Float>.zero
        for offset in stride(from: 0, to: count * 4, by: 64) {
            sum.addProduct(
                a.loadUnaligned(fromByteOffset: offset, as: SIMD16<Float>.self),
                b.loadUnaligned(fromByteOffset: offset, as: SIMD16<Float>.self))
        }
        return sum.sum()
    }
}
