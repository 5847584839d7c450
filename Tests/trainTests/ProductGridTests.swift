// The blocks into which a product is cut for several threads.

import TestSupport
import Testing

@testable import train

struct ProductGridTests {
    @Test func `the blocks cover every value once, for any number of threads`() {
        for threads in 1...9 {
            for (m, n) in [(1, 300), (300, 1), (16, 16), (17, 33), (100, 7), (384, 8_192), (2_000, 512)] {
                let grid = ProductGrid(m: m, n: n, threads: threads)
                #expect(grid.rows * grid.columns == threads)
                var seen = [UInt8](repeating: 0, count: m * n)
                for block in 0..<threads {
                    for row in grid.rows(block, of: m) {
                        for column in grid.columns(block, of: n) { seen[row * n + column] += 1 }
                    }
                }
                #expect(seen.allSatisfy { $0 == 1 }, "\(m) × \(n) on \(threads) threads")
            }
        }
    }

    @Test func `blocks are as near to squares as can be`() {
        func extents(_ m: Int, _ n: Int, _ threads: Int) -> [Int] {
            let grid = ProductGrid(m: m, n: n, threads: threads)
            return [grid.rows, grid.columns]
        }
        #expect(extents(2_000, 512, 2) == [2, 1])
        #expect(extents(384, 8_192, 2) == [1, 2])
        #expect(extents(2_000, 2_000, 64) == [8, 8])
    }

    @Test func `large products get threads, small and thin ones do not`() {
        #expect(ProductGrid.mostThreads(m: 2_000, n: 512, k: 512) == 62)
        #expect(ProductGrid.mostThreads(m: 2_000, n: 512, k: 8) == 1)
        #expect(ProductGrid.mostThreads(m: 1, n: 512, k: 1 << 30) == 2)
        #expect(ProductGrid.mostThreads(m: 0, n: 512, k: 512) == 1)
    }
}
