// References repeat from sample to sample: what was computed of a clip is kept for the next one with the same bytes.

import Foundation

/// Results by the content of a clip, least recently used first out. Thread-safe; results must be pure functions of the
/// bytes, so that nothing depends on what is still there.
public final class ClipCache<Value: Sendable>: @unchecked Sendable {
    // Every field below is touched only with `condition` locked.
    private struct Key: Hashable {
        /// Of the bytes, together with their number.
        var digest: UInt64
        var byteCount: Int
    }

    private struct Entry {
        var value: Value
        var cost: Int
        var lastUse: Int
    }

    private let condition = NSCondition()
    private let limitBytes: Int
    private let cost: @Sendable (Value) -> Int
    private var entries: [Key: Entry] = [:]
    private var inWork: Set<Key> = []
    private var totalCost = 0
    private var clock = 0

    /// - Parameters:
    ///   - limitBytes: what all results together may take.
    ///   - cost: bytes that one result takes.
    public init(limitBytes: Int, cost: @escaping @Sendable (Value) -> Int) {
        self.limitBytes = limitBytes
        self.cost = cost
    }

    /// The result for a clip: the kept one, or what `compute` makes of it. While one thread computes it, others that want
    /// the same clip wait. An error is not kept.
    public func value(of bytes: ArraySlice<UInt8>, compute: () throws -> Value) throws -> Value {
        try value(digest: XXH64.hash(bytes), byteCount: bytes.count, compute: compute)
    }

    /// The same for a clip whose XXH64 is known.
    public func value(digest: UInt64, byteCount: Int, compute: () throws -> Value) throws -> Value {
        let key = Key(digest: digest, byteCount: byteCount)
        if let kept = keptOrClaimed(key) { return kept }
        do {
            let value = try compute()
            finish(key, value)
            return value
        } catch {
            finish(key, nil)
            throw error
        }
    }

    /// The kept result; nil where the caller has to compute it and then call `finish`.
    private func keptOrClaimed(_ key: Key) -> Value? {
        condition.lock()
        defer { condition.unlock() }
        while inWork.contains(key) { condition.wait() }
        clock += 1
        entries[key]?.lastUse = clock
        if let entry = entries[key] { return entry.value }
        inWork.insert(key)
        return nil
    }

    private func finish(_ key: Key, _ value: Value?) {
        condition.lock()
        defer { condition.unlock() }
        inWork.remove(key)
        condition.broadcast()
        guard let value else { return }
        let cost = cost(value)
        guard cost <= limitBytes / 2 else { return }
        entries[key] = Entry(value: value, cost: cost, lastUse: clock)
        totalCost += cost
        if totalCost > limitBytes { evict() }
    }

    /// Drops the least recently used down to half of the limit, so that sorting is rare.
    private func evict() {
        for (key, entry) in entries.sorted(by: { $0.value.lastUse < $1.value.lastUse }) where totalCost > limitBytes / 2
        {
            entries[key] = nil
            totalCost -= entry.cost
        }
    }
}
