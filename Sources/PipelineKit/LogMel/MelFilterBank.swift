// Triangular mel filters in Slaney's scale and normalisation, as librosa and transformers 5.23
// (audio_utils.mel_filter_bank, norm and mel_scale "slaney") make them.

import Foundation

/// Filters from a power spectrum to mel bins.
public struct MelFilterBank: Sendable {
    /// Mel bins M.
    public let binCount: Int
    /// Bins of the spectrum, 0 to the Nyquist frequency.
    public let spectrumCount: Int
    /// Every filter's weights from its first bin on, zeros on both sides left out.
    package let filters: [(first: Int, weights: [Float])]
    /// Where each filter peaks, in Hz.
    public let centresHertz: [Double]  // (M)

    /// - Parameters:
    ///   - sampleRate: in Hz.
    ///   - frameSamples: the transform's length; its spectrum has half as many bins and one.
    ///   - binCount: mel bins.
    ///   - hertz: from the lowest filter's lower edge to the highest filter's upper edge.
    public init(sampleRate: Int, frameSamples: Int, binCount: Int, hertz: ClosedRange<Double>) {
        precondition(binCount > 0 && frameSamples % 2 == 0, "mel filters need bins and an even frame")
        self.binCount = binCount
        spectrumCount = frameSamples / 2 + 1
        filters = (0..<binCount).map { bin in
            let weights = Self.weights(
                bin, of: binCount, sampleRate: sampleRate, spectrumCount: frameSamples / 2 + 1, hertz: hertz)
            let first = weights.firstIndex { $0 > 0 } ?? 0
            let last = weights.lastIndex { $0 > 0 } ?? first
            return (first, weights[first...last].map(Float.init))
        }
        centresHertz = (0..<binCount).map { Self.edge($0 + 1, of: binCount, hertz: hertz) }
    }

    /// All weights of one filter, in Double. // (spectrumCount)
    static func weights(
        _ bin: Int, of binCount: Int, sampleRate: Int, spectrumCount: Int, hertz: ClosedRange<Double>
    ) -> [Double] {
        func edge(_ index: Int) -> Double { Self.edge(index, of: binCount, hertz: hertz) }
        let (left, centre, right) = (edge(bin), edge(bin + 1), edge(bin + 2))
        return (0..<spectrumCount).map { index in
            let frequency = Double(sampleRate) / 2 * Double(index) / Double(spectrumCount - 1)
            let rising = (frequency - left) / (centre - left), falling = (right - frequency) / (right - centre)
            return max(0, min(rising, falling)) * 2 / (right - left)
        }
    }

    /// Filter b rises from edge b, peaks at edge b + 1 and ends at edge b + 2; all are equally far apart in mel.
    private static func edge(_ index: Int, of binCount: Int, hertz: ClosedRange<Double>) -> Double {
        let low = mel(hertz.lowerBound), high = mel(hertz.upperBound)
        return frequency(low + (high - low) * Double(index) / Double(binCount + 1))
    }

    /// Slaney's mel scale: linear below 1,000 Hz, logarithmic above.
    static func mel(_ hertz: Double) -> Double {
        hertz < 1_000 ? hertz * 3 / 200 : 15 + log(hertz / 1_000) * 27 / log(6.4)
    }

    static func frequency(_ mel: Double) -> Double {
        mel < 15 ? mel * 200 / 3 : 1_000 * exp((mel - 15) * log(6.4) / 27)
    }
}

extension MelFilterBank {
    /// Filters the power spectra of sixteen frames; calls `body` with each mel bin and its values.
    @inline(__always)
    package func apply(to power: UnsafePointer<Lanes>, _ body: (Int, Lanes) -> Void) {
        for (bin, filter) in filters.enumerated() {
            var sum = Lanes.zero
            filter.weights.withUnsafeBufferPointer { weights in
                for index in 0..<weights.count { sum += power[filter.first + index] * weights[index] }
            }
            body(bin, sum)
        }
    }
}
