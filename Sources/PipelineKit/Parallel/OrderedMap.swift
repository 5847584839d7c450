// Work in parallel, in order: several threads transform, one thread feeds and drains. Bounded: at most `window` inputs
// are between feeding and draining, so memory does not grow with the work.

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
    let pool = WorkerPool(threads: workers)
    defer { pool.shutDown() }
    try orderedMap(
        on: pool, window: max(workers, window ?? workers * 4), next: next, transform: transform, drain: drain)
}

/// The same on threads that are there already and that others may be using.
public func orderedMap<Input: Sendable, Output: Sendable>(
    on pool: WorkerPool,
    window: Int,
    next: () throws -> Input?,
    transform: @escaping @Sendable (Input) throws -> Output,
    drain: (Output) throws -> Void
) throws {
    precondition(window >= 1, "a window holds an input")
    var jobs = InFlight<Job<Output>>()
    var feedError: (any Error)?
    var isFeeding = true
    while isFeeding || jobs.count > 0 {
        while isFeeding, jobs.count < window {
            do {
                if let input = try next() {
                    jobs.append(pool.submit { try transform(input) })
                } else {
                    isFeeding = false
                }
            } catch {
                feedError = error
                isFeeding = false
            }
        }
        if let job = jobs.popFirst() { try drain(job.take()) }
    }
    if let feedError { throw feedError }
}

/// What is under way, in order.
struct InFlight<Element> {
    private var elements: [Element?] = []
    private var start = 0

    var count: Int { elements.count - start }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func popFirst() -> Element? {
        guard start < elements.count else { return nil }
        let element = elements[start]
        elements[start] = nil
        start += 1
        if start == elements.count {
            elements.removeAll(keepingCapacity: true)
            start = 0
        } else if start >= 1_024 {
            elements.removeFirst(start)
            start = 0
        }
        return element
    }
}
