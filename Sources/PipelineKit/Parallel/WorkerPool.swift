// Threads that run jobs, first come, first served. What a job gives is asked for by whoever handed it in, so the order of
// results is the asker's and never the threads'.

import Foundation

/// A fixed number of threads.
public final class WorkerPool: @unchecked Sendable {
    // Every field below is touched only with `condition` locked.
    private let condition = NSCondition()
    private var pending = InFlight<@Sendable () -> Void>()
    private var isStopping = false
    private var running: Int

    /// - Parameter name: what a debugger calls the threads.
    public init(threads: Int, name: String = "worker") {
        precondition(threads >= 1, "a pool has a thread")
        running = threads
        for index in 0..<threads {
            let thread = Thread { [self] in
                while runNext() {}
                condition.lock()
                running -= 1
                condition.broadcast()
                condition.unlock()
            }
            thread.name = "\(name) \(index)"
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    /// Runs `body` on one of the threads, after what was submitted before has begun.
    public func submit<Output: Sendable>(_ body: @escaping @Sendable () throws -> Output) -> Job<Output> {
        let job = Job<Output>()
        condition.lock()
        pending.append { job.finish(Result { try body() }) }
        condition.broadcast()
        condition.unlock()
        return job
    }

    /// Discards what has not begun, whose results nobody may ask for any more, and waits for the threads to end.
    public func shutDown() {
        condition.lock()
        defer { condition.unlock() }
        isStopping = true
        condition.broadcast()
        while running > 0 { condition.wait() }
    }

    /// Waits for a job and runs it; false at the end. A function of its own, so that what a job holds, such as a shard,
    /// is let go before the next wait.
    private func runNext() -> Bool {
        guard let job = wait() else { return false }
        job()
        return true
    }

    private func wait() -> (@Sendable () -> Void)? {
        condition.lock()
        defer { condition.unlock() }
        while !isStopping {
            if let job = pending.popFirst() { return job }
            condition.wait()
        }
        return nil
    }
}

/// Something that a `WorkerPool` does.
public final class Job<Output: Sendable>: @unchecked Sendable {
    // Touched only with `condition` locked.
    private var result: Result<Output, any Error>?
    private let condition = NSCondition()

    fileprivate func finish(_ result: Result<Output, any Error>) {
        condition.lock()
        self.result = result
        condition.broadcast()
        condition.unlock()
    }

    /// Waits for the end of the job: what it returned or threw. For one caller, once: the result is not kept.
    public func take() throws -> Output {
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let result {
                self.result = nil
                return try result.get()
            }
            condition.wait()
        }
    }
}
