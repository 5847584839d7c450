// Products with a stored matrix. One of floats is multiplied whole. A narrow one is either turned into floats block by block,
// in bounded memory, or multiplied where it lies, in bfloat16 with sums in float32.

import PipelineKit

extension StoredMatrix {
    /// c = a · W, or c = a · Wᵀ where `transposed`.
    ///
    /// - Parameters:
    ///   - a: (T, rows); transposed, (T, columns).
    ///   - accumulating: adds to c instead of overwriting it.
    ///   - c: (T, columns); transposed, (T, rows).
    func multiply(
        _ a: Matrix, transposed: Bool = false, accumulating: Bool = false, into c: Matrix, _ workspace: LinearWorkspace
    ) {
        precondition(
            a.rows == c.rows && a.columns == (transposed ? columns : rows)
                && c.columns == (transposed ? rows : columns), "product with a stored matrix: extents")
        if workspace.multipliesNarrow, let bfloat16 {
            return multiplyNarrow(
                workspace.rounded(a), bfloat16, transposed: transposed, accumulating: accumulating, into: c)
        }
        workspace.forEachBlock(of: self) { block, range in
            // Of Wᵀ a block is some columns of the result, of W it is a part of the sum.
            let start = UnsafeMutableBufferPointer(rebasing: (transposed ? c : a).buffer[range.lowerBound...])
            parallelMatmul(
                transposeB: transposed, m: a.rows, n: transposed ? range.count : columns,
                k: transposed ? columns : range.count, a: UnsafeBufferPointer(transposed ? a.buffer : start),
                lda: max(1, a.columns), b: UnsafeBufferPointer(block.buffer), ldb: max(1, columns),
                beta: accumulating || (!transposed && range.lowerBound > 0) ? 1 : 0, c: transposed ? start : c.buffer,
                ldc: max(1, c.columns))
        }
    }

    /// The same in bfloat16. The result is cut by columns, never inside a sum.
    /// - Parameters:
    ///   - a: rounded, (T, columns or rows).
    private func multiplyNarrow(
        _ a: UnsafeBufferPointer<UInt16>, _ weight: UnsafeRawPointer, transposed: Bool, accumulating: Bool,
        into c: Matrix
    ) {
        guard c.count > 0, let a = a.baseAddress else { return }
        let terms = transposed ? columns : rows
        let threads = min(ThreadTeam.count, ProductGrid.mostThreads(m: c.rows, n: c.columns, k: terms))
        let width = NarrowBlocks.width(columns: c.columns, threads: threads)
        ThreadTeam.forEachItem((c.columns + width - 1) / width, slots: threads) { _, block in
            let start = block * width
            BFloat16Product(
                m: c.rows, n: min(width, c.columns - start), k: terms, weightStride: columns,
                resultStride: c.columns, isTransposed: transposed, isAccumulating: accumulating
            ).multiply(a, weight + 2 * (transposed ? start * columns : start), into: c.base + start)
        }
    }
}

/// How the result of a narrow product is cut.
enum NarrowBlocks {
    /// Columns of a block: its weights, 3 MiB of a matrix with 3,072 inputs, are read once, and few widths occur.
    static let widest = 512
    private static let narrowest = 64

    /// As wide as can be while every thread has a block. There are two at least, where there are columns enough: for a result
    /// in one piece oneDNN takes other code, whose sums differ in their last bits. Those of blocks do not depend on the width,
    /// and so not on the number of threads.
    static func width(columns: Int, threads: Int) -> Int {
        let share = (columns / max(2, threads) + narrowest - 1) / narrowest * narrowest
        return max(narrowest, min(widest, share))
    }
}
