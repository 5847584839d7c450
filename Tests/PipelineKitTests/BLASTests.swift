import TestSupport
import Testing

@testable import PipelineKit

@Suite struct BLASTests {
    /// Exhaustive over transposes, at sizes around multiples of eight, with gaps between rows.
    @Test(arguments: [1, 7, 8, 9, 31], [false, true]) func `matmul is the naive product`(m: Int, transposeA: Bool) {
        for transposeB in [false, true] {
            for (n, k) in [(1, 1), (9, 7), (8, 31), (31, 9)] {
                let lda = (transposeA ? m : k) + 2, ldb = (transposeB ? k : n) + 1, ldc = n + 3
                func numbers(_ count: Int, _ step: Float) -> [Float] {
                    (0..<count).map { Float(($0 * 37 + 11) % 101 - 50) / 50 * step }
                }
                let a = numbers((transposeA ? k : m) * lda, 1), b = numbers((transposeB ? n : k) * ldb, 0.7)
                let start = numbers(m * ldc, 0.3)
                for beta in [Float(0), 1, -0.5] {
                    var c = start
                    if beta == 0 { for i in 0..<m { for j in 0..<n { c[i * ldc + j] = .nan } } }
                    matmul(
                        transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k, alpha: 0.5, a: a, lda: lda,
                        b: b, ldb: ldb, beta: beta, c: &c, ldc: ldc)
                    var expected = start
                    for i in 0..<m {
                        for j in 0..<n {
                            var sum = 0.0
                            for l in 0..<k {
                                sum +=
                                    Double(transposeA ? a[l * lda + i] : a[i * lda + l])
                                    * Double(transposeB ? b[j * ldb + l] : b[l * ldb + j])
                            }
                            expected[i * ldc + j] = Float(0.5 * sum + Double(beta) * Double(start[i * ldc + j]))
                        }
                    }
                    let name = "\(m) × \(n) × \(k) \(transposeA) \(transposeB) \(beta)"
                    let problem = mismatch(name, got: c, expected: expected, tolerance: 1e-5)
                    #expect(problem == nil)
                    #expect(mismatch(name, got: c.map { $0 * 1.01 }, expected: expected, tolerance: 1e-5) != nil)
                }
            }
        }
    }

    @Test func `empty products leave or scale the result`() {
        var c: [Float] = [1, 2]
        matmul(m: 0, n: 2, k: 3, a: [], lda: 3, b: [0, 0, 0, 0, 0, 0], ldb: 2, c: &c, ldc: 2)
        #expect(c == [1, 2])
        matmul(m: 1, n: 2, k: 0, a: [], lda: 1, b: [], ldb: 2, beta: 3, c: &c, ldc: 2)
        #expect(c == [3, 6])
    }
}
