// Byte-pair encoding of one piece: the merge of lowest rank first, the leftmost first among equals, until none is left.
// Short pieces by scanning for the lowest rank, long ones with a heap: a megabyte without a space stays n log n.
// Reference: tokenizers 0.23, `models::bpe::Word::merge_all`.

/// The working memory of one thread: symbols of the piece in hand, and the answers for pieces seen before.
///
/// Sendable because it changes hands only through the tokenizer's locked list, which one thread takes it from at a time.
final class BytePairEncoder: @unchecked Sendable {
    /// Up to here the quadratic scan is faster than the heap.
    private static let scanLimit = 48

    private let merges: MergeTable
    private let byteIDs: [Int32]  // (256)
    private var ids: [Int32] = []
    /// The rank of the merge of each symbol with its right neighbour. // (symbols)
    private var ranks: [MergeTable.Merge] = []
    private var cache = PieceCache()

    init(merges: MergeTable, byteIDs: [Int32]) {
        self.merges = merges
        self.byteIDs = byteIDs
    }

    /// Appends the ids of `piece`: its own id where `vocabulary` has it, else what the merges make of its bytes.
    ///
    /// - Parameter vocabulary: the whole-piece lookup of `ignore_merges`; nil to go by merges alone.
    func encode(_ piece: UnsafeRawBufferPointer, vocabulary: ByteStringTable?, into output: inout [Int32]) {
        let hash = ByteStringTable.hash(piece)
        if cache.append(piece, hash: hash, to: &output) { return }
        let start = output.count
        let whole = vocabulary?.id(of: piece, hash: hash) ?? -1
        if whole >= 0 {
            output.append(whole)
        } else if piece.count <= Self.scanLimit {
            encodeByScanning(piece, into: &output)
        } else {
            encodeWithHeap(piece, into: &output)
        }
        cache.store(piece, hash: hash, ids: output[start...])
    }

    private func encodeByScanning(_ piece: UnsafeRawBufferPointer, into output: inout [Int32]) {
        ids.removeAll(keepingCapacity: true)
        ranks.removeAll(keepingCapacity: true)
        for byte in piece { ids.append(byteIDs[Int(byte)]) }
        for index in ids.indices.dropLast() { ranks.append(merges.merge(ids[index], ids[index + 1])) }
        while true {
            var lowest = MergeTable.Merge.none
            var place = 0
            for index in ranks.indices where ranks[index].rank < lowest.rank {
                lowest = ranks[index]
                place = index
            }
            if lowest.id < 0 { break }
            ids[place] = lowest.id
            ids.remove(at: place + 1)
            ranks.remove(at: place)
            if place < ranks.count { ranks[place] = merges.merge(ids[place], ids[place + 1]) }
            if place > 0 { ranks[place - 1] = merges.merge(ids[place - 1], ids[place]) }
        }
        output += ids
    }

    private func encodeWithHeap(_ piece: UnsafeRawBufferPointer, into output: inout [Int32]) {
        precondition(piece.count < Int32.max, "a piece is shorter than 2 GiB")
        let count = piece.count
        var ids = piece.map { byteIDs[Int($0)] }  // (symbols), −1 where a symbol was merged into its left neighbour
        var previous = (0..<count).map { Int32($0) - 1 }
        var next = (0..<count).map { Int32($0) + 1 }
        // Rank above position in one number: the smallest is the leftmost merge of lowest rank.
        var heap = MinimumHeap()
        func push(_ left: Int32) {
            let right = next[Int(left)]
            guard right < count else { return }
            let merge = merges.merge(ids[Int(left)], ids[Int(right)])
            if merge.id >= 0 { heap.push(UInt64(merge.rank) << 32 | UInt64(left)) }
        }
        for left in 0..<Int32(count) { push(left) }
        while let entry = heap.pop() {
            let left = Int(entry & 0xFFFF_FFFF), rank = UInt32(entry >> 32)
            // Entries whose symbols have changed since are stale.
            guard ids[left] >= 0, next[left] < count else { continue }
            let right = Int(next[left])
            let merge = merges.merge(ids[left], ids[right])
            guard merge.rank == rank, merge.id >= 0 else { continue }
            ids[left] = merge.id
            ids[right] = -1
            next[left] = next[right]
            if next[right] < count { previous[Int(next[right])] = Int32(left) }
            push(Int32(left))
            if previous[left] >= 0 { push(previous[left]) }
        }
        output += ids.lazy.filter { $0 >= 0 }
    }
}

/// A binary heap of numbers, the smallest on top.
private struct MinimumHeap {
    private var entries: [UInt64] = []

    mutating func push(_ entry: UInt64) {
        entries.append(entry)
        var place = entries.count - 1
        while place > 0, entries[(place - 1) / 2] > entries[place] {
            entries.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    mutating func pop() -> UInt64? {
        guard let top = entries.first, let last = entries.popLast() else { return nil }
        if entries.isEmpty { return top }
        entries[0] = last
        var place = 0
        while true {
            var child = place * 2 + 1
            guard child < entries.count else { return top }
            if child + 1 < entries.count, entries[child + 1] < entries[child] { child += 1 }
            guard entries[child] < entries[place] else { return top }
            entries.swapAt(place, child)
            place = child
        }
    }
}
