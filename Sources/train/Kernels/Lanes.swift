// Sixteen floats at a time: loads, stores and the one exponential of the kernels.

typealias Lanes = SIMD16<Float>

extension Lanes {
    /// Sixteen floats from memory of any alignment.
    @inline(__always) init(at pointer: UnsafePointer<Float>) {
        self = UnsafeRawPointer(pointer).loadUnaligned(as: Lanes.self)
    }

    /// The first `count` floats, at most 16, the other lanes filled.
    @inline(__always) init(at pointer: UnsafePointer<Float>, upTo count: Int, filling value: Float = 0) {
        if count == 16 {
            self.init(at: pointer)
        } else {
            self.init(repeating: value)
            for i in 0..<count { self[i] = pointer[i] }
        }
    }
}

@inline(__always) func store(_ lanes: Lanes, _ pointer: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(pointer).storeBytes(of: lanes, as: Lanes.self)
}

/// Stores the first `count` lanes, at most 16.
@inline(__always) func store(_ lanes: Lanes, _ pointer: UnsafeMutablePointer<Float>, upTo count: Int) {
    if count == 16 { store(lanes, pointer) } else { for i in 0..<count { pointer[i] = lanes[i] } }
}

/// Calls `body` with the start and the length, 16 but for the last, of each block of sixteen.
@inline(__always) func forEachBlock(_ count: Int, _ body: (_ start: Int, _ count: Int) -> Void) {
    forEachBlock(0..<count, body)
}

/// The same of some consecutive elements.
@inline(__always) func forEachBlock(_ range: Range<Int>, _ body: (_ start: Int, _ count: Int) -> Void) {
    var i = range.lowerBound
    while i + 16 <= range.upperBound {
        body(i, 16)
        i += 16
    }
    if i < range.upperBound { body(i, range.upperBound - i) }
}

/// e^x of each lane, within 2e-7 of the true value relatively, for x in −86.5 ... 88; clamped outside.
///
/// Cephes' expf (S. L. Moshier, netlib.org/cephes, single/expf.c): x = n·ln 2 + r, a polynomial in r, 2^n by exponent
/// bits. The rounding to n goes through the addition of 1.5 · 2^23, since `.rounded()` and conversions are scalar calls.
@inline(__always) func exponential(_ x: Lanes) -> Lanes {
    let bounded = clamp(x, -86.5, 88)
    let shifted = bounded * 1.442_695_04 + 12_582_912
    let n = shifted - 12_582_912
    let r = bounded - n * 0.693_359_375 + n * 2.121_944_40e-4
    var p = r * 1.987_569_15e-4 + 1.398_199_950_7e-3
    p = p * r + 8.333_451_907_3e-3
    p = p * r + 4.166_579_589_4e-2
    p = p * r + 1.666_666_545_9e-1
    p = p * r + 5.000_000_120_1e-1
    p = p * (r * r) + r + 1
    let exponent = unsafeBitCast(shifted, to: SIMD16<UInt32>.self) &<< 23
    return unsafeBitCast(unsafeBitCast(p, to: SIMD16<UInt32>.self) &+ exponent, to: Lanes.self)
}

@inline(__always) func clamp(_ x: Lanes, _ low: Float, _ high: Float) -> Lanes {
    let low = Lanes(repeating: low), high = Lanes(repeating: high)
    // NaN stays NaN: both comparisons are false for it.
    let raised = x.replacing(with: low, where: x .< low)
    return raised.replacing(with: high, where: raised .> high)
}

@inline(__always) func larger(_ a: Lanes, _ b: Lanes) -> Lanes { a.replacing(with: b, where: b .> a) }

/// Σ a·b.
@inline(__always) func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int) -> Float {
    var sums = Lanes.zero
    var i = 0
    while i + 16 <= count {
        sums += Lanes(at: a + i) * Lanes(at: b + i)
        i += 16
    }
    if i < count { sums += Lanes(at: a + i, upTo: count - i) * Lanes(at: b + i, upTo: count - i) }
    return sums.sum()
}
