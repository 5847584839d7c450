// Which samples a page shows: the extremes, where mistakes gather, and some drawn at random. The same data set always gives
// the same choice.

import PipelineKit

/// A sample with the reasons for which it is shown.
struct ChosenSample {
    var sample: Int
    var reasons: [String]
    /// Whether it has the most or the least of something.
    var isExtreme: Bool

    /// Samples drawn at random, beside the extremes.
    static let drawn = 6

    /// The extremes in their order, then the drawn ones by number, of `count` samples.
    ///
    /// - Parameter statistics: nil without samples/: then nothing is known to be extreme.
    static func choose(from statistics: DataStatistics?, count: Int) -> [ChosenSample] {
        var chosen: [ChosenSample] = []
        func add(_ sample: Int, _ reason: String, isExtreme: Bool = true) {
            if let place = chosen.firstIndex(where: { $0.sample == sample }) {
                chosen[place].reasons.append(reason)
            } else {
                chosen.append(ChosenSample(sample: sample, reasons: [reason], isExtreme: isExtreme))
            }
        }
        if let extreme = statistics?.longest {
            add(extreme.sample, "longest: \(durationText(extreme.value)) of answers")
        }
        if let extreme = statistics?.shortest {
            add(extreme.sample, "shortest: \(durationText(extreme.value)) of answers")
        }
        if let extreme = statistics?.fastest {
            add(extreme.sample, "fastest: \(numberText(extreme.value, 1)) text ids a second")
        }
        if let extreme = statistics?.slowest {
            add(extreme.sample, "slowest: \(numberText(extreme.value, 1)) text ids a second")
        }
        for sample in draw(from: count) { add(sample, "drawn at random", isExtreme: false) }
        return chosen
    }

    /// Numbers below `count`, rising; Floyd's sampling (Bentley and Floyd, 1987) needs no list of all.
    private static func draw(from count: Int) -> [Int] {
        var random = SplitMix64(seed: 0x5EE)
        var picked: Set<Int> = []
        for last in count - min(count, drawn)..<count {
            let number = random.below(last + 1)
            picked.insert(picked.contains(number) ? last : number)
        }
        return picked.sorted()
    }
}
