// A clip's samples as they are drawn: for each column the lowest and the highest.

import Foundation

/// A mono waveform.
struct Waveform: Sendable {
    let samples: [Float]  // (S)
    let sampleRate: Int

    var seconds: Double { Double(samples.count) / Double(sampleRate) }
    /// The largest magnitude.
    var peak: Float { samples.reduce(0) { max($0, abs($1)) } }

    /// The lowest and highest sample of each of `columns` equal stretches; of a stretch without a sample, the one before it.
    func envelope(columns: Int) -> [(low: Float, high: Float)] {
        guard !samples.isEmpty else { return [] }
        return (0..<columns).map { column in
            let start = min(samples.count - 1, column * samples.count / columns)
            let end = max(start + 1, (column + 1) * samples.count / columns)
            var low = samples[start], high = low
            for sample in samples[start..<end] {
                low = min(low, sample)
                high = max(high, sample)
            }
            return (low, high)
        }
    }

    /// `0.42 (-7.5 dB)`: the peak and how far it lies below full scale.
    var peakText: String {
        let peak = peak
        return numberText(Double(peak), 2)
            + (peak > 0 ? " (\(numberText(20 * log10(Double(peak)), 1)) dBFS)" : " (silence)")
    }
}
