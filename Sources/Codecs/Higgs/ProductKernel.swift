// The inner loops of every convolution and product of the codec: rows of inputs times a panel of 32 weight columns.
// A convolution over channels-last frames needs no unfolding: the row of output t is the taps' input rows, read in place.
// Unsafe; PackedWeights.swift is the door and checks the extents.
//
// The sums of one output run over taps and channels in order, one fused multiply-add each, whatever the number of rows
// that are computed together: results do not depend on how frames are cut into tiles.

import Foundation

/// One product of rows and a panel.
///
/// c[r, j] (+)= bias[j] + Σ over taps u and channels i of a[r · rowStride + u · tapStride + i] · w[u · channels + i, j]
struct PanelProduct {
    /// Columns a panel.
    static let width = 32
    /// Rows that the wide kernel computes together: 28 sums, two weights and a factor in 32 registers of 512 bits.
    static let rows = 14
    /// Rows that the narrow kernel computes together, for half a panel: 12 sums, two weights and a factor in 16 registers of
    /// 256 bits; it also fits 32 of 128 bits.
    static let narrowRows = 6

    var a: UnsafePointer<Float>
    var rowStride: Int
    var taps: Int
    var tapStride: Int
    var channels: Int
    /// (taps · channels, 32)
    var weights: UnsafePointer<Float>
    /// (32)
    var bias: UnsafePointer<Float>
    var c: UnsafeMutablePointer<Float>
    var cStride: Int
    /// Adds to c instead of overwriting it.
    var accumulates: Bool

    /// Computes `count` rows of a panel: all 32 columns, or at least as many as asked for.
    func run(rows count: Int, columns: Int = width) {
        let isHalf = columns <= 16, isWide = !isHalf && KernelChoice.isWide
        var step = self
        var left = count
        while left > 0 {
            let rows: Int
            if isWide, left >= Self.rows {
                fourteenRows(step)
                rows = Self.rows
            } else if isWide, left >= 4 {
                fourRows(step)
                rows = 4
            } else if !isWide, left >= Self.narrowRows {
                sixRows(step, column: 0)
                if !isHalf { sixRows(step, column: 16) }
                rows = Self.narrowRows
            } else {
                oneRow(step)
                rows = 1
            }
            step.a += rows * rowStride
            step.c += rows * cStride
            left -= rows
        }
    }
}

/// The 32 sums of one row.
private struct RowSums {
    var low: SIMD16<Float>
    var high: SIMD16<Float>

    @inline(__always)
    init(_ bias: UnsafePointer<Float>) {
        low = UnsafeRawPointer(bias).loadUnaligned(as: SIMD16<Float>.self)
        high = UnsafeRawPointer(bias + 16).loadUnaligned(as: SIMD16<Float>.self)
    }

    @inline(__always)
    mutating func add(_ factor: Float, _ low: SIMD16<Float>, _ high: SIMD16<Float>) {
        let factors = SIMD16<Float>(repeating: factor)
        self.low.addProduct(low, factors)
        self.high.addProduct(high, factors)
    }

    @inline(__always)
    func store(_ c: UnsafeMutablePointer<Float>, accumulates: Bool) {
        let raw = UnsafeMutableRawPointer(c)
        if accumulates {
            raw.storeBytes(of: raw.loadUnaligned(as: SIMD16<Float>.self) + low, as: SIMD16<Float>.self)
            raw.storeBytes(
                of: raw.loadUnaligned(fromByteOffset: 64, as: SIMD16<Float>.self) + high, toByteOffset: 64,
                as: SIMD16<Float>.self)
        } else {
            raw.storeBytes(of: low, as: SIMD16<Float>.self)
            raw.storeBytes(of: high, toByteOffset: 64, as: SIMD16<Float>.self)
        }
    }
}

/// Which kernel this processor runs faster. Both give the same bits, so a measurement, of 2 ms, may decide.
private enum KernelChoice {
    private static func threadNanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    static let isWide: Bool = {
        let channels = 256, rows = 2 * PanelProduct.rows * PanelProduct.narrowRows
        let memory = Frames.allocate((rows + PanelProduct.width + 1) * channels + rows * PanelProduct.width)
        defer { memory.deallocate() }
        memory.initialize(repeating: 0, count: (rows + PanelProduct.width + 1) * channels)
        let weights = memory + rows * channels
        let product = PanelProduct(
            a: UnsafePointer(memory), rowStride: channels, taps: 1, tapStride: 0, channels: channels,
            weights: UnsafePointer(weights), bias: UnsafePointer(weights),
            c: weights + (PanelProduct.width + 1) * channels, cStride: PanelProduct.width, accumulates: false)
        func nanoseconds(_ work: (PanelProduct) -> Void, rows step: Int) -> UInt64 {
            let start = threadNanoseconds()
            var part = product
            for _ in 0..<rows / step {
                work(part)
                part.a += step * part.rowStride
                part.c += step * part.cStride
            }
            return threadNanoseconds() - start
        }
        var wide = UInt64.max, narrow = UInt64.max
        for _ in 0..<20 {
            wide = min(wide, nanoseconds({ fourteenRows($0) }, rows: PanelProduct.rows))
            narrow = min(
                narrow,
                nanoseconds(
                    { part in
                        sixRows(part, column: 0)
                        sixRows(part, column: 16)
                    }, rows: PanelProduct.narrowRows))
        }
        // Where its sums do not fit into the registers, the wide kernel takes several times as long; where they do, a busy
        // machine must not make it look worse.
        return Double(wide) < 1.3 * Double(narrow)
    }()
}

@inline(never)
private func fourteenRows(_ p: PanelProduct) {
    var r0 = RowSums(p.bias), r1 = r0, r2 = r0, r3 = r0, r4 = r0, r5 = r0, r6 = r0
    var r7 = r0, r8 = r0, r9 = r0, r10 = r0, r11 = r0, r12 = r0, r13 = r0
    let stride = p.rowStride
    var weights = UnsafeRawPointer(p.weights)
    for tap in 0..<p.taps {
        let taps = p.a + tap &* p.tapStride
        for i in 0..<p.channels {
            let low = weights.loadUnaligned(fromByteOffset: i &* 128, as: SIMD16<Float>.self)
            let high = weights.loadUnaligned(fromByteOffset: i &* 128 &+ 64, as: SIMD16<Float>.self)
            let a = taps + i
            r0.add(a[0], low, high)
            r1.add(a[stride], low, high)
            r2.add(a[stride &* 2], low, high)
            r3.add(a[stride &* 3], low, high)
            r4.add(a[stride &* 4], low, high)
            r5.add(a[stride &* 5], low, high)
            r6.add(a[stride &* 6], low, high)
            r7.add(a[stride &* 7], low, high)
            r8.add(a[stride &* 8], low, high)
            r9.add(a[stride &* 9], low, high)
            r10.add(a[stride &* 10], low, high)
            r11.add(a[stride &* 11], low, high)
            r12.add(a[stride &* 12], low, high)
            r13.add(a[stride &* 13], low, high)
        }
        weights += p.channels &* 128
    }
    let c = p.c, next = p.cStride, accumulates = p.accumulates
    r0.store(c, accumulates: accumulates)
    r1.store(c + next, accumulates: accumulates)
    r2.store(c + next &* 2, accumulates: accumulates)
    r3.store(c + next &* 3, accumulates: accumulates)
    r4.store(c + next &* 4, accumulates: accumulates)
    r5.store(c + next &* 5, accumulates: accumulates)
    r6.store(c + next &* 6, accumulates: accumulates)
    r7.store(c + next &* 7, accumulates: accumulates)
    r8.store(c + next &* 8, accumulates: accumulates)
    r9.store(c + next &* 9, accumulates: accumulates)
    r10.store(c + next &* 10, accumulates: accumulates)
    r11.store(c + next &* 11, accumulates: accumulates)
    r12.store(c + next &* 12, accumulates: accumulates)
    r13.store(c + next &* 13, accumulates: accumulates)
}

/// Six rows of 16 columns.
@inline(never)
private func sixRows(_ p: PanelProduct, column: Int) {
    let bias = UnsafeRawPointer(p.bias + column).loadUnaligned(as: SIMD16<Float>.self)
    var r0 = bias, r1 = bias, r2 = bias, r3 = bias, r4 = bias, r5 = bias
    let stride = p.rowStride
    var weights = UnsafeRawPointer(p.weights + column)
    for tap in 0..<p.taps {
        let taps = p.a + tap &* p.tapStride
        for i in 0..<p.channels {
            let weight = weights.loadUnaligned(fromByteOffset: i &* 128, as: SIMD16<Float>.self)
            let a = taps + i
            r0.addProduct(weight, SIMD16(repeating: a[0]))
            r1.addProduct(weight, SIMD16(repeating: a[stride]))
            r2.addProduct(weight, SIMD16(repeating: a[stride &* 2]))
            r3.addProduct(weight, SIMD16(repeating: a[stride &* 3]))
            r4.addProduct(weight, SIMD16(repeating: a[stride &* 4]))
            r5.addProduct(weight, SIMD16(repeating: a[stride &* 5]))
        }
        weights += p.channels &* 128
    }
    let c = UnsafeMutableRawPointer(p.c + column)
    let accumulates = p.accumulates
    @inline(__always)
    func store(_ sums: SIMD16<Float>, row: Int) {
        let place = c + row &* p.cStride &* 4
        place.storeBytes(
            of: accumulates ? place.loadUnaligned(as: SIMD16<Float>.self) + sums : sums, as: SIMD16<Float>.self)
    }
    store(r0, row: 0)
    store(r1, row: 1)
    store(r2, row: 2)
    store(r3, row: 3)
    store(r4, row: 4)
    store(r5, row: 5)
}

@inline(never)
private func fourRows(_ p: PanelProduct) {
    var r0 = RowSums(p.bias), r1 = r0, r2 = r0, r3 = r0
    let stride = p.rowStride
    var weights = UnsafeRawPointer(p.weights)
    for tap in 0..<p.taps {
        let taps = p.a + tap &* p.tapStride
        for i in 0..<p.channels {
            let low = weights.loadUnaligned(fromByteOffset: i &* 128, as: SIMD16<Float>.self)
            let high = weights.loadUnaligned(fromByteOffset: i &* 128 &+ 64, as: SIMD16<Float>.self)
            let a = taps + i
            r0.add(a[0], low, high)
            r1.add(a[stride], low, high)
            r2.add(a[stride &* 2], low, high)
            r3.add(a[stride &* 3], low, high)
        }
        weights += p.channels &* 128
    }
    r0.store(p.c, accumulates: p.accumulates)
    r1.store(p.c + p.cStride, accumulates: p.accumulates)
    r2.store(p.c + p.cStride &* 2, accumulates: p.accumulates)
    r3.store(p.c + p.cStride &* 3, accumulates: p.accumulates)
}

@inline(never)
private func oneRow(_ p: PanelProduct) {
    var r0 = RowSums(p.bias)
    var weights = UnsafeRawPointer(p.weights)
    for tap in 0..<p.taps {
        let a = p.a + tap &* p.tapStride
        for i in 0..<p.channels {
            let low = weights.loadUnaligned(fromByteOffset: i &* 128, as: SIMD16<Float>.self)
            let high = weights.loadUnaligned(fromByteOffset: i &* 128 &+ 64, as: SIMD16<Float>.self)
            r0.add(a[i], low, high)
        }
        weights += p.channels &* 128
    }
    r0.store(p.c, accumulates: p.accumulates)
}
