// Dropout whose mask is a function of where it is applied and of nothing else: a layer that is computed again for its
// gradient, a resumed run and another number of threads all drop the same values.

import PipelineKit

/// Where in a run a pass stands.
struct DropoutPlace: Sendable, Equatable {
    var seed: Int
    /// The optimizer step, from 0.
    var step: Int
    /// The micro-batch within it, from 0.
    var microBatch: Int
}

/// The masks of one module in one pass.
struct DropoutMask {
    private let key: UInt64
    /// Of 32 random bits, values below it are dropped.
    private let threshold: UInt32
    private let keptScale: Float

    /// - Parameter probability: of a value to be left out, at least 0 and below 1.
    init(_ place: DropoutPlace, module: UInt64, probability: Float) {
        precondition(probability >= 0 && probability < 1, "a dropout of \(probability)")
        var random = SplitMix64(
            seed: UInt64(bitPattern: Int64(place.seed)),
            streams: [UInt64(place.step), UInt64(place.microBatch), module])
        key = random.next()
        threshold = UInt32(Double(probability) * 0x1p32)
        keptScale = 1 / (1 - probability)
    }

    /// The factors of one row: 0 where a value is dropped, else 1 / (1 − p).
    func fill(_ factors: UnsafeMutablePointer<Float>, count: Int, row: Int) {
        let rowKey = Self.mixed(key &+ UInt64(row + 1) &* 0x9E37_79B9_7F4A_7C15)
        for c in 0..<count {
            // A counter through SplitMix64's finalizer: no value waits for the one before it.
            let bits = UInt32(truncatingIfNeeded: Self.mixed(rowKey &+ UInt64(c + 1) &* 0x9E37_79B9_7F4A_7C15) >> 32)
            factors[c] = bits < threshold ? 0 : keptScale
        }
    }

    /// Calls `body` with each row and its factors, several rows at once.
    ///
    /// - Parameter firstRow: the number of row 0.
    func forEachRow(
        _ rows: Int, columns: Int, firstRow: Int, _ body: (_ row: Int, _ factors: UnsafePointer<Float>) -> Void
    ) {
        ThreadTeam.forEachRows(rows, columns: columns) { range in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: max(1, columns)) { factors in
                guard let base = factors.baseAddress else { return }
                for row in range {
                    fill(base, count: columns, row: firstRow + row)
                    body(row, base)
                }
            }
        }
    }

    @inline(__always) private static func mixed(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
