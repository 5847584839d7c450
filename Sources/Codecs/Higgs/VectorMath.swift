// Elementary functions of sixteen floats, by polynomials that were fitted here (minimax by iterated weighted least squares
// in extended precision). Errors are measured by the tests over dense grids of the ranges named.
// Rounding goes through the magic addend 1.5 · 2²³, whose sum holds the integer in its low bits: SIMD's own rounding and
// conversions are scalar calls.

typealias Floats = SIMD16<Float>

enum VectorMath {
    private static let magic: Float = 12_582_912  // 1.5 · 2^23

    /// a · b + c in one rounding.
    @inline(__always)
    static func fused(_ a: Floats, _ b: Floats, _ c: Floats) -> Floats { c.addingProduct(a, b) }

    @inline(__always)
    static func fused(_ a: Floats, _ b: Floats, _ c: Float) -> Floats { Floats(repeating: c).addingProduct(a, b) }

    /// sin² u, with an absolute error below 3e-7 for |u| ≤ 1e5; beyond, where floats lie up to a period apart, some value
    /// from 0 to 1.1.
    @inline(__always)
    static func sinSquared(_ u: Floats) -> Floats {
        let shifted = fused(u, Floats(repeating: 0.318_309_886), magic)
        let n = shifted - magic
        // sin² has the period π: u − nπ, with π as the sum of two floats.
        var r = fused(n, Floats(repeating: -3.141_592_741), u)
        r = fused(n, Floats(repeating: 8.742_277_657e-8), r)
        let limit: Float = 1.7
        r.replace(with: limit, where: r .> limit)
        r.replace(with: -limit, where: r .< -limit)
        let square = r * r
        var p = fused(square, Floats(repeating: 2.608_790_055e-6), -1.981_105_306e-4)
        p = fused(square, p, 8.333_087_898e-3)
        p = fused(square, p, -0.166_666_597)
        let sine = fused(square * r, p, r)
        return sine * sine
    }

    /// e^f − 1 for |f| ≤ ln 2 / 2, and 2^n, where x = f + n ln 2. x is limited to −87 … 88.
    @inline(__always)
    private static func exponentParts(_ argument: Floats) -> (small: Floats, scale: Floats) {
        var x = argument
        x.replace(with: -87, where: x .< -87)
        x.replace(with: 88, where: x .> 88)
        let shifted = fused(x, Floats(repeating: 1.442_695_041), magic)
        let n = shifted - magic
        var f = fused(n, Floats(repeating: -0.693_115_234_375), x)
        f = fused(n, Floats(repeating: -3.194_618_33e-5), f)
        var p = fused(f, Floats(repeating: 1.991_797_326e-4), 1.394_619_001e-3)
        p = fused(f, p, 8.333_264_850e-3)
        p = fused(f, p, 4.166_626_930e-2)
        p = fused(f, p, 0.166_666_672)
        p = fused(f, p, 0.5)
        let small = fused(f * f, p, f)
        let bits = (unsafeBitCast(shifted, to: SIMD16<UInt32>.self) &<< 23) &+ 0x3F80_0000
        return (small, unsafeBitCast(bits, to: Floats.self))
    }

    /// e^x, with a relative error below 3e-7 for −87 ≤ x ≤ 88 and the values at these ends beyond.
    @inline(__always)
    static func exp(_ x: Floats) -> Floats {
        let (small, scale) = exponentParts(x)
        return fused(small, scale, scale)
    }

    /// The exponential linear unit: x for x > 0, else e^x − 1, with a relative error below 4e-7.
    @inline(__always)
    static func elu(_ x: Floats) -> Floats {
        let (small, scale) = exponentParts(x)
        return fused(small, scale, scale - 1).replacing(with: x, where: x .> 0)
    }

    /// The Gaussian error linear unit x · Φ(x) in its erf form, with an absolute error below 4e-7 · max(1, |x|).
    ///
    /// ln Φ(−t) + t²/2 is a polynomial of degree 9 for 0 ≤ t ≤ 6; beyond, Φ(−6) < 1e-9 stands for Φ(−t).
    @inline(__always)
    static func gelu(_ x: Floats) -> Floats {
        var t = x.replacing(with: -x, where: x .< 0)
        t.replace(with: 6, where: t .> 6)
        var p = fused(t, Floats(repeating: 9.302_264_914e-8), -2.354_317_757e-6)
        p = fused(t, p, 2.337_662_772e-5)
        p = fused(t, p, -9.543_395_572e-5)
        p = fused(t, p, -1.970_388_839e-4)
        p = fused(t, p, 5.049_233_790e-3)
        p = fused(t, p, -3.650_542_721e-2)
        p = fused(t, p, 0.181_744_054)
        p = fused(t, p, -0.797_891_140)
        p = fused(t, p, -0.693_147_063)
        let tail = exp(fused(t * t, Floats(repeating: -0.5), p))
        let product = x * tail
        return product.replacing(with: x - product, where: x .> 0)
    }
}
