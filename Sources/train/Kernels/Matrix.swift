// A matrix that lies in an arena: the one currency of the kernels. It owns nothing.

import PipelineKit

/// A row-major matrix without gaps. Its memory belongs to an arena, which must outlive it.
struct Matrix {
    let base: UnsafeMutablePointer<Float>
    let rows: Int
    let columns: Int

    init(base: UnsafeMutablePointer<Float>, rows: Int, columns: Int) {
        precondition(rows >= 0 && columns >= 0, "a matrix of \(rows) × \(columns)")
        self.base = base
        self.rows = rows
        self.columns = columns
    }

    var count: Int { rows * columns }
    var buffer: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: base, count: count) }
    /// The values, copied; for tests and probes.
    var values: [Float] { Array(buffer) }

    /// The start of a row.
    func row(_ index: Int) -> UnsafeMutablePointer<Float> {
        assert((0..<rows).contains(index), "row \(index) of \(rows)")
        return base + index * columns
    }

    /// Some consecutive rows.
    func rows(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
        return Matrix(base: base + range.lowerBound * columns, rows: range.count, columns: columns)
    }

    func fill(_ value: Float) { buffer.update(repeating: value) }
}

/// `matmul` on all threads: C is cut into a grid of blocks, one a thread, and each block is a product of its own. OpenBLAS's
/// own threads wait for each other along the way; on two Zen 5 cores they reach 270 to 390 GFLOP/s in the products of
/// training where two threads by themselves reach 460. A block's sums are those of the whole product.
func parallelMatmul(
    transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int, alpha: Float = 1,
    a: UnsafeBufferPointer<Float>, lda: Int, b: UnsafeBufferPointer<Float>, ldb: Int, beta: Float = 0,
    c: UnsafeMutableBufferPointer<Float>, ldc: Int
) {
    let threads = min(ThreadTeam.count, ProductGrid.mostThreads(m: m, n: n, k: k))
    guard threads > 1 else {
        return matmul(
            transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k, alpha: alpha, a: a, lda: lda, b: b,
            ldb: ldb, beta: beta, c: c, ldc: ldc)
    }
    let grid = ProductGrid(m: m, n: n, threads: threads)
    ThreadTeam.forEachItem(grid.rows * grid.columns, slots: threads) { _, block in
        let rows = grid.rows(block, of: m), columns = grid.columns(block, of: n)
        guard !rows.isEmpty, !columns.isEmpty else { return }
        matmul(
            transposeA: transposeA, transposeB: transposeB, m: rows.count, n: columns.count, k: k, alpha: alpha,
            a: UnsafeBufferPointer(rebasing: a[(transposeA ? rows.lowerBound : rows.lowerBound * lda)...]), lda: lda,
            b: UnsafeBufferPointer(rebasing: b[(transposeB ? columns.lowerBound * ldb : columns.lowerBound)...]),
            ldb: ldb, beta: beta,
            c: UnsafeMutableBufferPointer(rebasing: c[(rows.lowerBound * ldc + columns.lowerBound)...]), ldc: ldc)
    }
}

/// How a product's result is cut: as many blocks as threads, as near to squares as can be, since each block reads its rows
/// of A and its columns of B.
struct ProductGrid {
    var rows = 1
    var columns = 1
    /// Blocks begin at multiples of it, as the kernels of the library like it.
    private static let unit = 16

    /// A thread is worth 2^23 multiplications, some 0.1 ms, and a block of 256 values.
    static func mostThreads(m: Int, n: Int, k: Int) -> Int { max(1, min(m * n / 256, (m * n * k) >> 23)) }

    init(m: Int, n: Int, threads: Int) {
        var least = Int.max
        for rows in 1...threads where threads % rows == 0 {
            let edge = m / rows + n / (threads / rows)
            if edge < least { (least, self.rows, columns) = (edge, rows, threads / rows) }
        }
    }

    func rows(_ block: Int, of m: Int) -> Range<Int> { Self.part(block / columns, of: rows, m) }
    func columns(_ block: Int, of n: Int) -> Range<Int> { Self.part(block % columns, of: columns, n) }

    private static func part(_ index: Int, of parts: Int, _ count: Int) -> Range<Int> {
        let units = (count + unit - 1) / unit
        return min(count, units * index / parts * unit)..<min(count, units * (index + 1) / parts * unit)
    }
}

/// C = alpha · op(A) · op(B) + beta · C of whole matrices: `parallelMatmul` with its extents taken from the shapes.
func multiply(
    _ a: Matrix, transposeA: Bool = false, _ b: Matrix, transposeB: Bool = false,
    alpha: Float = 1, beta: Float = 0, into c: Matrix
) {
    let (m, k) = transposeA ? (a.columns, a.rows) : (a.rows, a.columns)
    let (kB, n) = transposeB ? (b.columns, b.rows) : (b.rows, b.columns)
    precondition(k == kB && c.rows == m && c.columns == n, "product of (\(m), \(k)) and (\(kB), \(n)) into \(c.rows)")
    parallelMatmul(
        transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k, alpha: alpha,
        a: UnsafeBufferPointer(a.buffer), lda: max(1, a.columns), b: UnsafeBufferPointer(b.buffer),
        ldb: max(1, b.columns), beta: beta, c: c.buffer, ldc: max(1, c.columns))
}
