// Packed attention with grouped key-value heads, causal or not, that never crosses a sequence's boundary. Scores are
// computed in blocks of queries and never stored: the backward pass makes them again from the log-sum-exps, as
// FlashAttention does (Dao et al., arXiv 2205.14135).

import Foundation

/// Softmax(scale · Q·Kᵀ)·V by head and sequence.
struct Attention {
    let heads: Int  // H
    let keyValueHeads: Int  // G
    let headWidth: Int  // D
    /// Whether a position sees itself and earlier ones only.
    let isCausal: Bool
    let scale: Float

    /// Queries that share one product; bounds the scores to block × longest sequence.
    static let queryBlock = 128

    init(heads: Int, keyValueHeads: Int, headWidth: Int, isCausal: Bool) {
        precondition(heads % keyValueHeads == 0, "\(heads) heads do not share \(keyValueHeads) key-value heads")
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.headWidth = headWidth
        self.isCausal = isCausal
        scale = 1 / Float(headWidth).squareRoot()
    }

    /// The extents of the scores for these sequences: a block of queries by the longest sequence, for each thread that
    /// finds a key-value head of a sequence to work on.
    func scoreExtents(starts: [Int]) -> (rows: Int, columns: Int) {
        let block = Self.blockExtents(starts: starts)
        return (block.rows * max(1, min(ThreadTeam.count, (starts.count - 1) * keyValueHeads)), block.columns)
    }

    /// The extents of one thread's scores.
    private static func blockExtents(starts: [Int]) -> (rows: Int, columns: Int) {
        let longest = zip(starts, starts.dropFirst()).map { $1 - $0 }.max() ?? 0
        return (min(queryBlock, longest), longest)
    }

    /// The block of scores of each slot; as many as fit into the matrix.
    private static func slots(of scores: Matrix, starts: [Int]) -> [Matrix] {
        let block = blockExtents(starts: starts), count = block.rows * block.columns
        return stride(from: 0, through: scores.count - count, by: max(1, count)).map {
            Matrix(base: scores.base + $0, rows: block.rows, columns: block.columns)
        }
    }

    /// - Parameters:
    ///   - q: (T, H · D).
    ///   - k, v: (T, G · D).
    ///   - starts: where each sequence starts, and the end.
    ///   - y: (T, H · D).
    ///   - logSums: (T, H), the log-sum-exp of each row of scores.
    ///   - scores: scratch of `scoreExtents`.
    func forward(q: Matrix, k: Matrix, v: Matrix, starts: [Int], y: Matrix, logSums: Matrix, scores: Matrix) {
        check(q: q, k: k, v: v, starts: starts, y: y, logSums: logSums, scores: scores)
        let slots = Self.slots(of: scores, starts: starts)
        visitBlocks(starts: starts, slots: slots.count) { slot, block in
            let keys = block.keys.count, scores = slots[slot]
            product(block, q, columnsOf: block.head, timesTransposed: k, alpha: scale, into: scores)
            for r in 0..<block.queries.count {
                let row = scores.base + r * keys
                let seen = block.visible(r)
                logSums.row(block.queries.lowerBound + r)[block.head] = Self.softmax(row, count: seen)
                for i in seen..<keys { row[i] = 0 }
            }
            matmulBlock(
                m: block.queries.count, n: headWidth, k: keys, a: scores.base, lda: keys,
                b: at(v, block.keys.lowerBound, block.keyValueHead), ldb: v.columns, beta: 0,
                c: at(y, block.queries.lowerBound, block.head), ldc: y.columns)
        }
    }

    /// Overwrites dq, dk and dv.
    ///
    /// With P the probabilities and δ = Σ dy · y a row: dS = P · (dy·Vᵀ − δ), dq = scale · dS·K, dk = scale · dSᵀ·Q,
    /// dv = Pᵀ·dy.
    func backward(
        q: Matrix, k: Matrix, v: Matrix, starts: [Int], y: Matrix, logSums: Matrix, dq: Matrix, dk: Matrix,
        dv: Matrix, dy: Matrix, scores: Matrix, dScores: Matrix
    ) {
        check(q: q, k: k, v: v, starts: starts, y: y, logSums: logSums, scores: scores)
        check(q: dq, k: dk, v: dv, starts: starts, y: dy, logSums: logSums, scores: dScores)
        dk.fill(0)
        dv.fill(0)
        let slots = Self.slots(of: scores, starts: starts), dSlots = Self.slots(of: dScores, starts: starts)
        visitBlocks(starts: starts, slots: min(slots.count, dSlots.count)) { slot, block in
            let keys = block.keys.count, queries = block.queries.count
            let scores = slots[slot], dScores = dSlots[slot]
            let firstQuery = block.queries.lowerBound, firstKey = block.keys.lowerBound
            product(block, q, columnsOf: block.head, timesTransposed: k, alpha: scale, into: scores)
            product(block, dy, columnsOf: block.head, timesTransposed: v, alpha: 1, into: dScores)
            for r in 0..<queries {
                let p = scores.base + r * keys, dp = dScores.base + r * keys
                let seen = block.visible(r)
                let delta = dot(at(dy, firstQuery + r, block.head), at(y, firstQuery + r, block.head), count: headWidth)
                let logSum = logSums.row(firstQuery + r)[block.head]
                forEachBlock(seen) { i, count in
                    let probability = exponential(Lanes(at: p + i, upTo: count) - logSum)
                    store(probability, p + i, upTo: count)
                    store(probability * (Lanes(at: dp + i, upTo: count) - delta) * scale, dp + i, upTo: count)
                }
                for i in seen..<keys {
                    p[i] = 0
                    dp[i] = 0
                }
            }
            matmulBlock(
                transposeA: true, m: keys, n: headWidth, k: queries, a: scores.base, lda: keys,
                b: at(dy, firstQuery, block.head), ldb: dy.columns, beta: 1,
                c: at(dv, firstKey, block.keyValueHead), ldc: dv.columns)
            matmulBlock(
                m: queries, n: headWidth, k: keys, a: dScores.base, lda: keys,
                b: at(k, firstKey, block.keyValueHead), ldb: k.columns, beta: 0,
                c: at(dq, firstQuery, block.head), ldc: dq.columns)
            matmulBlock(
                transposeA: true, m: keys, n: headWidth, k: queries, a: dScores.base, lda: keys,
                b: at(q, firstQuery, block.head), ldb: q.columns, beta: 1,
                c: at(dk, firstKey, block.keyValueHead), ldc: dk.columns)
        }
    }

    // MARK: - Blocks

    /// Some queries of one head, and the keys that any of them sees.
    private struct Block {
        var head: Int
        var keyValueHead: Int
        var queries: Range<Int>
        var keys: Range<Int>
        var isCausal: Bool

        /// How many of the keys the r-th query sees.
        func visible(_ r: Int) -> Int {
            isCausal ? queries.lowerBound + r + 1 - keys.lowerBound : keys.count
        }
    }

    /// Visits all blocks, several at once; those of one key-value head of one sequence one after another. `slot` numbers
    /// the thread's own part of the scores.
    private func visitBlocks(starts: [Int], slots: Int, _ body: (_ slot: Int, Block) -> Void) {
        let group = heads / keyValueHeads
        ThreadTeam.forEachItem((starts.count - 1) * keyValueHeads, slots: slots) { slot, unit in
            let (sequence, keyValueHead) = unit.quotientAndRemainder(dividingBy: keyValueHeads)
            let start = starts[sequence], end = starts[sequence + 1]
            for head in keyValueHead * group..<(keyValueHead + 1) * group {
                for first in stride(from: start, to: end, by: Self.queryBlock) {
                    let last = min(first + Self.queryBlock, end)
                    body(
                        slot,
                        Block(
                            head: head, keyValueHead: keyValueHead, queries: first..<last,
                            keys: start..<(isCausal ? last : end), isCausal: isCausal))
                }
            }
        }
    }

    /// The address of one head's columns in a row.
    private func at(_ matrix: Matrix, _ row: Int, _ head: Int) -> UnsafeMutablePointer<Float> {
        matrix.row(row) + head * headWidth
    }

    /// scores = alpha · A·Bᵀ for the block's queries and keys, rows `keys.count` apart.
    private func product(
        _ block: Block, _ a: Matrix, columnsOf head: Int, timesTransposed b: Matrix, alpha: Float, into scores: Matrix
    ) {
        matmulBlock(
            transposeB: true, m: block.queries.count, n: block.keys.count, k: headWidth, alpha: alpha,
            a: at(a, block.queries.lowerBound, head), lda: a.columns,
            b: at(b, block.keys.lowerBound, block.keyValueHead), ldb: b.columns, beta: 0,
            c: scores.base, ldc: block.keys.count)
    }

    /// Replaces scores by probabilities and returns their log-sum-exp. The largest is subtracted first.
    private static func softmax(_ row: UnsafeMutablePointer<Float>, count: Int) -> Float {
        var maxima = Lanes(repeating: -.infinity)
        forEachBlock(count) { i, n in maxima = larger(maxima, Lanes(at: row + i, upTo: n, filling: -.infinity)) }
        let maximum = maxima.max()
        var sums = Lanes.zero
        forEachBlock(count) { i, n in
            var e = exponential(Lanes(at: row + i, upTo: n) - maximum)
            store(e, row + i, upTo: n)
            if n < 16 { for lane in n..<16 { e[lane] = 0 } }
            sums += e
        }
        let sum = sums.sum()
        let scale = 1 / sum
        forEachBlock(count) { i, n in store(Lanes(at: row + i, upTo: n) * scale, row + i, upTo: n) }
        return maximum + log(sum)
    }

    private func check(
        q: Matrix, k: Matrix, v: Matrix, starts: [Int], y: Matrix, logSums: Matrix, scores: Matrix
    ) {
        let rows = q.rows
        precondition(starts.first == 0 && starts.last == rows, "the sequences do not cover \(rows) rows")
        precondition(zip(starts, starts.dropFirst()).allSatisfy { $0 < $1 }, "a sequence without positions")
        precondition(q.columns == heads * headWidth && y.columns == q.columns, "queries of \(q.columns) columns")
        precondition(k.columns == keyValueHeads * headWidth && v.columns == k.columns, "keys of \(k.columns) columns")
        precondition(k.rows == rows && v.rows == rows && y.rows == rows, "attention over unequal rows")
        precondition(logSums.rows == rows && logSums.columns == heads, "log sums of \(logSums.columns) heads")
        precondition(!Self.slots(of: scores, starts: starts).isEmpty, "scores of \(scores.count) values")
    }
}
