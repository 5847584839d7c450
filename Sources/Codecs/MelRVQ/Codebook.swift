// One codebook: K codewords, and the nearest of them by squared distance, a matrix product a block of vectors.

import PipelineKit

/// K codewords of width D.
struct Codebook: Sendable {
    let count: Int
    let width: Int
    let values: [Float]  // (K, D)
    /// |c|² of each codeword. // (K)
    private let squares: [Float]

    init(_ values: [Float], count: Int, width: Int) {
        precondition(count > 0 && values.count == count * width, "a codebook is (K, D)")
        self.values = values
        self.count = count
        self.width = width
        squares = (0..<count).map { code in
            values[code * width..<(code + 1) * width].reduce(0) { $0 + $1 * $1 }
        }
    }

    /// Vectors a matrix product: their distances to 1,024 codewords are 1 MiB.
    static let blockRows = 256

    /// The nearest codeword of each vector, the first of equals.
    ///
    /// |x − c|² = |x|² + (|c|² − 2 x·c): the bracket decides.
    ///
    /// - Parameters:
    ///   - vectors: // (rows, D)
    ///   - score: receives each vector's bracket. // (rows)
    /// - Returns: codes. // (rows)
    func nearest(_ vectors: UnsafeBufferPointer<Float>, score: ((Int, Float) -> Void)? = nil) -> [Int] {
        let rows = vectors.count / width
        precondition(vectors.count == rows * width, "vectors are (rows, D)")
        var scores = [Float](repeating: 0, count: min(Self.blockRows, rows) * count)
        var codes: [Int] = []
        codes.reserveCapacity(rows)
        for start in stride(from: 0, to: rows, by: Self.blockRows) {
            let block = min(Self.blockRows, rows - start)
            scores.withUnsafeMutableBufferPointer { scores in
                for row in 0..<block {
                    for code in 0..<count { scores[row * count + code] = squares[code] }
                }
                values.withUnsafeBufferPointer { values in
                    matmul(
                        transposeB: true, m: block, n: count, k: width, alpha: -2,
                        a: UnsafeBufferPointer(rebasing: vectors[start * width..<(start + block) * width]), lda: width,
                        b: values, ldb: width, beta: 1, c: scores, ldc: count)
                }
                for row in 0..<block {
                    var best = 0
                    var bestScore = scores[row * count]
                    for code in 1..<max(1, count) where scores[row * count + code] < bestScore {
                        best = code
                        bestScore = scores[row * count + code]
                    }
                    codes.append(best)
                    score?(start + row, bestScore)
                }
            }
        }
        return codes
    }
}
