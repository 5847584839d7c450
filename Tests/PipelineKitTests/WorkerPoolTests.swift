// The threads behind every stage, and the sealing of shards on them.

import Dispatch
import Synchronization
import TestSupport
import Testing

@testable import PipelineKit

@Suite struct WorkerPoolTests {
    private struct Planted: Error, Equatable { var number: Int }

    @Test(arguments: [1, 3]) func `jobs give what they return or throw to whoever asks`(threads: Int) throws {
        let pool = WorkerPool(threads: threads)
        defer { pool.shutDown() }
        let jobs = (0..<100).map { number in
            pool.submit { () throws -> Int in
                if number % 7 == 3 { throw Planted(number: number) }
                return number * 2
            }
        }
        for (number, job) in jobs.enumerated().reversed() {
            if number % 7 == 3 {
                #expect(throws: Planted(number: number)) { try job.take() }
            } else {
                #expect(try job.take() == number * 2)
            }
        }
    }

    @Test func `what has not begun is discarded, what has begun is waited for`() throws {
        let pool = WorkerPool(threads: 1)
        let gate = Mutex(0), begun = Atomic(0)
        let first = gate.withLock { _ in
            let job = pool.submit { gate.withLock { $0 += 1 } }
            for _ in 0..<10 { _ = pool.submit { begun.add(1, ordering: .relaxed) } }
            return job
        }
        try first.take()
        pool.shutDown()
        let count = begun.load(ordering: .relaxed)
        #expect(gate.withLock { $0 } == 1 && count <= 10)
        #expect(begun.load(ordering: .relaxed) == count)
    }

    // MARK: Sealing

    private func shard(_ text: String) throws -> MDSRawShard {
        let builder = MDSShardBuilder(columns: [MDSColumn("id", .str)], compression: .zstd(level: 1))
        try builder.append(MDSRow([("id", .str(text))]))
        return try builder.finish()
    }

    @Test func `shards are written in order, one number at a time, as sealed by themselves`() throws {
        let workers = WorkerPool(threads: 3)
        let sealer = ShardSealer(workers: workers)
        defer {
            workers.shutDown()
            sealer.shutDown()
        }
        let written = Mutex<[[MDSShardInfo]]>([])
        for number in 0..<20 {
            try sealer.seal([shard("a\(number)"), shard("b\(number)")], as: number) { sealed in
                written.withLock { $0.append(sealed.map(\.info)) }
            }
            // At most the one in hand is not written yet.
            #expect(written.withLock { $0.count } >= number)
        }
        try sealer.finish()
        let expected = try (0..<20).map { number in
            try ["a", "b"].map { try shard("\($0)\(number)").sealed(as: number).info }
        }
        #expect(written.withLock { $0 } == expected)
    }

    @Test func `what keeps a shard from the disk is told once, by the next call`() throws {
        let workers = WorkerPool(threads: 1)
        let sealer = ShardSealer(workers: workers)
        defer {
            workers.shutDown()
            sealer.shutDown()
        }
        try sealer.seal([shard("a")], as: 0) { _ in throw Planted(number: 0) }
        #expect(throws: Planted(number: 0)) { try sealer.seal([shard("b")], as: 1) { _ in } }
        try sealer.finish()
        try sealer.seal([shard("c")], as: 2) { _ in throw Planted(number: 2) }
        #expect(throws: Planted(number: 2)) { try sealer.finish() }
    }
}

/// Something whose end can be seen.
private final class Held: Sendable {}

@Suite struct WorkerPoolMemoryTests {
    @Test func `what a job holds is let go while others wait`() throws {
        let pool = WorkerPool(threads: 1)
        defer { pool.shutDown() }
        let gates = (0..<3).map { _ in DispatchSemaphore(value: 0) }
        weak var held: Held?
        var jobs: [Job<Int>] = []
        do {
            let object = Held()
            held = object
            let job = pool.submit {
                withExtendedLifetime(object) { _ = gates[0].wait(timeout: .distantFuture) }
                return 0
            }
            jobs.append(job)
        }
        // The queue does not become empty until the end.
        for number in 1..<3 {
            let job = pool.submit {
                gates[number].wait()
                return number
            }
            jobs.append(job)
        }
        #expect(held != nil)
        gates[0].signal()
        #expect(try jobs[0].take() == 0)
        let last = pool.submit { 3 }
        gates[1].signal()  // the thread is past the first job when it has done the second
        #expect(try jobs[1].take() == 1)
        #expect(held == nil)
        gates[2].signal()
        #expect(try jobs[2].take() == 2 && last.take() == 3)
    }
}
