// Layer norm over channels (torch.nn.LayerNorm) and the statistics of a group norm with one channel a group
// (torch.nn.GroupNorm), in two passes each: the mean, then the squares about it.

/// Normalizes each frame over its channels.
struct LayerNorm: Sendable {
    let weight: [Float]
    let bias: [Float]
    let epsilon: Float

    /// Normalizes all frames, or some, in place.
    func apply(to frames: Frames, rows: Range<Int>? = nil) {
        precondition(frames.channels == weight.count, "a norm of \(weight.count) channels for \(frames.channels)")
        weight.withUnsafeBufferPointer { weight in
            bias.withUnsafeBufferPointer { bias in
                for t in rows ?? 0..<frames.count { Self.normalize(frames[t], weight, bias, epsilon) }
            }
        }
    }

    private static func normalize(
        _ x: UnsafeMutablePointer<Float>, _ weight: UnsafeBufferPointer<Float>, _ bias: UnsafeBufferPointer<Float>,
        _ epsilon: Float
    ) {
        let channels = weight.count, whole = channels & ~15
        @inline(__always)
        func load(_ p: UnsafePointer<Float>?, _ i: Int) -> Floats {
            UnsafeRawPointer(p.unsafelyUnwrapped + i).loadUnaligned(as: Floats.self)
        }
        var sums = Floats.zero, sum: Float = 0
        for i in stride(from: 0, to: whole, by: 16) { sums += load(x, i) }
        for i in whole..<channels { sum += x[i] }
        let mean = (sums.sum() + sum) / Float(channels)
        var squares = Floats.zero, square: Float = 0
        for i in stride(from: 0, to: whole, by: 16) {
            let d = load(x, i) - mean
            squares.addProduct(d, d)
        }
        for i in whole..<channels { square += (x[i] - mean) * (x[i] - mean) }
        let scale = 1 / ((squares.sum() + square) / Float(channels) + epsilon).squareRoot()
        for i in stride(from: 0, to: whole, by: 16) {
            let y = VectorMath.fused(
                (load(x, i) - mean) * scale, load(weight.baseAddress, i), load(bias.baseAddress, i))
            UnsafeMutableRawPointer(x + i).storeBytes(of: y, as: Floats.self)
        }
        for i in whole..<channels { x[i] = (x[i] - mean) * scale * weight[i] + bias[i] }
    }
}

/// The mean and variance of every channel over all frames, gathered tile by tile.
///
/// Each tile's mean and squares are taken in Float over the tile and merged in Double (Chan, Golub, LeVeque 1979).
struct ChannelStatistics {
    private var count = 0
    private var means: [Double]
    private var squares: [Double]

    init(channels: Int) {
        means = Array(repeating: 0, count: channels)
        squares = means
    }

    /// Takes in the first frames of a tile.
    mutating func add(_ tile: Frames, rows: Int) {
        if rows == 0 { return }
        let channels = means.count
        var c = 0
        while c < channels {
            let width = min(16, channels - c)
            @inline(__always)
            func row(_ t: Int) -> Floats {
                let p = tile[t] + c
                if width == 16 { return UnsafeRawPointer(p).loadUnaligned(as: Floats.self) }
                var x = Floats.zero
                for i in 0..<width { x[i] = p[i] }
                return x
            }
            var sum = Floats.zero
            for t in 0..<rows { sum += row(t) }
            let mean = sum / Float(rows)
            var square = Floats.zero
            // What rounding left of the sum about the mean, so that it does not enter the squares.
            var rest = Floats.zero
            for t in 0..<rows {
                let d = row(t) - mean
                rest += d
                square.addProduct(d, d)
            }
            for i in 0..<width {
                let tileMean = Double(mean[i]) + Double(rest[i]) / Double(rows)
                let tileSquare = Double(square[i]) - Double(rest[i]) * Double(rest[i]) / Double(rows)
                let delta = tileMean - means[c + i], total = Double(count + rows)
                means[c + i] += delta * Double(rows) / total
                squares[c + i] += tileSquare + delta * delta * Double(count) * Double(rows) / total
            }
            c += 16
        }
        count += rows
    }

    /// Scale and shift of every channel: (x − mean) / √(variance + ε) · weight + bias as x · scale + shift.
    func affine(weight: [Float], bias: [Float], epsilon: Double) -> (scale: [Float], shift: [Float]) {
        var scale: [Float] = [], shift: [Float] = []
        for c in means.indices {
            let s = Double(weight[c]) / (squares[c] / Double(count) + epsilon).squareRoot()
            scale.append(Float(s))
            shift.append(Float(Double(bias[c]) - means[c] * s))
        }
        return (scale, shift)
    }
}
