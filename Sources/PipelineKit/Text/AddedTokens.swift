// Tokens that are looked for in the text itself, before it is split: the leftmost, and of those the longest.
// Reference: tokenizers 0.23, `AddedVocabulary` (Aho-Corasick, `MatchKind::LeftmostLongest`).

/// A set of byte strings that are found in texts. A trie; texts without a first byte of any token cost one pass.
struct AddedTokens: Sendable {
    private struct Node {
        var byte: UInt8
        /// The token that ends here, −1 where none does.
        var id: Int32 = -1
        var firstChild: Int32 = -1
        var sibling: Int32 = -1
    }

    private var nodes = [Node(byte: 0)]
    private var isFirstByte = [Bool](repeating: false, count: 256)

    /// Whether there is no token.
    var isEmpty: Bool { nodes.count == 1 }

    /// Adds a token, which must not be empty. False where it is there already.
    mutating func insert(_ token: some Sequence<UInt8>, id: Int32) -> Bool {
        var place = 0
        for byte in token {
            if place == 0 { isFirstByte[Int(byte)] = true }
            if let child = child(of: place, byte) {
                place = child
            } else {
                nodes.append(Node(byte: byte, sibling: nodes[place].firstChild))
                nodes[place].firstChild = Int32(nodes.count - 1)
                place = nodes.count - 1
            }
        }
        precondition(place > 0, "an added token has text")
        guard nodes[place].id < 0 else { return false }
        nodes[place].id = id
        return true
    }

    private func child(of place: Int, _ byte: UInt8) -> Int? {
        var child = Int(nodes[place].firstChild)
        while child >= 0 {
            if nodes[child].byte == byte { return child }
            child = Int(nodes[child].sibling)
        }
        return nil
    }

    /// The first token in `text[range]` and where it stands.
    func firstMatch(in text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> (range: Range<Int>, id: Int32)? {
        if isEmpty { return nil }
        for start in range where isFirstByte[Int(text[start])] {
            var match: (range: Range<Int>, id: Int32)?
            var place = 0, end = start
            while end < range.upperBound, let next = child(of: place, text[end]) {
                place = next
                end += 1
                if nodes[place].id >= 0 { match = (start..<end, nodes[place].id) }
            }
            if let match { return match }
        }
        return nil
    }
}
