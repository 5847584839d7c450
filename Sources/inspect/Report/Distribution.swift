// How a quantity is spread over a data set of any size, in bounded memory: counts in fine steps, from which quantiles and the
// bars of a histogram follow.

import Foundation

/// Counts of a non-negative quantity in steps of equal width.
struct Distribution: Sendable {
    /// The width of a step, in the quantity's unit.
    let step: Double
    /// Values from here on share the last step.
    static let largestSteps = 400_000
    private var counts: [Int] = []
    private(set) var count = 0
    private(set) var sum = 0.0
    private(set) var smallest = Double.infinity
    private(set) var largest = 0.0

    init(step: Double) { self.step = step }

    mutating func add(_ value: Double) {
        let place = max(0, min(Self.largestSteps - 1, Int((value / step).rounded(.down))))
        if place >= counts.count { counts += Array(repeating: 0, count: place + 1 - counts.count) }
        counts[place] += 1
        count += 1
        sum += value
        smallest = min(smallest, value)
        largest = max(largest, value)
    }

    /// The value that a share of all values does not exceed, to within a step; 0 without values.
    func quantile(_ share: Double) -> Double {
        guard count > 0 else { return 0 }
        let rank = max(1, Int((share * Double(count)).rounded(.up)))
        var seen = 0
        for (place, number) in counts.enumerated() {
            seen += number
            if seen >= rank { return min(largest, max(smallest, (Double(place) + 0.5) * step)) }
        }
        return largest
    }

    /// A bar of a histogram.
    struct Bar: Equatable {
        var low: Double
        /// nil: this bar holds everything from `low` on.
        var high: Double?
        var count: Int
    }

    /// At most about `limit` bars with round edges. Where a few values lie far out, the last bar holds them.
    func bars(limit: Int) -> [Bar] {
        guard count > 0 else { return [] }
        let usual = quantile(0.99) * 1.25
        let isCut = largest > usual * 1.5
        let top = isCut ? usual : largest
        let least = max(step, (top - smallest) / Double(limit))
        let power = pow(10, floor(log10(least) + 1e-9))
        // Edges fall on steps, so that no step is shared by two bars.
        let width = max(
            step, ([1.0, 2, 5, 10].map { $0 * power }.first { $0 >= least * (1 - 1e-9) } ?? least))
        let stepsAbar = max(1, Int((width / step).rounded()))
        let first = Int((smallest / step).rounded(.down)) / stepsAbar
        let last = max(first, Int((top / step).rounded(.down)) / stepsAbar)
        var bars = (first...last).map { bar in
            let places = bar * stepsAbar..<min(counts.count, (bar + 1) * stepsAbar)
            return Bar(
                low: Double(bar * stepsAbar) * step, high: Double((bar + 1) * stepsAbar) * step,
                count: places.isEmpty ? 0 : counts[places].reduce(0, +))
        }
        let beyond = count - bars.reduce(0) { $0 + $1.count }
        if beyond > 0 { bars.append(Bar(low: Double((last + 1) * stepsAbar) * step, high: nil, count: beyond)) }
        return bars
    }
}
