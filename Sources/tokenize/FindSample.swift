// A sample by its id, and for an unknown one the ids that look most like it.

import PipelineKit

/// The row with this id, compared byte by byte.
///
/// - Throws: a `Failure` (bad usage) that names the nearest ids, `MDSError`.
func findSample(_ id: String, in reader: MDSReader) throws -> MDSRow {
    var nearest: [(distance: Int, id: String)] = []
    for number in reader.shards.indices {
        try Interrupt.check()
        let shard = try reader.shard(number)
        for sample in 0..<shard.count {
            let known = try shard.sample(sample).string("id")
            if known.utf8.elementsEqual(id.utf8) { return try shard.row(sample) }
            let entry = (distance: editDistance(id, known, limit: 64), id: known)
            if nearest.count == 3, entry.distance >= nearest[2].distance { continue }
            nearest.append(entry)
            nearest.sort { $0.distance < $1.distance }
            if nearest.count > 3 { nearest.removeLast() }
        }
    }
    let names = nearest.map { JSONValue.string($0.id).pythonDump(ascii: false).escapedForTerminal }
    throw Failure(
        .badUsage, "no sample has the id \(JSONValue.string(id).pythonDump(ascii: false).escapedForTerminal)",
        at: reader.directory.escapedForTerminal,
        remedy: names.isEmpty ? nil : "the nearest are \(names.joined(separator: ", "))")
}

/// Insertions, deletions and substitutions that turn one string's bytes into the other's (Levenshtein), of their first
/// `limit` bytes.
func editDistance(_ a: String, _ b: String, limit: Int) -> Int {
    let a = Array(a.utf8.prefix(limit)), b = Array(b.utf8.prefix(limit))
    var row = Array(0...b.count)
    for i in a.indices {
        var diagonal = row[0]
        row[0] = i + 1
        for j in b.indices {
            let substituted = diagonal + (a[i] == b[j] ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
        }
    }
    return row[b.count]
}
