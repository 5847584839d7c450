// The threads behind the kernels, matrix products included. Work is cut by rows, columns or elements, never inside a sum:
// what is computed does not depend on how many threads there are, but for what the library of products does at the edges of
// a block.

import PipelineKit
import Synchronization

/// The threads of the trainer. The library of products has none of its own.
enum ThreadTeam {
    private static let threads = Atomic(1)
    private static let team = TeamThreads()

    /// Threads of a call; 1 at first. Set where nothing computes.
    static var count: Int {
        get { threads.load(ordering: .relaxed) }
        set {
            threads.store(newValue, ordering: .relaxed)
            BLAS.setThreads(1)
        }
    }

    /// Calls `body` with ranges that cover 0 ..< count, several at once.
    ///
    /// - Parameters:
    ///   - grain: the fewest items that are worth a thread; ranges but the last are multiples of it.
    static func forEachRange(_ count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
        let threads = min(Self.count, (count + grain - 1) / grain)
        guard threads > 1 else { return body(0..<count) }
        let grains = (count + grain - 1) / grain
        team.perform(threads) { thread in
            let first = grains * thread / threads * grain
            let last = min(count, grains * (thread + 1) / threads * grain)
            if first < last { body(first..<last) }
        }
    }

    /// Elements of a kernel that reads and writes a few floats an element: a thread is worth 16 K of them.
    static func forEachElements(_ count: Int, _ body: (Range<Int>) -> Void) {
        forEachRange(count, grain: 1 << 14, body)
    }

    /// Rows of some width, by the same measure.
    static func forEachRows(_ rows: Int, columns: Int, _ body: (Range<Int>) -> Void) {
        forEachRange(rows, grain: max(1, (1 << 14) / max(1, columns)), body)
    }

    /// Calls `body` once for each item, with the number of the slot that computes it: below `slots`, and never two calls at
    /// once with the same slot.
    static func forEachItem(_ items: Int, slots: Int, _ body: (_ slot: Int, _ item: Int) -> Void) {
        let threads = min(count, slots, items)
        guard threads > 1 else {
            for item in 0..<items { body(0, item) }
            return
        }
        let next = Atomic(0)
        team.perform(threads) { slot in
            while case let item = next.wrappingAdd(1, ordering: .relaxed).oldValue, item < items { body(slot, item) }
        }
    }
}
