// Where the labels of an axis stand: at round numbers.

import Foundation

/// Round places along an axis of seconds.
enum TimeAxis {
    /// Ticks from 0 on, `step` apart, up to `seconds`: a step of 1, 2 or 5 times a power of ten with at most `limit` of them
    /// after the first.
    static func ticks(seconds: Double, limit: Int) -> (step: Double, ticks: [Double]) {
        guard seconds > 0, limit > 0 else { return (1, [0]) }
        let least = seconds / Double(limit)
        let power = pow(10, floor(log10(least)))
        let step = [1.0, 2, 5, 10].map { $0 * power }.first { $0 >= least * (1 - 1e-9) } ?? 10 * power
        return (step, (0...Int(seconds / step + 1e-9)).map { Double($0) * step })
    }

    /// A tick with as many decimals as its step needs: `0.5`, `12`.
    static func label(_ tick: Double, step: Double) -> String {
        numberText(tick, step >= 1 ? 0 : step >= 0.1 ? 1 : step >= 0.01 ? 2 : 3)
    }
}

/// Round frequencies along an axis of mel bins.
enum MelAxis {
    /// Frequencies that are worth a label, those that matter most for speech first.
    private static let candidates = [1_000.0, 4_000, 250, 8_000, 2_000, 500, 6_000, 3_000, 125]

    /// Labels and their bins, lowest bin first, at least `gap` bins apart and within the bins.
    static func ticks(centresHertz: [Double], gap: Int) -> [(bin: Int, label: String)] {
        var ticks: [(bin: Int, label: String)] = []
        guard let lowest = centresHertz.first, let highest = centresHertz.last else { return [] }
        // The highest bin peaks just below the Nyquist frequency, whose label it gets.
        for hertz in candidates where hertz >= lowest && hertz <= highest * 1.03 {
            let bin = centresHertz.indices.min { abs(centresHertz[$0] - hertz) < abs(centresHertz[$1] - hertz) } ?? 0
            if ticks.allSatisfy({ abs($0.bin - bin) >= gap }) { ticks.append((bin, label(hertz))) }
        }
        return ticks.sorted { $0.bin < $1.bin }
    }

    private static func label(_ hertz: Double) -> String {
        hertz >= 1_000 ? "\(numberText(hertz / 1_000, 0)) kHz" : "\(numberText(hertz, 0)) Hz"
    }
}
