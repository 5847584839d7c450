import Foundation
import TestSupport
import Testing

@testable import train

@Suite struct KernelAttentionTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var lengths: [Int]
        var heads: Int
        var keyValueHeads: Int
        var width: Int
        var isCausal: Bool

        var rows: Int { lengths.reduce(0, +) }
        var starts: [Int] { lengths.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) } }
        var testDescription: String { "\(lengths) \(heads)/\(keyValueHeads) × \(width)\(isCausal ? " causal" : "")" }
    }

    static let cases =
        oddSizes.flatMap { size in
            [
                Case(lengths: [size], heads: 2, keyValueHeads: 1, width: 8, isCausal: true),
                Case(lengths: [size, 1, 9], heads: 4, keyValueHeads: 2, width: 7, isCausal: true),
                Case(lengths: [3, size], heads: 3, keyValueHeads: 3, width: 9, isCausal: false),
            ]
        } + [
            // More than one block of queries, and a block that ends in the middle.
            Case(lengths: [5, 131], heads: 2, keyValueHeads: 1, width: 4, isCausal: true),
            Case(lengths: [257], heads: 1, keyValueHeads: 1, width: 4, isCausal: false),
        ]

    /// Softmax(q·k / √D)·v over the positions of the same sequence that may be seen.
    static func naive(_ test: Case, _ q: [Double], _ k: [Double], _ v: [Double]) -> [Double] {
        let (heads, group, width) = (test.heads, test.heads / test.keyValueHeads, test.width)
        var y = Array(repeating: 0.0, count: q.count)
        for (start, end) in zip(test.starts, test.starts.dropFirst()) {
            for query in start..<end {
                for head in 0..<heads {
                    let keys = start..<(test.isCausal ? query + 1 : end)
                    func place(_ row: Int) -> Int { (row * test.keyValueHeads + head / group) * width }
                    let weights = keys.map { key in
                        exp(
                            (0..<width).reduce(0) {
                                $0 + q[(query * heads + head) * width + $1] * k[place(key) + $1]
                            } / Double(width).squareRoot())
                    }
                    let total = weights.reduce(0, +)
                    for (key, weight) in zip(keys, weights) {
                        for i in 0..<width {
                            y[(query * heads + head) * width + i] += weight / total * v[place(key) + i]
                        }
                    }
                }
            }
        }
        return y
    }

    @Test(arguments: cases) func `packed attention with shared key-value heads`(test: Case) {
        let rows = test.rows, queries = test.heads * test.width, keys = test.keyValueHeads * test.width
        var numbers = SeededNumbers(UInt64(rows * 100 + test.heads))
        KernelCheck(
            name: "attention", seed: numbers.seed,
            inputs: [
                numbers.values(rows * queries).map { $0 * 4 }, numbers.values(rows * keys), numbers.values(rows * keys),
            ],
            oracle: { Self.naive(test, $0[0], $0[1], $0[2]) },
            kernel: { inputs, dy in
                let attention = Attention(
                    heads: test.heads, keyValueHeads: test.keyValueHeads, headWidth: test.width,
                    isCausal: test.isCausal)
                let q = matrix(rows, queries, inputs[0]), k = matrix(rows, keys, inputs[1])
                let v = matrix(rows, keys, inputs[2]), y = matrix(rows, queries), logSums = matrix(rows, test.heads)
                let dq = matrix(rows, queries), dk = matrix(rows, keys), dv = matrix(rows, keys)
                let extents = attention.scoreExtents(starts: test.starts)
                let scores = matrix(extents.rows, extents.columns), dScores = matrix(extents.rows, extents.columns)
                attention.forward(
                    q: q, k: k, v: v, starts: test.starts, y: y, logSums: logSums, scores: scores)
                attention.backward(
                    q: q, k: k, v: v, starts: test.starts, y: y, logSums: logSums, dq: dq, dk: dk, dv: dv,
                    dy: matrix(rows, queries, dy), scores: scores, dScores: dScores)
                return (y.values, [dq.values, dk.values, dv.values])
            },
            tolerance: 5e-5, coordinates: rows > 64 ? 12 : 48
        ).run()
    }

    @Test func `scores far apart neither overflow nor vanish`() {
        let test = Case(lengths: [9], heads: 1, keyValueHeads: 1, width: 8, isCausal: true)
        var numbers = SeededNumbers(3)
        let q = numbers.values(72).map { $0 * 400 }, k = numbers.values(72), v = numbers.values(72)
        let y = matrix(9, 8), logSums = matrix(9, 1)
        Attention(heads: 1, keyValueHeads: 1, headWidth: 8, isCausal: true).forward(
            q: matrix(9, 8, q.map { Float($0) }), k: matrix(9, 8, k.map { Float($0) }),
            v: matrix(9, 8, v.map { Float($0) }), starts: test.starts, y: y, logSums: logSums, scores: matrix(9, 9))
        let problem = mismatch(
            "attention", got: y.values, expected: Self.naive(test, q, k, v).map { Float($0) }, tolerance: 1e-3)
        #expect(problem == nil)
    }
}
