// The threads under ThreadTeam. A training step is a thousand pieces of work with microseconds between them, and a thread
// that sleeps takes tens of microseconds to wake: so one that has nothing to do looks for work for a moment before it sleeps.

import CSpin
import Foundation
import Synchronization

/// Threads that compute together with the thread that calls. They start when they are first needed and live as long as the
/// program. Thread-safe: one caller at a time has them, another computes alone meanwhile.
final class TeamThreads: @unchecked Sendable {
    /// Which piece of work is the last announced: its number times 2^16, plus how many threads it is for.
    private let announced = Atomic<UInt>(0)
    /// Members that have not finished it.
    private let unfinished = Atomic(0)
    private let isTaken = Atomic(false)
    /// Read between an announcement and its end, by those it is for.
    private var body: ((Int) -> Void)?
    /// Threads started; touched by the caller that has them.
    private var members = 0
    private let sleepers = Atomic(0)
    private let condition = NSCondition()

    /// Looks before a thread sleeps: some tens of microseconds. None where there are more threads than cores, since whoever
    /// looks keeps another from working.
    private let looks = Atomic(0)
    private let cores: Int

    init(cores: Int = ComputeThreads.cores) { self.cores = cores }

    /// Calls `body` with 0 ..< threads, each on a thread of its own, and returns when all calls have. Where the threads are
    /// taken, as in a call from within `body`, the caller makes all calls itself.
    func perform(_ threads: Int, _ body: (Int) -> Void) {
        precondition(threads < 1 << 16, "\(threads) threads")
        guard threads > 1, !isTaken.exchange(true, ordering: .acquiring) else {
            for thread in 0..<threads { body(thread) }
            return
        }
        defer { isTaken.store(false, ordering: .releasing) }
        looks.store(threads <= cores ? 2_000 : 0, ordering: .relaxed)
        let last = announced.load(ordering: .relaxed)
        while members < threads - 1 { start(lastSeen: last) }
        withoutActuallyEscaping(body) { body in
            self.body = body
            unfinished.store(threads - 1, ordering: .relaxed)
            announced.store((last >> 16 &+ 1) << 16 | UInt(threads), ordering: .sequentiallyConsistent)
            wake()
            body(0)
            wait { unfinished.load(ordering: .sequentiallyConsistent) == 0 }
            self.body = nil
        }
    }

    private func start(lastSeen: UInt) {
        members += 1
        let thread = Thread { [self, member = members] in serve(as: member, lastSeen: lastSeen) }
        thread.name = "team \(members)"
        thread.stackSize = 8 << 20
        thread.start()
    }

    private func serve(as member: Int, lastSeen: UInt) -> Never {
        var seen = lastSeen
        while true {
            wait { announced.load(ordering: .sequentiallyConsistent) != seen }
            seen = announced.load(ordering: .acquiring)
            guard member < seen & 0xFFFF else { continue }
            call(member)
            if unfinished.subtract(1, ordering: .sequentiallyConsistent).newValue == 0 { wake() }
        }
    }

    /// A function of its own, so that the body is let go before the work counts as finished.
    @inline(never)
    private func call(_ member: Int) { body?(member) }

    /// Waits until a condition holds that another thread makes true before it calls `wake`.
    private func wait(until isTrue: () -> Bool) {
        for _ in 0..<looks.load(ordering: .relaxed) {
            if isTrue() { return }
            spin_pause()
        }
        condition.lock()
        sleepers.add(1, ordering: .sequentiallyConsistent)
        while !isTrue() { condition.wait() }
        sleepers.subtract(1, ordering: .sequentiallyConsistent)
        condition.unlock()
    }

    /// Wakes whoever sleeps. Either a thread that falls asleep sees the change before, or it is counted here.
    private func wake() {
        guard sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return }
        condition.lock()
        condition.broadcast()
        condition.unlock()
    }
}
