// Byte strings and their ids: one flat buffer of bytes, one open-addressing table of ids. A Dictionary<String, Int> of
// 128,256 entries takes half a second to fill and compares by canonical equivalence, which ids must not.

import Foundation

/// The pieces of a vocabulary by id, and their ids by bytes.
///
/// Filled once, then only read. A piece without bytes is never found.
struct PieceTable: Sendable {
    /// The bytes of all pieces, one after another.
    private var bytes: [UInt8] = []
    /// Where the bytes of an id lie; (0, 0) for an id without a piece. // (ids)
    private var spans: [(start: UInt32, count: UInt32)] = []
    /// Ids at the places that their hashes choose, −1 where a place is free. // (a power of two)
    private var slots: [Int32] = []
    /// Pieces in `slots`.
    private var used = 0

    init(expectedCount: Int = 0) {
        spans.reserveCapacity(expectedCount)
        rehash(to: max(16, expectedCount * 2))
    }

    /// One more than the largest id.
    var count: Int { spans.count }

    /// Whether `id` has a piece.
    func contains(id: Int) -> Bool { spans.indices.contains(id) && spans[id].count > 0 }

    /// The bytes of a piece; empty where `id` has none.
    func piece(_ id: Int) -> ArraySlice<UInt8> {
        guard spans.indices.contains(id) else { return [] }
        return bytes[Int(spans[id].start)..<Int(spans[id].start) + Int(spans[id].count)]
    }

    /// Adds a piece under an id that has none yet; ids below it may stay without. False where the bytes are known.
    ///
    /// - Parameter isFindable: whether `id(of:)` finds it; pieces that only decoding needs are not.
    mutating func insert(_ piece: UnsafeRawBufferPointer, id: Int, isFindable: Bool = true) -> Bool {
        precondition(!contains(id: id) && bytes.count + piece.count < UInt32.max, "an id has one piece")
        if isFindable {
            if (used + 1) * 2 > slots.count { rehash(to: slots.count * 2) }
            var place = Int(truncatingIfNeeded: Self.hash(piece)) & (slots.count - 1)
            while slots[place] >= 0 {
                if matches(Int(slots[place]), piece) { return false }
                place = (place + 1) & (slots.count - 1)
            }
            slots[place] = Int32(id)
            used += 1
        }
        while spans.count <= id { spans.append((0, 0)) }
        spans[id] = (UInt32(bytes.count), UInt32(piece.count))
        bytes.append(contentsOf: piece)
        return true
    }

    /// The id of a piece, −1 where it is not in the vocabulary. `hash` must be `PieceTable.hash(piece)`.
    @inline(__always)
    func id(of piece: UnsafeRawBufferPointer, hash: UInt64) -> Int32 {
        var place = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while true {
            let id = slots[place]
            if id < 0 || matches(Int(id), piece) { return id }
            place = (place + 1) & (slots.count - 1)
        }
    }

    func id(of piece: UnsafeRawBufferPointer) -> Int32 { id(of: piece, hash: Self.hash(piece)) }

    @inline(__always)
    private func matches(_ id: Int, _ piece: UnsafeRawBufferPointer) -> Bool {
        let span = spans[id]
        guard Int(span.count) == piece.count, let wanted = piece.baseAddress else { return false }
        return bytes.withUnsafeBytes { bytes in
            bytes.baseAddress.map { memcmp($0 + Int(span.start), wanted, piece.count) == 0 } ?? false
        }
    }

    private mutating func rehash(to minimum: Int) {
        var size = 16
        while size < minimum { size *= 2 }
        let old = slots
        slots = [Int32](repeating: -1, count: size)
        for id in old where id >= 0 {
            let hash = piece(Int(id)).withUnsafeBytes { Self.hash($0) }
            var place = Int(truncatingIfNeeded: hash) & (size - 1)
            while slots[place] >= 0 { place = (place + 1) & (size - 1) }
            slots[place] = id
        }
    }

    /// A hash of a few bytes: eight at a time, folded by a full multiplication (the mixing step of wyhash).
    @inline(__always)
    static func hash(_ piece: UnsafeRawBufferPointer) -> UInt64 {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(truncatingIfNeeded: piece.count)
        var offset = 0
        while offset + 8 <= piece.count {
            state = fold(state ^ piece.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        var rest: UInt64 = 0
        while offset < piece.count {
            rest = rest << 8 | UInt64(piece[offset])
            offset += 1
        }
        return fold(state ^ rest)
    }

    @inline(__always)
    private static func fold(_ value: UInt64) -> UInt64 {
        let product = (value ^ 0xE703_7ED1_A0B4_28DB).multipliedFullWidth(by: 0x8EBC_6AF0_9C88_C6E3)
        return product.high ^ product.low
    }
}
