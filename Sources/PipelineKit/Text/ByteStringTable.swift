// Byte strings and their numbers: one flat buffer of bytes, one open-addressing table. A Dictionary<String, Int> of
// 128,256 entries takes half a second to fill, a Set of a million ids takes 100 MB, and both compare by canonical
// equivalence, which vocabularies and ids must not. Here a million short ids are 40 MB.

import Foundation

/// Byte strings by number, and their numbers by bytes: the pieces of a vocabulary, the ids of a data set.
///
/// A value: copies share their memory until one of them changes. The empty string is never found.
public struct ByteStringTable: Sendable {
    /// All strings, one after another.
    private var bytes: [UInt8] = []
    /// Where the string of a number lies; (0, 0) for a number without one. // (numbers)
    private var spans: [(start: Int, count: Int32)] = []
    /// Numbers at the places that their hashes choose, −1 where a place is free. // (a power of two)
    private var slots: [Int32] = []
    /// Strings in `slots`.
    private var used = 0

    public init(expectedCount: Int = 0) {
        spans.reserveCapacity(expectedCount)
        rehash(to: max(16, expectedCount * 2))
    }

    /// One more than the largest number.
    public var count: Int { spans.count }

    /// Whether `number` has a string.
    func contains(id number: Int) -> Bool { spans.indices.contains(number) && spans[number].count > 0 }

    /// The bytes of a string; empty where `number` has none.
    func piece(_ number: Int) -> ArraySlice<UInt8> {
        guard spans.indices.contains(number) else { return [] }
        return bytes[spans[number].start..<spans[number].start + Int(spans[number].count)]
    }

    /// Whether a string is in the table.
    public func contains(_ string: [UInt8]) -> Bool { string.withUnsafeBytes { id(of: $0) } >= 0 }

    /// Adds a string under the next number. False where it is there already.
    @discardableResult
    public mutating func insert(_ string: [UInt8]) -> Bool {
        string.withUnsafeBytes { insert($0, id: count) }
    }

    /// Adds a string under a number that has none yet; numbers below it may stay without. False where it is there.
    ///
    /// - Parameter isFindable: whether `id(of:)` finds it; vocabulary pieces that only decoding needs are not.
    mutating func insert(_ string: UnsafeRawBufferPointer, id number: Int, isFindable: Bool = true) -> Bool {
        precondition(!contains(id: number) && number < Int32.max && string.count < Int32.max, "a number has one string")
        if isFindable {
            if (used + 1) * 2 > slots.count { rehash(to: slots.count * 2) }
            var place = Int(truncatingIfNeeded: Self.hash(string)) & (slots.count - 1)
            while slots[place] >= 0 {
                if matches(Int(slots[place]), string) { return false }
                place = (place + 1) & (slots.count - 1)
            }
            slots[place] = Int32(number)
            used += 1
        }
        while spans.count <= number { spans.append((0, 0)) }
        spans[number] = (bytes.count, Int32(string.count))
        bytes.append(contentsOf: string)
        return true
    }

    /// The number of a string, −1 where it is not in the table. `hash` must be `ByteStringTable.hash(string)`.
    @inline(__always)
    func id(of string: UnsafeRawBufferPointer, hash: UInt64) -> Int32 {
        var place = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while true {
            let number = slots[place]
            if number < 0 || matches(Int(number), string) { return number }
            place = (place + 1) & (slots.count - 1)
        }
    }

    func id(of string: UnsafeRawBufferPointer) -> Int32 { id(of: string, hash: Self.hash(string)) }

    @inline(__always)
    private func matches(_ number: Int, _ string: UnsafeRawBufferPointer) -> Bool {
        let span = spans[number]
        guard Int(span.count) == string.count, let wanted = string.baseAddress else { return false }
        return bytes.withUnsafeBytes { bytes in
            bytes.baseAddress.map { memcmp($0 + span.start, wanted, string.count) == 0 } ?? false
        }
    }

    private mutating func rehash(to minimum: Int) {
        var size = 16
        while size < minimum { size *= 2 }
        let old = slots
        slots = [Int32](repeating: -1, count: size)
        for number in old where number >= 0 {
            let hash = piece(Int(number)).withUnsafeBytes { Self.hash($0) }
            var place = Int(truncatingIfNeeded: hash) & (size - 1)
            while slots[place] >= 0 { place = (place + 1) & (size - 1) }
            slots[place] = number
        }
    }

    /// A hash of a few bytes: eight at a time, folded by a full multiplication (the mixing step of wyhash).
    @inline(__always)
    static func hash(_ string: UnsafeRawBufferPointer) -> UInt64 {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(truncatingIfNeeded: string.count)
        var offset = 0
        while offset + 8 <= string.count {
            state = fold(state ^ string.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        var rest: UInt64 = 0
        while offset < string.count {
            rest = rest << 8 | UInt64(string[offset])
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
