// The ids of pieces seen before, for one thread. Of a fixed size: a piece that falls on another's place takes it.

import Foundation

/// A direct-mapped cache of encoded pieces.
struct PieceCache {
    private static let places = 8_192
    /// Longer pieces, and those of more ids, are rare and are not kept.
    private static let longestPiece = 48
    private static let mostIDs = 12

    /// The bytes of the piece at each place. // (places, longestPiece)
    private var pieces = [UInt8](repeating: 0, count: places * longestPiece)
    /// The ids of the piece at each place. // (places, mostIDs)
    private var ids = [Int32](repeating: 0, count: places * mostIDs)
    /// Bytes and ids at each place; no bytes where it is free. // (places)
    private var counts = [(bytes: UInt8, ids: UInt8)](repeating: (0, 0), count: places)

    @inline(__always)
    private static func place(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 32) & (places - 1) }

    /// Appends the ids of `piece` if they are known.
    @inline(__always)
    func append(_ piece: UnsafeRawBufferPointer, hash: UInt64, to output: inout [Int32]) -> Bool {
        let place = Self.place(hash)
        guard Int(counts[place].bytes) == piece.count, let wanted = piece.baseAddress else { return false }
        let isEqual = pieces.withUnsafeBytes { pieces in
            pieces.baseAddress.map { memcmp($0 + place * Self.longestPiece, wanted, piece.count) == 0 } ?? false
        }
        guard isEqual else { return false }
        let first = place * Self.mostIDs
        output += ids[first..<first + Int(counts[place].ids)]
        return true
    }

    /// Remembers the ids of a piece.
    mutating func store(_ piece: UnsafeRawBufferPointer, hash: UInt64, ids new: ArraySlice<Int32>) {
        guard piece.count <= Self.longestPiece, new.count <= Self.mostIDs, !piece.isEmpty else { return }
        let place = Self.place(hash)
        counts[place] = (UInt8(piece.count), UInt8(new.count))
        for (index, byte) in piece.enumerated() { pieces[place * Self.longestPiece + index] = byte }
        for (index, id) in new.enumerated() { ids[place * Self.mostIDs + index] = id }
    }
}
