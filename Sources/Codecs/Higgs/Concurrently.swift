// Two pieces of work at the same time.

import Foundation
import Synchronization

/// Does two pieces of work on two threads and waits for both.
/// - Throws: the first one's error, or else the second one's.
func concurrently<A: Sendable, B: Sendable>(
    _ first: @Sendable () throws -> A, _ second: @Sendable () throws -> B
) throws -> (A, B) {
    let one = Mutex<Result<A, any Error>?>(nil), other = Mutex<Result<B, any Error>?>(nil)
    DispatchQueue.concurrentPerform(iterations: 2) { index in
        if index == 0 {
            let result = Result { try first() }
            one.withLock { $0 = result }
        } else {
            let result = Result { try second() }
            other.withLock { $0 = result }
        }
    }
    guard let a = one.withLock({ $0 }), let b = other.withLock({ $0 }) else {
        preconditionFailure("work that was waited for has not been done")
    }
    return (try a.get(), try b.get())
}
