// How many ids of text a second of speech stands for, row by row: a text that is not what is said shows here. A histogram
// on a log scale and the few rows at its ends: it does not grow with the rows, and halves of a corpus add up to the whole.

import Foundation

/// The distribution of ids a second over rows.
public struct SpeechRates: Sendable, Equatable {
    /// A row at one of the ends.
    public struct Row: Sendable, Equatable {
        public var id: String
        public var idsPerSecond: Double

        public static func == (a: Row, b: Row) -> Bool {
            a.idsPerSecond == b.idsPerSecond && a.id.utf8.elementsEqual(b.id.utf8)
        }
    }

    /// Bins for each doubling of the rate: one is 4.4 % wide.
    static let binsPerOctave = 16.0
    /// Rows that are remembered at each end.
    static let remembered = 8
    /// How many scaled MADs from the median an outlier lies; for normal rates, one row in 16,000 does.
    static let outlierDistance = 4.0
    /// With fewer rows nothing is called an outlier.
    static let fewestRows = 16

    /// Rows by ⌊16 · log2(ids a second)⌋.
    private var bins: [Int: Int] = [:]
    /// The slowest first. Of equal ones the earlier row.
    public private(set) var slowest: [Row] = []
    /// The fastest first. Of equal ones the earlier row.
    public private(set) var fastest: [Row] = []

    public init() {}

    /// How many rows were counted.
    public var rows: Int { bins.values.reduce(0, +) }

    /// Counts a row; rows without ids or seconds have no rate.
    mutating func add(ids: Int, seconds: Double, row id: String) {
        guard ids > 0, seconds > 0 else { return }
        let rate = Double(ids) / seconds
        bins[Self.bin(rate), default: 0] += 1
        insert(Row(id: id, idsPerSecond: rate))
    }

    private mutating func insert(_ row: Row) {
        func insert(_ list: inout [Row], before: (Double, Double) -> Bool) {
            let place = list.firstIndex { before(row.idsPerSecond, $0.idsPerSecond) } ?? list.count
            guard place < Self.remembered else { return }
            list.insert(row, at: place)
            if list.count > Self.remembered { list.removeLast() }
        }
        insert(&slowest, before: <)
        insert(&fastest, before: >)
    }

    private static func bin(_ rate: Double) -> Int { Int((log2(rate) * binsPerOctave).rounded(.down)) }

    /// Adds the counts of rows that come behind these.
    mutating func add(_ later: SpeechRates) {
        for (bin, count) in later.bins { bins[bin, default: 0] += count }
        var rest = self
        for row in later.slowest { rest.insert(row) }
        slowest = rest.slowest
        rest = self
        for row in later.fastest { rest.insert(row) }
        fastest = rest.fastest
    }

    // MARK: The distribution

    /// The bin below which `share` of the rows lie, the row in the middle included; nil without rows.
    private func quantileBin(_ share: Double) -> Int? {
        let sorted = bins.sorted { $0.key < $1.key }
        var rest = Int((share * Double(max(0, rows - 1))).rounded(.down))
        for (bin, count) in sorted {
            if rest < count { return bin }
            rest -= count
        }
        return nil
    }

    /// The rate below which `share` of the rows lie, to the width of a bin; nil without rows.
    public func quantile(_ share: Double) -> Double? {
        quantileBin(share).map { exp2((Double($0) + 0.5) / Self.binsPerOctave) }
    }

    /// Rows far from the median: how many there are, the rates beyond which they lie, and those that are remembered.
    public struct Outliers: Sendable, Equatable {
        public var count: Int
        /// Slower rows are outliers.
        public var low: Double
        /// Rows at this rate or faster are outliers.
        public var high: Double
        public var slow: [Row]
        public var fast: [Row]
    }

    /// The outliers: rows whose log2 rate lies more than 4 · 1.4826 · MAD from the median's, both taken over bins, the MAD
    /// at least one bin. Nil with fewer than 16 rows.
    public var outliers: Outliers? {
        guard rows >= Self.fewestRows, let median = quantileBin(0.5) else { return nil }
        var deviations = SpeechRates()
        for (bin, count) in bins { deviations.bins[abs(bin - median), default: 0] += count }
        let mad = max(1, deviations.quantileBin(0.5) ?? 1)
        let distance = Int((Self.outlierDistance * 1.4826 * Double(mad)).rounded(.up))
        func isOutlier(_ bin: Int) -> Bool { abs(bin - median) > distance }
        return Outliers(
            count: bins.reduce(0) { $0 + (isOutlier($1.key) ? $1.value : 0) },
            low: exp2(Double(median - distance) / Self.binsPerOctave),
            high: exp2(Double(median + distance + 1) / Self.binsPerOctave),
            slow: slowest.filter { Self.bin($0.idsPerSecond) < median - distance },
            fast: fastest.filter { Self.bin($0.idsPerSecond) > median + distance })
    }

    // MARK: JSON

    var json: JSONValue {
        func rows(_ list: [Row]) -> JSONValue { .array(list.map { [.string($0.id), .double($0.idsPerSecond)] }) }
        let sorted = bins.sorted { $0.key < $1.key }
        return [
            "bins": .array(sorted.flatMap { [.int($0.key), .int($0.value)] }), "slowest": rows(slowest),
            "fastest": rows(fastest),
        ]
    }

    /// Reads a distribution; nil for anything that `json` did not write.
    init?(json: JSONValue?) {
        guard let numbers = json?["bins"]?.arrayValue, numbers.count % 2 == 0 else { return nil }
        for place in stride(from: 0, to: numbers.count, by: 2) {
            guard let bin = numbers[place].intValue, let count = numbers[place + 1].intValue, count > 0 else {
                return nil
            }
            bins[bin, default: 0] += count
        }
        func rows(_ list: JSONValue?) -> [Row]? {
            guard let list = list?.arrayValue else { return nil }
            let rows = list.compactMap { entry -> Row? in
                guard let pair = entry.arrayValue, pair.count == 2, let id = pair[0].stringValue,
                    let rate = pair[1].doubleValue, rate > 0
                else { return nil }
                return Row(id: id, idsPerSecond: rate)
            }
            return rows.count == list.count && rows.count <= Self.remembered ? rows : nil
        }
        guard let slow = rows(json?["slowest"]), let fast = rows(json?["fastest"]) else { return nil }
        (slowest, fastest) = (slow, fast)
    }
}
