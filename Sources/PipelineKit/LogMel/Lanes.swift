// Sixteen frames at once: the lanes of one vector are the same place in sixteen frames, so no arithmetic ever shuffles.

/// One value in each of sixteen frames.
package typealias Lanes = SIMD16<Float>

extension Lanes {
    /// log10 of positive normal numbers: exponent and mantissa apart, the mantissa in [√½, √2) by the polynomial of
    /// Cephes' logf (Moshier, 1992). Within 3e-7 of the true value for |log10| ≤ 1, else within 1 ulp and a half.
    @inline(__always) package var log10: Lanes {
        var bits = SIMD16<UInt32>(lanes: self)
        // Subtracting the bits of √½ moves the cut between exponents there.
        bits = bits &- 0x3F35_04F3
        let exponentBits = (bits &>> 23) & 0xFF
        let mantissa = Lanes(bits: (bits & 0x007F_FFFF) &+ 0x3F35_04F3) - 1
        // Integer to float without a conversion: under an exponent of 2²³ the last place is worth 1. The exponent is
        // a signed byte; 128 is added to make it positive.
        let biased = ((exponentBits &+ 128) & 0xFF) | 0x4B00_0000
        let exponent = Lanes(bits: biased) - 8_388_736
        let square = mantissa * mantissa
        var polynomial = Lanes(repeating: 7.037_683_629_2e-2)
        for coefficient: Float in [
            -1.151_461_031_0e-1, 1.167_699_874_0e-1, -1.242_014_084_6e-1, 1.424_932_278_7e-1, -1.666_805_766_5e-1,
            2.000_071_476_5e-1, -2.499_999_399_3e-1, 3.333_333_117_4e-1,
        ] {
            polynomial = (polynomial * mantissa) + coefficient
        }
        let natural = polynomial * mantissa * square - 0.5 * square + mantissa
        return exponent * 0.301_029_995_7 + natural * 0.434_294_481_9
    }

    @inline(__always) init(bits: SIMD16<UInt32>) { self = unsafeBitCast(bits, to: Lanes.self) }
}

extension SIMD16<UInt32> {
    @inline(__always) init(lanes: Lanes) { self = unsafeBitCast(lanes, to: SIMD16<UInt32>.self) }
}
