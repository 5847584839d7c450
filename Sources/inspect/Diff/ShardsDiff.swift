// Two shard directories, row by row. Rows belong together by their id, or by their number where there is no such column;
// in which shard they lie and how it is compressed is no difference of the rows.

import PipelineKit

/// The comparison of two shard directories.
struct ShardsDiff {
    private let a: ShardsReport
    private let b: ShardsReport
    private(set) var differences: Differences

    /// - Throws: `MDSError` for damage.
    init(_ a: ShardsReport, _ b: ShardsReport) throws {
        (self.a, self.b) = (a, b)
        differences = Differences(kind: "shards", a.reader.directory, b.reader.directory)
        compareRecords()
        let columns = compareColumns()
        try compareRows(columns)
    }

    private mutating func compareRecords() {
        func identity(_ report: ShardsReport) -> JSONValue? {
            report.stage.map { stage in
                var json = stage.json
                json["counts"] = nil
                return .object(json)
            }
        }
        differences.add("stage", comparing: identity(a), with: identity(b))
    }

    /// Compares the columns and gives those that both have alike.
    private mutating func compareColumns() -> [String] {
        func columns(_ report: ShardsReport) -> JSONObject {
            JSONObject(report.reader.columns.map { (key: $0.name, value: .string($0.encoding.name)) })
        }
        let (mine, theirs) = (columns(a), columns(b))
        differences.add("columns", comparing: .object(mine), with: .object(theirs))
        return mine.members.filter { theirs[$0.key] == $0.value }.map(\.key)
    }

    private mutating func compareRows(_ columns: [String]) throws {
        var found: [String: ColumnDifference] = [:]
        var only: (a: [String], b: [String]) = ([], [])
        var moved = 0
        let byID = columns.contains { $0.utf8.elementsEqual("id".utf8) }
        let numbers = byID ? try Self.numbers(b.reader) : [:]
        var isMatched = [Bool](repeating: false, count: b.reader.sampleCount)
        let progress = Progress("comparing", unit: "samples", total: Double(a.reader.sampleCount))
        defer { progress.finish() }
        for number in a.reader.shards.indices {
            try Interrupt.check()
            let range = a.reader.samples(ofShard: number)
            defer { progress.advance(by: Double(range.count)) }
            if isSameShard(number) {
                for sample in range { isMatched[sample] = true }
                continue
            }
            let shard = try a.reader.shard(number)
            for index in 0..<shard.count {
                let mine = try shard.sample(index)
                let place = range.lowerBound + index
                let id = byID ? try mine.string("id") : String(place)
                let other = byID ? numbers[Array(id.utf8)] : place < isMatched.count ? place : nil
                guard let other else {
                    only.a.append(id)
                    continue
                }
                isMatched[other] = true
                if other != place { moved += 1 }
                let theirs = try b.reader.sample(other)
                for column in columns where try !Self.isSame(mine, theirs, column) {
                    found[column, default: ColumnDifference()].note(
                        try mine.value(column), try theirs.value(column), row: id)
                }
            }
        }
        for place in isMatched.indices where !isMatched[place] {
            only.b.append(byID ? try b.reader.sample(place).string("id") : String(place))
        }
        note(found, only: only, moved: moved)
    }

    private mutating func note(_ found: [String: ColumnDifference], only: (a: [String], b: [String]), moved: Int) {
        func list(_ ids: [String]) -> String {
            ids.prefix(ColumnDifference.named).map(\.escapedForTerminal).joined(separator: ", ")
                + (ids.count > ColumnDifference.named ? ", …" : "")
        }
        var lines: [String] = []
        for (name, ids) in [(a.reader.directory, only.a), (b.reader.directory, only.b)] where !ids.isEmpty {
            lines.append("\(counted(ids.count, "row")) only in \(name.escapedForTerminal): \(list(ids))")
        }
        if moved > 0 { lines.append("\(counted(moved, "row")) at another place") }
        let columns = found.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        lines += columns.map { "\($0.key.escapedForTerminal): \($0.value.text)" }
        differences.add(
            "rows", lines,
            json: [
                "rows_a": .int(a.reader.sampleCount), "rows_b": .int(b.reader.sampleCount),
                "only_a": .int(only.a.count), "only_b": .int(only.b.count), "moved": .int(moved),
                "columns": .object(JSONObject(columns.map { (key: $0.key, value: $0.value.json) })),
            ])
    }

    /// Whether shard `number` holds the same rows in both, as their hashes say.
    private func isSameShard(_ number: Int) -> Bool {
        guard number < b.reader.shards.count, a.reader.samples(ofShard: number) == b.reader.samples(ofShard: number),
            let mine = a.reader.shards[number].raw.xxh64, let theirs = b.reader.shards[number].raw.xxh64
        else { return false }
        return mine.utf8.elementsEqual(theirs.utf8)
    }

    private static func isSame(_ a: MDSSample, _ b: MDSSample, _ column: String) throws -> Bool {
        try a.withStoredBytes(column) { mine in try b.withStoredBytes(column) { mine.elementsEqual($0) } }
    }

    /// The numbers of all samples by their id; of equal ids the first.
    private static func numbers(_ reader: MDSReader) throws -> [[UInt8]: Int] {
        var numbers: [[UInt8]: Int] = [:]
        numbers.reserveCapacity(reader.sampleCount)
        for number in reader.shards.indices {
            try Interrupt.check()
            let shard = try reader.shard(number)
            let first = reader.samples(ofShard: number).lowerBound
            for index in 0..<shard.count {
                let id = try shard.sample(index).withStoredBytes("id") { Array($0) }
                if numbers[id] == nil { numbers[id] = first + index }
            }
        }
        return numbers
    }
}
