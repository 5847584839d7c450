// For a key that nobody knows, the known one that was probably meant.

/// How many insertions, deletions, substitutions and swaps of neighbours turn one byte string into the other (optimal
/// string alignment distance).
func editDistance(_ a: String, _ b: String) -> Int {
    let a = Array(a.utf8), b = Array(b.utf8)
    var beforeLast = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    for i in a.indices {
        var row = [Int](repeating: i + 1, count: b.count + 1)
        for j in b.indices {
            row[j + 1] = min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { row[j + 1] = min(row[j + 1], beforeLast[j - 1] + 1) }
        }
        (beforeLast, last) = (last, row)
    }
    return last[b.count]
}

/// The key of `known` nearest to `key`, both as full paths such as `training.seed`.
///
/// A known name in another section counts as one edit away, so that a `learning_rate` at the top level finds
/// `training.learning_rate`. Ties go to the first in `known`.
func nearestKey(to key: String, among known: [String]) -> String {
    precondition(!known.isEmpty, "no known key to compare with")
    func split(_ path: String) -> (section: Substring, name: Substring) {
        guard let dot = path.lastIndex(of: ".") else { return ("", path[...]) }
        return (path[..<dot], path[path.index(after: dot)...])
    }
    let (section, name) = split(key)
    func distance(_ candidate: String) -> Int {
        let other = split(candidate)
        let names = editDistance(String(name), String(other.name)) + (section == other.section ? 0 : 1)
        return min(names, editDistance(key, candidate))
    }
    return known.map { ($0, distance($0)) }.min { $0.1 < $1.1 }?.0 ?? known[0]
}
