// The memory and the switches that all products of one model share.

import PipelineKit

/// Memory that the products of one model share. Not thread-safe: a model computes one product at a time.
final class LinearWorkspace {
    /// Values of a block of a narrow matrix: 4 MiB, so that its floats are still in the cache when they are multiplied.
    private static let blockValues = 1 << 20

    private var memory: [Purpose: UnsafeMutableBufferPointer<Float>] = [:]
    private var narrow = UnsafeMutableBufferPointer<UInt16>(start: nil, count: 0)

    enum Purpose { case block, dropped, hidden, dHidden }

    /// What dropout depends on; nil: nothing is dropped.
    var dropoutPlace: DropoutPlace?
    /// false leaves all adapters out: the base alone.
    var appliesAdapters = true
    /// Whether products with bfloat16 matrices are made in bfloat16, which `BFloat16Product.obstacle` must allow; else in
    /// float32.
    var multipliesNarrow = false

    deinit {
        for buffer in memory.values { buffer.deallocate() }
        narrow.deallocate()
    }

    /// Memory with undefined contents, which the next call for the same purpose takes over.
    func matrix(_ purpose: Purpose, _ rows: Int, _ columns: Int) -> Matrix {
        let count = max(1, rows * columns)
        if memory[purpose]?.count ?? 0 < count {
            memory[purpose]?.deallocate()
            memory[purpose] = .allocate(capacity: count)
        }
        guard let base = memory[purpose]?.baseAddress else { preconditionFailure("allocated memory has an address") }
        return Matrix(base: base, rows: rows, columns: columns)
    }

    /// A matrix rounded to bfloat16; the next call takes its memory over.
    func rounded(_ matrix: Matrix) -> UnsafeBufferPointer<UInt16> {  // (rows, columns)
        if narrow.count < matrix.count {
            narrow.deallocate()
            narrow = .allocate(capacity: matrix.count)
        }
        let target = UnsafeMutableBufferPointer(rebasing: narrow[..<matrix.count])
        guard let base = target.baseAddress else { return UnsafeBufferPointer(target) }
        ThreadTeam.forEachElements(matrix.count) { range in
            roundToBFloat16(matrix.base + range.lowerBound, count: range.count, into: base + range.lowerBound)
        }
        return UnsafeBufferPointer(target)
    }

    /// Computes as if nothing were multiplied in bfloat16: what is compared with other machines and other models.
    func inFloat32<Result>(_ body: () throws -> Result) rethrows -> Result {
        let kept = multipliesNarrow
        multipliesNarrow = false
        defer { multipliesNarrow = kept }
        return try body()
    }

    /// Calls `body` with all rows as floats, block after block; once where the matrix is floats already.
    func forEachBlock(of weight: StoredMatrix, _ body: (_ block: Matrix, _ rows: Range<Int>) -> Void) {
        if let whole = weight.floats { return body(whole, 0..<whole.rows) }
        let step = min(weight.rows, max(16, Self.blockValues / max(1, weight.columns) / 16 * 16))
        let memory = matrix(.block, step, weight.columns)
        for start in stride(from: 0, to: weight.rows, by: step) {
            let rows = start..<min(start + step, weight.rows)
            let block = memory.rows(0..<rows.count)
            convert(weight, rows, into: block)
            body(block, rows)
        }
    }

    private func convert(_ weight: StoredMatrix, _ rows: Range<Int>, into block: Matrix) {
        ThreadTeam.forEachRows(rows.count, columns: weight.columns) { part in
            weight.read(
                rows.lowerBound + part.lowerBound..<rows.lowerBound + part.upperBound, into: block.row(part.lowerBound))
        }
    }
}
