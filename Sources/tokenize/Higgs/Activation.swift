// The activations of the codec, over frames: Snake (DAC; transformers 5.23 models/dac, `Snake1d`), ELU (semantic encoder)
// and GELU (HuBERT). `copy` applies one on the way into a tile, which has to be written anyway.

/// x + sin²(αx) / (α + 1e-9), with one α a channel.
struct Snake: Sendable {
    let channels: Int
    /// Padded with zeros to whole registers.
    fileprivate let alpha: [Float]
    /// 1 / (α + 1e-9), padded likewise.
    fileprivate let inverse: [Float]

    init(alpha: [Float]) {
        channels = alpha.count
        let padding = [Float](repeating: 0, count: (16 - channels % 16) % 16)
        self.alpha = alpha + padding
        inverse = alpha.map { 1 / ($0 + 1e-9) } + padding
    }
}

enum Activation: Sendable {
    case identity
    case snake(Snake)
    case elu
    case gelu

    /// Writes the activation of `rows` of the source to the target, row after row; rows outside of the source are zeros,
    /// for every activation maps the padding of a convolution, zero, to zero.
    func copy(_ source: Frames, rows: Range<Int>, to target: UnsafeMutablePointer<Float>) {
        let channels = source.channels
        let inside = rows.clamped(to: 0..<source.count)
        if inside.isEmpty {
            target.update(repeating: 0, count: rows.count * channels)
            return
        }
        let before = (inside.lowerBound - rows.lowerBound) * channels, after = rows.upperBound - inside.upperBound
        let values = inside.count * channels
        target.update(repeating: 0, count: before)
        apply(source[inside.lowerBound], to: target + before, rows: inside.count, channels: channels)
        (target + before + values).update(repeating: 0, count: after * channels)
    }

    /// Activates in place.
    func apply(in place: UnsafeMutablePointer<Float>, rows: Int, channels: Int) {
        if case .identity = self { return }
        apply(place, to: place, rows: rows, channels: channels)
    }

    private func apply(
        _ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, rows: Int, channels: Int
    ) {
        switch self {
        case .identity: target.update(from: source, count: rows * channels)
        case .elu: forEachVector(source, target, count: rows * channels) { VectorMath.elu($0) }
        case .gelu: forEachVector(source, target, count: rows * channels) { VectorMath.gelu($0) }
        case .snake(let snake):
            precondition(snake.channels == channels, "Snake of \(snake.channels) channels for \(channels)")
            snake.alpha.withUnsafeBufferPointer { alpha in
                snake.inverse.withUnsafeBufferPointer { inverse in
                    guard let alpha = alpha.baseAddress, let inverse = inverse.baseAddress else { return }
                    for row in 0..<rows {
                        Self.snake(source + row * channels, target + row * channels, channels, alpha, inverse)
                    }
                }
            }
        }
    }

    @inline(__always)
    private static func snake(
        _ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ channels: Int,
        _ alpha: UnsafePointer<Float>, _ inverse: UnsafePointer<Float>
    ) {
        @inline(__always)
        func one(_ x: Floats, _ c: Int) -> Floats {
            let a = UnsafeRawPointer(alpha + c).loadUnaligned(as: Floats.self)
            let inverse = UnsafeRawPointer(inverse + c).loadUnaligned(as: Floats.self)
            return VectorMath.fused(VectorMath.sinSquared(a * x), inverse, x)
        }
        var c = 0
        while c &+ 16 <= channels {
            let x = UnsafeRawPointer(source + c).loadUnaligned(as: Floats.self)
            UnsafeMutableRawPointer(target + c).storeBytes(of: one(x, c), as: Floats.self)
            c &+= 16
        }
        if c < channels {
            var x = Floats.zero
            for i in c..<channels { x[i - c] = source[i] }
            let y = one(x, c)
            for i in c..<channels { target[i] = y[i - c] }
        }
    }
}

/// Maps floats sixteen at a time; the last vector is filled up with zeros.
@inline(__always)
func forEachVector(
    _ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, count: Int, _ body: (Floats) -> Floats
) {
    var i = 0
    while i &+ 16 <= count {
        let x = UnsafeRawPointer(source + i).loadUnaligned(as: Floats.self)
        UnsafeMutableRawPointer(target + i).storeBytes(of: body(x), as: Floats.self)
        i &+= 16
    }
    if i < count {
        var x = Floats.zero
        for j in i..<count { x[j - i] = source[j] }
        let y = body(x)
        for j in i..<count { target[j] = y[j - i] }
    }
}
