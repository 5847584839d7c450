// Memory of shards: blocks that grow and pages that are used again must never be two blocks' at once.

import Foundation
import TestSupport
import Testing

@testable import PipelineKit

@Suite struct RawMemoryTests {
    private func fill(_ memory: RawMemory, from start: Int, salt: Int) {
        for index in start..<memory.bytes.count { memory.bytes[index] = UInt8(truncatingIfNeeded: index &* 31 &+ salt) }
    }

    private func isFilled(_ memory: RawMemory, _ count: Int, salt: Int) -> Bool {
        (0..<count).allSatisfy { memory.bytes[$0] == UInt8(truncatingIfNeeded: $0 &* 31 &+ salt) }
    }

    @Test func `a block that grows keeps its bytes, small, paged and moved`() throws {
        for _ in 0..<2 {  // the second time there are pages to use again
            let memory = try RawMemory(byteCount: 0)
            var count = 0
            for size in [1, 100, 65_536, 3 << 20, 5 << 20, (5 << 20) + 1, 9 << 20, 40 << 20] {
                try memory.grow(to: size)
                #expect(memory.bytes.count == size)
                #expect(isFilled(memory, count, salt: 7), "\(size)")
                fill(memory, from: count, salt: 7)
                count = size
            }
            #expect(isFilled(memory, count, salt: 7))
        }
    }

    @Test func `blocks alive together are apart, whatever was given back before`() {
        DispatchQueue.concurrentPerform(iterations: 4) { worker in
            for round in 0..<6 {
                do {
                    let sizes = [4 << 20, (6 << 20) + worker, (4 << 20) + 4_097 * round]
                    let blocks = try sizes.map { try RawMemory(byteCount: $0) }
                    for (index, block) in blocks.enumerated() { fill(block, from: 0, salt: worker * 64 + index) }
                    for (index, block) in blocks.enumerated() {
                        #expect(isFilled(block, sizes[index], salt: worker * 64 + index))
                    }
                } catch {
                    Issue.record(error)
                }
            }
        }
    }

    @Test(arguments: [0, 1, 15_000, 20_000, 70_000]) func `a shard of many samples is what its parts say`(
        count: Int
    ) throws {
        // More offsets than there is room for in front at first.
        let builder = MDSShardBuilder(columns: [MDSColumn("n", .int), MDSColumn("s", .str)])
        for number in 0..<count {
            try builder.append(
                MDSRow([("n", .int(number)), ("s", .str(String(repeating: "x", count: number % 5)))]))
        }
        let expectedBytes = builder.rawByteCount
        let raw = try builder.finish()
        #expect(raw.byteCount == expectedBytes && builder.sampleCount == 0)
        let shard = try MDSShard(raw.content, info: raw.sealed(as: 0).info, path: "x")
        #expect(shard.count == count)
        for number in stride(from: 0, to: count, by: 997) {
            #expect(try shard.sample(number).int("n") == number)
            #expect(try shard.sample(number).string("s").utf8.count == number % 5)
        }
    }
}
