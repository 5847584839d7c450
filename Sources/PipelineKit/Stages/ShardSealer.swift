// The end of a shard beside the beginning of the next: a worker compresses and hashes it, a thread that does nothing else
// writes it and waits for the disk.

/// Seals shards and hands them on to be written, one number at a time and in order. Used by one thread.
public final class ShardSealer {
    /// What writes the sealed shards, on its way to the thread that calls it. The caller touches nothing that it uses
    /// until `finish` returns.
    private struct Lent: @unchecked Sendable {
        let write: ([MDSSealedShard]) throws -> Void
    }

    private let workers: WorkerPool
    private let disk = WorkerPool(threads: 1, name: "disk")
    private var writing: Job<Void>?

    /// - Parameter workers: the threads that compress; what else they have to do comes first if it was there first.
    public init(workers: WorkerPool) { self.workers = workers }

    /// Begins to seal the shards of one number and then to write them, once those before them are written.
    ///
    /// - Parameter write: called on another thread; until `finish` returns, what it uses is its own.
    /// - Throws: what kept the ones before from being written.
    public func seal(
        _ shards: [MDSRawShard], as number: Int, write: @escaping ([MDSSealedShard]) throws -> Void
    ) throws {
        try finish()
        let sealing = shards.map { shard in workers.submit { try shard.sealed(as: number) } }
        let lent = Lent(write: write)
        writing = disk.submit { try lent.write(sealing.map { try $0.take() }) }
    }

    /// Waits until what was sealed is written.
    public func finish() throws {
        let job = writing
        writing = nil
        try job?.take()
    }

    /// Ends the thread; call `finish` first.
    public func shutDown() { disk.shutDown() }
}
