// The merges of a byte-pair vocabulary: which two ids join, how early, and into what. Open addressing in one flat
// buffer: 280,000 merges are 8 MB and one cache miss a question.

/// Pairs of ids with the rank of their merge and the id that it makes.
struct MergeTable: Sendable {
    /// A merge: the lower the rank, the earlier it is made.
    struct Merge: Equatable {
        var rank: UInt32
        var id: Int32

        /// The answer where two ids do not join.
        static let none = Merge(rank: .max, id: -1)
    }

    private struct Slot {
        var pair: UInt64 = .max  // no pair of ids: ids are not negative
        var merge = Merge.none
    }

    private var slots: [Slot]
    private var used = 0

    init(expectedCount: Int = 0) {
        var size = 16
        while size * 5 < expectedCount * 8 { size *= 2 }
        slots = [Slot](repeating: Slot(), count: size)
    }

    /// Adds a merge. Of two for the same pair the last holds, as in tokenizers.
    mutating func insert(_ left: Int32, _ right: Int32, _ merge: Merge) {
        if (used + 1) * 8 > slots.count * 5 { grow() }
        let pair = Self.pair(left, right)
        let place = place(of: pair)
        if slots[place].pair == .max { used += 1 }
        slots[place] = Slot(pair: pair, merge: merge)
    }

    /// The merge of two ids, `Merge.none` where there is none.
    @inline(__always)
    func merge(_ left: Int32, _ right: Int32) -> Merge { slots[place(of: Self.pair(left, right))].merge }

    @inline(__always)
    private static func pair(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// Where `pair` lies, or the free place where it would.
    @inline(__always)
    private func place(of pair: UInt64) -> Int {
        let product = pair.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        var place = Int(truncatingIfNeeded: product.high ^ product.low) & (slots.count - 1)
        while slots[place].pair != pair, slots[place].pair != .max { place = (place + 1) & (slots.count - 1) }
        return place
    }

    private mutating func grow() {
        let old = slots
        slots = [Slot](repeating: Slot(), count: old.count * 2)
        for slot in old where slot.pair != .max { slots[place(of: slot.pair)] = slot }
    }
}
