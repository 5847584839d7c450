// The exact Gaussian error linear unit (Hendrycks and Gimpel, arXiv 1606.08415), of the audio tower.

import Foundation

/// y = x · Φ(x), Φ the normal distribution function.
enum GELU {
    /// Both have the same extents.
    static func forward(_ x: Matrix, y: Matrix) {
        precondition(x.count == y.count, "GELU extents")
        ThreadTeam.forEachElements(x.count) { range in
            for i in range { y.base[i] = x.base[i] * normalDistribution(x.base[i]) }
        }
    }

    /// Overwrites dy by dx = dy · (Φ(x) + x · φ(x)).
    static func backward(_ x: Matrix, dy: Matrix) {
        precondition(x.count == dy.count, "GELU extents")
        ThreadTeam.forEachElements(x.count) { range in
            for i in range {
                let value = x.base[i]
                // 1/√(2π)
                let density = 0.398_942_28 * exp(-0.5 * value * value)
                dy.base[i] *= normalDistribution(value) + value * density
            }
        }
    }

    private static func normalDistribution(_ x: Float) -> Float { 0.5 * (1 + erf(x * Float(0.5).squareRoot())) }
}
