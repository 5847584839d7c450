// From which rows of the manifest the samples of a shard come: rows that follow each other, one a line, are one run.
// Stands in the sidecars of samples/ under `notes.rows`.

/// The manifest's rows behind the samples of a shard, in their order.
public struct ManifestRuns: Sendable, Equatable {
    /// `count` rows, of which each stands one line below the one before.
    struct Run: Sendable, Equatable {
        var row: Int
        var line: Int
        var count: Int
    }

    private(set) var runs: [Run] = []

    public init() {}

    /// How many samples.
    public var count: Int { runs.reduce(0) { $0 + $1.count } }

    /// Adds the next sample: the number and the first line of its row, both from 1.
    public mutating func append(row: Int, line: Int) {
        if let last = runs.last, row == last.row + last.count, line == last.line + last.count {
            runs[runs.count - 1].count += 1
        } else {
            runs.append(Run(row: row, line: line, count: 1))
        }
    }

    /// The row and line of a sample, by its number within the shard; nil where there is none.
    public subscript(sample: Int) -> (row: Int, line: Int)? {
        var rest = sample
        for run in runs where rest >= 0 {
            if rest < run.count { return (run.row + rest, run.line + rest) }
            rest -= run.count
        }
        return nil
    }

    /// The number within the shard of the sample that comes from a row; nil where none does.
    public func sample(ofRow row: Int) -> Int? { sample(row, from: \.row) }

    /// The number within the shard of the sample whose row starts in a line; nil where none does, of several the first.
    public func sample(ofLine line: Int) -> Int? { sample(line, from: \.line) }

    private func sample(_ number: Int, from start: KeyPath<Run, Int>) -> Int? {
        var before = 0
        for run in runs {
            let first = run[keyPath: start]
            if (first..<first + run.count).contains(number) { return before + number - first }
            before += run.count
        }
        return nil
    }

    /// Row, line and count of each run.
    public var json: JSONValue {
        .array(runs.map { [.int($0.row), .int($0.line), .int($0.count)] })
    }

    /// Reads runs; nil for anything that `json` did not write.
    public init?(json: JSONValue?) {
        guard let list = json?.arrayValue else { return nil }
        for entry in list {
            let numbers = entry.arrayValue?.compactMap(\.intValue) ?? []
            guard numbers.count == 3, numbers.allSatisfy({ $0 >= 1 }), numbers.allSatisfy({ $0 < 1 << 48 }) else {
                return nil
            }
            runs.append(Run(row: numbers[0], line: numbers[1], count: numbers[2]))
        }
    }
}
