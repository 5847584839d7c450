// Work in parallel, in order: several threads transform, one thread feeds and drains. Bounded: at most `window` inputs
// are between feeding and draining, so memory does not grow with the work.

import Foundation
import Synchronization

/// Transforms inputs on `workers` threads and drains the outputs in input order on the caller's thread.
///
/// The first error in input order ends the work and is thrown: of the source, a transformation, or the sink. Outputs
/// before it have been drained, so the result does not depend on the number of workers.
///
/// - Parameters:
///   - workers: number of threads that transform, at least 1.
///   - window: how many inputs may be in flight; at least `workers`. Default: 4 a worker.
///   - next: the next input, nil at the end. Called on the caller's thread.
///   - transform: called on any worker.
///   - drain: receives outputs in the order of inputs, on the caller's thread.
public func orderedMap<Input: Sendable, Output: Sendable>(
    workers: Int,
    window: Int? = nil,
    next: () throws -> Input?,
    transform: @escaping @Sendable (Input) throws -> Output,
    drain: (Output) throws -> Void
) throws {
    precondition(workers >= 1, "orderedMap needs a worker")
    let pool = WorkerPool<Input, Output>(threads: workers, transform: transform)
    defer { pool.shutDown() }
    let capacity = max(workers, window ?? workers * 4)
    var fed = 0, drained = 0
    var feedError: (any Error)?
    var isFeeding = true
    while isFeeding || drained < fed {
        while isFeeding, fed - drained < capacity {
            do {
                if let input = try next() {
                    pool.submit(input, as: fed)
                    fed += 1
                } else {
                    isFeeding = false
                }
            } catch {
                feedError = error
                isFeeding = false
            }
        }
        if drained < fed {
            let result = pool.take(drained)
            drained += 1
            try drain(result.get())
        }
    }
    if let feedError { throw feedError }
}

/// Threads that turn numbered inputs into numbered results.
private final class WorkerPool<Input: Sendable, Output: Sendable>: @unchecked Sendable {
    // Every field below is touched only with `condition` locked.
    private let condition = NSCondition()
    private var pending: [(number: Int, input: Input)] = []
    private var pendingStart = 0
    private var results: [Int: Result<Output, any Error>] = [:]
    private var isStopping = false
    private var running: Int

    init(threads: Int, transform: @escaping @Sendable (Input) throws -> Output) {
        running = threads
        for index in 0..<threads {
            let thread = Thread { [self] in
                while let (number, input) = wait() {
                    let result = Result { try transform(input) }
                    condition.lock()
                    results[number] = result
                    condition.broadcast()
                    condition.unlock()
                }
                condition.lock()
                running -= 1
                condition.broadcast()
                condition.unlock()
            }
            thread.name = "worker \(index)"
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    func submit(_ input: Input, as number: Int) {
        condition.lock()
        pending.append((number, input))
        condition.broadcast()
        condition.unlock()
    }

    func take(_ number: Int) -> Result<Output, any Error> {
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let result = results.removeValue(forKey: number) { return result }
            condition.wait()
        }
    }

    /// Discards what is pending and waits for the threads to end.
    func shutDown() {
        condition.lock()
        defer { condition.unlock() }
        isStopping = true
        condition.broadcast()
        while running > 0 { condition.wait() }
    }

    private func wait() -> (Int, Input)? {
        condition.lock()
        defer { condition.unlock() }
        while !isStopping {
            if pendingStart < pending.count {
                let work = pending[pendingStart]
                pendingStart += 1
                if pendingStart == pending.count {
                    pending.removeAll(keepingCapacity: true)
                    pendingStart = 0
                }
                return work
            }
            condition.wait()
        }
        return nil
    }
}
