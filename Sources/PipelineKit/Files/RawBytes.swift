// Bytes outside of Swift's arrays: not zeroed first, and memory that is never written costs nothing. Shards are thousands
// of pages long; in huge pages, where the system gives them, their first touch takes a fifth of the time.

import CMalloc
import Foundation
import Synchronization

/// A block of memory that is filled once and then only read.
///
/// The owner fills `buffer` before it shares the object; after that nobody writes.
public final class RawBytes: @unchecked Sendable {  // see above: written by one thread, before it is shared
    let buffer: UnsafeMutableRawBufferPointer
    private let memory: RawMemory

    /// The bytes; valid within `body`.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(buffer)) }
    }

    public var count: Int { buffer.count }

    /// Memory for `count` bytes, uninitialised.
    convenience init(count: Int) throws { self.init(try RawMemory(byteCount: count), 0..<count) }

    /// A part of some memory that nobody writes or grows any more.
    init(_ memory: RawMemory, _ range: Range<Int>) {
        self.memory = memory
        buffer = UnsafeMutableRawBufferPointer(rebasing: memory.bytes[range])
    }

    /// The whole content of a file that has not been read yet.
    convenience init(_ file: SizedFile) throws {
        try self.init(count: file.count)
        _ = try file.next(into: buffer)
    }
}

/// A block of memory, uninitialised, given back with its last owner. Not thread-safe.
final class RawMemory {
    private(set) var bytes: UnsafeMutableRawBufferPointer
    /// The pages that the block lies in; nil for a small one, which is the heap's.
    private var pages: UnsafeMutableRawBufferPointer?
    /// From this size on a block has pages of its own.
    private static let pagedBytes = 4 << 20

    /// - Throws: `Failure` where there is not so much.
    init(byteCount: Int) throws {
        if byteCount >= Self.pagedBytes {
            let pages = try IdlePages.take(byteCount) ?? Self.map(byteCount)
            self.pages = pages
            bytes = UnsafeMutableRawBufferPointer(rebasing: pages[..<byteCount])
        } else {
            guard let address = malloc(max(1, byteCount)) else { throw Self.noMemory(byteCount) }
            bytes = UnsafeMutableRawBufferPointer(start: address, count: byteCount)
        }
    }

    deinit {
        if let pages { IdlePages.give(pages) } else { free(bytes.baseAddress) }
    }

    /// Makes the block longer; it may move.
    func grow(to byteCount: Int) throws {
        precondition(byteCount >= bytes.count, "a block of memory only grows")
        if let pages, pages.count >= byteCount {
            bytes = UnsafeMutableRawBufferPointer(rebasing: pages[..<byteCount])
        } else if let pages, !IdlePages.hold(byteCount) {
            let size = Self.rounded(byteCount)
            guard let address = grow_mapping(pages.baseAddress, pages.count, size), address != MAP_FAILED else {
                throw Self.noMemory(byteCount)
            }
            madvise(address, size, MADV_HUGEPAGE)
            let moved = UnsafeMutableRawBufferPointer(start: address, count: size)
            self.pages = moved
            bytes = UnsafeMutableRawBufferPointer(rebasing: moved[..<byteCount])
        } else {
            // Copying is cheaper than new pages, which the kernel fills with zeros.
            let larger = try RawMemory(byteCount: byteCount)
            larger.bytes.copyMemory(from: UnsafeRawBufferPointer(bytes))
            swap(&bytes, &larger.bytes)
            swap(&pages, &larger.pages)
        }
    }

    private static func map(_ byteCount: Int) throws -> UnsafeMutableRawBufferPointer {
        let size = rounded(byteCount)
        let address = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let address, address != MAP_FAILED else { throw noMemory(byteCount) }
        // A wish: where there are no huge pages, small ones do.
        madvise(address, size, MADV_HUGEPAGE)
        return UnsafeMutableRawBufferPointer(start: address, count: size)
    }

    /// Up to a quarter more, so that blocks of about one size are of one size. What is not touched takes no memory.
    private static func rounded(_ byteCount: Int) -> Int {
        let step = max(1, (1 << (Int.bitWidth - 1 - byteCount.leadingZeroBitCount)) / 4)
        return (byteCount + step - 1) / step * step
    }

    private static func noMemory(_ byteCount: Int) -> Failure {
        Failure(.failed, "no memory for \(byteCount) bytes", remedy: "use smaller shards or fewer workers")
    }
}

/// Pages that no block needs at the moment: the next shard's blocks are as large as those of the one before, and pages that
/// come from the kernel are zeroed first.
private enum IdlePages {
    private struct Pages: @unchecked Sendable {  // owned by the list, or by the one block that took them
        let buffer: UnsafeMutableRawBufferPointer
    }

    /// A shard that is read and one that is written take two blocks each.
    private static let mostBlocks = 4
    private static let idle = Mutex<[Pages]>([])

    /// The smallest that hold `byteCount` bytes, but not many times as much.
    static func take(_ byteCount: Int) -> UnsafeMutableRawBufferPointer? {
        idle.withLock { idle in best(for: byteCount, of: idle).map { idle.remove(at: $0) } }?.buffer
    }

    /// Whether `take` would find some now.
    static func hold(_ byteCount: Int) -> Bool { idle.withLock { best(for: byteCount, of: $0) } != nil }

    private static func best(for byteCount: Int, of idle: [Pages]) -> Int? {
        idle.indices.filter { (byteCount...4 * byteCount).contains(idle[$0].buffer.count) }
            .min { idle[$0].buffer.count < idle[$1].buffer.count }
    }

    /// Takes pages back; the oldest go to the kernel where there are too many.
    static func give(_ pages: UnsafeMutableRawBufferPointer) {
        let pages = Pages(buffer: pages)
        let oldest = idle.withLock { idle in
            idle.append(pages)
            return idle.count > mostBlocks ? idle.removeFirst() : nil
        }
        if let oldest { munmap(oldest.buffer.baseAddress, oldest.buffer.count) }
    }
}
