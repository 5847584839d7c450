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

    /// Writes the activation of `rows` of the source to the target's frames from `start` on; rows outside of the source are
    /// zeros, for every activation maps the padding of a convolution, zero, to zero.
    func copy(_ source: Frames, rows: Range<Int>, to target: Frames, at start: Int = 0) {
        let inside = rows.clamped(to: 0..<source.count)
        let shift = start - rows.lowerBound
        if inside.isEmpty {
            target.clear(start..<start + rows.count)
            return
        }
        target.clear(start..<inside.lowerBound + shift)
        apply(source, rows: inside, to: target, shift: shift)
        target.clear(inside.upperBound + shift..<rows.upperBound + shift)
    }

    /// Activates frames in place.
    func apply(to frames: Frames, rows: Range<Int>) {
        if case .identity = self { return }
        apply(frames, rows: rows, to: frames, shift: 0)
    }

    /// The work of both: source row t goes to target row t + shift.
    private func apply(_ source: Frames, rows: Range<Int>, to target: Frames, shift: Int) {
        let channels = source.channels
        switch self {
        case .identity:
            for t in rows { target[t + shift].update(from: source[t], count: channels) }
        case .elu:
            for t in rows { forEachVector(source[t], target[t + shift], count: channels) { VectorMath.elu($0) } }
        case .gelu:
            for t in rows { forEachVector(source[t], target[t + shift], count: channels) { VectorMath.gelu($0) } }
        case .snake(let snake):
            precondition(snake.channels == channels, "Snake of \(snake.channels) channels for \(channels)")
            snake.alpha.withUnsafeBufferPointer { alpha in
                snake.inverse.withUnsafeBufferPointer { inverse in
                    guard let alpha = alpha.baseAddress, let inverse = inverse.baseAddress else { return }
                    for t in rows { Self.snake(source[t], target[t + shift], channels, alpha, inverse) }
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
