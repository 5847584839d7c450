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

/// C = alpha · op(A) · op(B) + beta · C of whole matrices: `matmul` with its extents taken from the shapes.
func multiply(
    _ a: Matrix, transposeA: Bool = false, _ b: Matrix, transposeB: Bool = false,
    alpha: Float = 1, beta: Float = 0, into c: Matrix
) {
    let (m, k) = transposeA ? (a.columns, a.rows) : (a.rows, a.columns)
    let (kB, n) = transposeB ? (b.columns, b.rows) : (b.rows, b.columns)
    precondition(k == kB && c.rows == m && c.columns == n, "product of (\(m), \(k)) and (\(kB), \(n)) into \(c.rows)")
    matmul(
        transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k, alpha: alpha,
        a: UnsafeBufferPointer(a.buffer), lda: max(1, a.columns), b: UnsafeBufferPointer(b.buffer),
        ldb: max(1, b.columns), beta: beta, c: c.buffer, ldc: max(1, c.columns))
}
