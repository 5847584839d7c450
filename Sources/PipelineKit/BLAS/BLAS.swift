// The one door to OpenBLAS: single-precision matrix products, row-major, with checked extents.
// Everything that multiplies matrices goes through `matmul`; nothing else calls cblas.

import COpenBLAS
import Foundation

/// Settings of the linear algebra library.
public enum BLAS {
    /// How many threads one product may use. Programs that run many workers set 1; train sets all cores.
    public static func setThreads(_ count: Int) {
        precondition(count >= 1, "BLAS needs a thread")
        openblas_set_num_threads(Int32(count))
    }

    /// Ends the threads that OpenBLAS starts as soon as it is loaded, and that burn a tenth of a second waiting for work
    /// before they sleep. It starts them anew for a product that wants them. Not every build of it has the switch.
    static func endIdleThreads() {
        guard let address = dlsym(nil, "blas_thread_shutdown_") else { return }
        _ = unsafeBitCast(address, to: (@convention(c) () -> Int32).self)()
    }

    /// How many threads one product may use now.
    public static var threads: Int { Int(openblas_get_num_threads()) }
}

/// C = alpha · op(A) · op(B) + beta · C, row-major, where op transposes if asked to.
///
/// - Parameters:
///   - transposeA: A is stored as (k, m) instead of (m, k).
///   - transposeB: B is stored as (n, k) instead of (k, n): the layout of a linear layer's weight.
///   - a: (m, k) or (k, m) with rows `lda` apart.
///   - b: (k, n) or (n, k) with rows `ldb` apart.
///   - beta: 0 overwrites C, whatever it held (NaN included); 1 accumulates.
///   - c: (m, n) with rows `ldc` apart; must not overlap A or B.
///
/// m or n = 0 does nothing; k = 0 scales C by beta. Extents that do not fit are a programmer's error.
public func matmul(
    transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int, alpha: Float = 1,
    a: UnsafeBufferPointer<Float>, lda: Int, b: UnsafeBufferPointer<Float>, ldb: Int,
    beta: Float = 0, c: UnsafeMutableBufferPointer<Float>, ldc: Int
) {
    precondition(m >= 0 && n >= 0 && k >= 0, "matmul of negative extents \(m) × \(n) × \(k)")
    precondition(max(m, n, k, lda, ldb, ldc) <= Int(Int32.max), "matmul extents exceed 32 bits")
    if m == 0 || n == 0 { return }
    func check(_ name: String, rows: Int, columns: Int, stride: Int, count: Int) {
        precondition(
            stride >= max(1, columns) && (rows == 0 || (rows - 1) * stride + columns <= count),
            "matmul \(name): (\(rows), \(columns)) with stride \(stride) does not fit into \(count) values")
    }
    check("A", rows: transposeA ? k : m, columns: transposeA ? m : k, stride: lda, count: a.count)
    check("B", rows: transposeB ? n : k, columns: transposeB ? k : n, stride: ldb, count: b.count)
    check("C", rows: m, columns: n, stride: ldc, count: c.count)
    cblas_sgemm(
        CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
        Int32(m), Int32(n), Int32(k), alpha, a.baseAddress, Int32(lda), b.baseAddress, Int32(ldb), beta,
        c.baseAddress, Int32(ldc))
}

/// `matmul` of arrays.
public func matmul(
    transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int, alpha: Float = 1,
    a: [Float], lda: Int, b: [Float], ldb: Int, beta: Float = 0, c: inout [Float], ldc: Int
) {
    a.withUnsafeBufferPointer { a in
        b.withUnsafeBufferPointer { b in
            c.withUnsafeMutableBufferPointer { c in
                matmul(
                    transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k, alpha: alpha, a: a, lda: lda,
                    b: b, ldb: ldb, beta: beta, c: c, ldc: ldc)
            }
        }
    }
}
