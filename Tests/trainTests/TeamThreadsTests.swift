import Foundation
import Synchronization
import Testing

@testable import train

@Suite struct TeamThreadsTests {
    /// How often each number was called, and on how many threads.
    private final class Calls: Sendable {
        let counts = Mutex<[Int: Int]>([:])
        let threads = Mutex<Set<UInt>>([])

        func note(_ number: Int) {
            counts.withLock { $0[number, default: 0] += 1 }
            threads.withLock { _ = $0.insert(UInt(pthread_self())) }
        }
    }

    @Test func `every number is called once a piece of work, each on its own thread`() {
        let team = TeamThreads()
        for threads in [1, 2, 5, 3, 2] {
            let calls = Calls()
            let arrived = Atomic(0)
            team.perform(threads) { number in
                calls.note(number)
                // Nobody goes on before all are there, so that no thread can make two calls.
                arrived.add(1, ordering: .sequentiallyConsistent)
                while arrived.load(ordering: .sequentiallyConsistent) < threads { usleep(100) }
            }
            #expect(calls.counts.withLock { $0 } == Dictionary(uniqueKeysWithValues: (0..<threads).map { ($0, 1) }))
            #expect(calls.threads.withLock { $0.count } == threads)
        }
    }

    /// Pauses on both sides of the time that a thread looks for work before it sleeps, and threads that sleep at once.
    @Test(arguments: [0, 10, 1_000, 20_000], [1, 64])
    func `work is done after any pause, by the caller's time or by the members'`(microseconds: UInt32, cores: Int) {
        let team = TeamThreads(cores: cores)
        var sums = [Int](repeating: 0, count: 3)
        let rounds = microseconds > 1_000 ? 5 : 200
        for round in 1...rounds {
            sums.withUnsafeMutableBufferPointer { sums in
                let sums = UncheckedBox(value: sums)
                team.perform(3) { number in
                    // The caller is late in one round, a member in the next.
                    if microseconds > 0, number == round % 3 { usleep(microseconds) }
                    sums.value[number] += round
                }
            }
        }
        #expect(sums == [Int](repeating: rounds * (rounds + 1) / 2, count: 3))
    }

    @Test func `work within work, and the work of a second caller, is done by whoever asks`() throws {
        let team = TeamThreads()
        let calls = Calls()
        team.perform(2) { outer in team.perform(3) { calls.note(outer * 3 + $0) } }
        #expect(calls.counts.withLock { $0 } == Dictionary(uniqueKeysWithValues: (0..<6).map { ($0, 1) }))

        let total = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            for _ in 0..<500 { team.perform(2) { _ in total.add(1, ordering: .relaxed) } }
        }
        #expect(total.load(ordering: .relaxed) == 4 * 500 * 2)
    }
}

/// Each thread touches its own element.
private struct UncheckedBox<Value>: @unchecked Sendable { let value: Value }
