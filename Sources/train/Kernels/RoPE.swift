// Rotary position embeddings (Su et al., arXiv 2104.09864) with Llama 3's frequency bands, as transformers 4.46 computes
// them (`_compute_llama3_parameters`, `rotate_half`): halves rotated, not interleaved pairs.

import Foundation

/// Cosines and sines by position.
struct RoPE {
    let headWidth: Int  // D
    private let inverseFrequencies: [Float]  // (D / 2)
    private var cosines: [Float] = []  // (positions, D / 2)
    private var sines: [Float] = []  // (positions, D / 2)

    init(headWidth: Int, theta: Double, scaling: ModelConfig.RoPEScaling?) {
        precondition(headWidth % 2 == 0, "rotary embeddings need an even head width")
        self.headWidth = headWidth
        inverseFrequencies = (0..<headWidth / 2).map { i in
            let inverse = 1 / pow(theta, Double(2 * i) / Double(headWidth))
            guard let scaling else { return Float(inverse) }
            let wavelength = 2 * Double.pi / inverse
            let original = Double(scaling.originalMaximumPositions)
            if wavelength < original / scaling.highFrequencyFactor { return Float(inverse) }
            if wavelength > original / scaling.lowFrequencyFactor { return Float(inverse / scaling.factor) }
            let smooth =
                (original / wavelength - scaling.lowFrequencyFactor)
                / (scaling.highFrequencyFactor - scaling.lowFrequencyFactor)
            return Float((1 - smooth) * inverse / scaling.factor + smooth * inverse)
        }
    }

    /// Extends the tables to so many positions.
    mutating func prepare(positions: Int) {
        let half = headWidth / 2
        for position in cosines.count / half..<max(positions, cosines.count / half) {
            for inverse in inverseFrequencies {
                // The product in single precision, as the reference has it.
                let angle = Double(Float(position) * inverse)
                cosines.append(Float(cos(angle)))
                sines.append(Float(sin(angle)))
            }
        }
    }

    /// Rotates every head of every row in place; positions start at 0 in each sequence.
    ///
    /// - Parameters:
    ///   - x: (T, heads · D).
    ///   - starts: where each sequence starts, and the end.
    func forward(_ x: Matrix, starts: [Int]) { rotate(x, starts: starts, direction: 1) }

    /// The gradient's way back: the rotation by the opposite angle, in place.
    func backward(_ dx: Matrix, starts: [Int]) { rotate(dx, starts: starts, direction: -1) }

    private func rotate(_ x: Matrix, starts: [Int], direction: Float) {
        precondition(x.columns % headWidth == 0 && starts.last == x.rows, "rotary embedding extents")
        let half = headWidth / 2
        cosines.withUnsafeBufferPointer { cosines in
            sines.withUnsafeBufferPointer { sines in
                for (start, end) in zip(starts, starts.dropFirst()) {
                    precondition((end - start) * half <= cosines.count, "rotary tables are too short")
                    ThreadTeam.forEachRows(end - start, columns: x.columns) { positions in
                        for position in positions {
                            let row = x.row(start + position)
                            for head in stride(from: 0, to: x.columns, by: headWidth) {
                                for i in 0..<half {
                                    let c = cosines[position * half + i], s = direction * sines[position * half + i]
                                    let a = row[head + i], b = row[head + half + i]
                                    row[head + i] = a * c - b * s
                                    row[head + half + i] = b * c + a * s
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
