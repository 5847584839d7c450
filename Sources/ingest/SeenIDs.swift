// The ids of a data set are unique: one that was seen before gets `~2`, `~3`, … Compared as bytes, never as characters.

import PipelineKit

/// The ids given out so far. What it gives next depends on nothing but their set, so a resumed run goes on alike.
struct SeenIDs {
    private var seen = ByteStringTable()
    /// Of ids that were asked for again: suffixes below this number are taken.
    private var nextSuffix: [[UInt8]: Int] = [:]

    /// Counts an id as seen that an earlier run gave out.
    mutating func insert(_ id: String) { seen.insert(Array(id.utf8)) }

    /// The id of a row that asks for `wanted`: that one, or with the smallest suffix from ~2 on that is free.
    mutating func assign(_ wanted: String) -> (id: String, isRenamed: Bool) {
        let bytes = Array(wanted.utf8)
        if seen.insert(bytes) { return (wanted, false) }
        var number = nextSuffix[bytes] ?? 2
        while !seen.insert(bytes + Array("~\(number)".utf8)) { number += 1 }
        nextSuffix[bytes] = number + 1
        return (wanted + "~\(number)", true)
    }
}
