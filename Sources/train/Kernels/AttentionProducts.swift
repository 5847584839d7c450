// The strided products of attention blocks, with their extents turned into the bounded buffers that `matmul` wants.

import PipelineKit

/// `matmul` on addresses inside larger matrices. The extents follow from rows, columns and strides, which the caller has
/// checked against its matrices.
@inline(__always)
func matmulBlock(
    transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int, alpha: Float = 1,
    a: UnsafePointer<Float>, lda: Int, b: UnsafePointer<Float>, ldb: Int, beta: Float,
    c: UnsafeMutablePointer<Float>, ldc: Int
) {
    func extent(rows: Int, columns: Int, stride: Int) -> Int { rows == 0 ? 0 : (rows - 1) * stride + columns }
    matmul(
        transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k, alpha: alpha,
        a: UnsafeBufferPointer(
            start: a, count: extent(rows: transposeA ? k : m, columns: transposeA ? m : k, stride: lda)),
        lda: lda,
        b: UnsafeBufferPointer(
            start: b, count: extent(rows: transposeB ? n : k, columns: transposeB ? k : n, stride: ldb)),
        ldb: ldb, beta: beta,
        c: UnsafeMutableBufferPointer(start: c, count: extent(rows: m, columns: n, stride: ldc)), ldc: ldc)
}
