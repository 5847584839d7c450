// Which rows are predicted: those that --id names, or all, and of these the first ones.

import PipelineKit

/// Rows of a data source, shard by shard.
struct RowChoice: Sendable, Equatable {
    /// Shards with chosen rows, in order; where no row is left out, all shards, so that the output is in step with the data.
    private(set) var shards: [(number: Int, rows: [Int])]
    var count: Int { shards.reduce(0) { $0 + $1.rows.count } }

    /// - Parameters:
    ///   - ids: compared as bytes; none means every row.
    ///   - limit: the first so many of the chosen rows.
    /// - Throws: a `Failure` (bad usage) that names every unknown id and the known one nearest to it; `DataError` where
    ///   there is no row.
    init(_ source: DataSource, ids: [String], limit: Int?) throws {
        let reader = source.samples.reader
        guard reader.sampleCount > 0 else {
            throw DataError.nothingToTrain(path: source.path, problem: "no rows", remedy: "see WORK/rejects.jsonl")
        }
        shards = []
        if ids.isEmpty {
            shards = reader.shards.enumerated().map { ($0, Array(0..<$1.sampleCount)) }
        } else {
            var missing = Set(ids.map { Array($0.utf8) })
            let wanted = missing
            for number in reader.shards.indices {
                try Interrupt.check()
                let shard = try reader.shard(number)
                var rows: [Int] = []
                for row in 0..<shard.count {
                    let id = try shard.sample(row).withStoredBytes("id") { Array($0) }
                    guard wanted.contains(id) else { continue }
                    missing.remove(id)
                    rows.append(row)
                }
                if !rows.isEmpty { shards.append((number, rows)) }
            }
            if !missing.isEmpty {
                throw try Self.unknown(ids.filter { missing.contains(Array($0.utf8)) }, in: reader)
            }
        }
        if let limit, limit < count { keep(first: limit) }
    }

    private mutating func keep(first limit: Int) {
        var left = limit
        shards = shards.compactMap { number, rows in
            guard left > 0 else { return nil }
            defer { left -= min(left, rows.count) }
            return (number, Array(rows.prefix(left)))
        }
    }

    /// How many unknown ids are named, and how many bytes of an id are compared with the known ones.
    private static let named = 8
    private static let comparedBytes = 64

    private static func unknown(_ ids: [String], in reader: MDSReader) throws -> Failure {
        func head(_ id: String) -> String { String(decoding: id.utf8.prefix(comparedBytes), as: UTF8.self) }
        let shown = ids.prefix(named)
        var nearest = [(distance: Int, id: String)](repeating: (.max, ""), count: shown.count)
        for number in reader.shards.indices {
            try Interrupt.check()
            let shard = try reader.shard(number)
            for row in 0..<shard.count {
                let known = try shard.sample(row).string("id")
                for (place, id) in shown.enumerated() {
                    let distance = editDistance(head(id), head(known))
                    if distance < nearest[place].distance { nearest[place] = (distance, known) }
                }
            }
        }
        let names = zip(shown, nearest).map {
            "'\($0.escapedForTerminal)' (the nearest is '\($1.id.escapedForTerminal)')"
        }
        let more = ids.count > named ? " and \(ids.count - named) more" : ""
        return Failure(
            .badUsage, "no sample has the id \(names.joined(separator: ", "))\(more)",
            at: reader.directory.escapedForTerminal, remedy: "inspect tells which ids there are")
    }

    static func == (a: RowChoice, b: RowChoice) -> Bool { a.shards.elementsEqual(b.shards) { $0 == $1 } }
}
