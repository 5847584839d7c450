// Fourier transforms of any length 2^a · 3^b · 5^c · 7^d, of sixteen frames at once: Stockham's self-sorting algorithm
// (Van Loan, Computational Frameworks for the FFT, 1992, §1.7) with radices 4, 2, 3, 5 and 7, real input folded into a complex
// transform of half the length. Nothing general: a length is planned once and used for millions of frames.

import Foundation

/// A complex forward transform, unnormalised: X[k] = Σ x[n] · exp(−2πi·kn / count).
struct ComplexTransform: Sendable {
    let count: Int
    private let stages: [Stage]

    /// One pass over the data: `count / stride` points a transform, cut into `radix` parts.
    struct Stage: Sendable {
        var radix: Int
        /// Transforms of this stage that are interleaved.
        var stride: Int
        /// Butterflies a transform.
        var butterflies: Int
        /// exp(−2πi·jp / n) for p in 0..<butterflies, j in 1..<radix. // (butterflies, radix − 1)
        var twiddleReal: [Float], twiddleImaginary: [Float]
    }

    init(count: Int) {
        self.count = count
        var stages: [Stage] = []
        var rest = count, stride = 1
        while rest > 1 {
            guard let radix = [4, 5, 7, 3, 2].first(where: { rest % $0 == 0 }) else {
                preconditionFailure("\(count) has other prime factors than 2, 3, 5 and 7")
            }
            let butterflies = rest / radix
            let angles = (0..<butterflies).flatMap { p in
                (1..<radix).map { j in -2 * Double.pi * Double(j * p % rest) / Double(rest) }
            }
            stages.append(
                Stage(
                    radix: radix, stride: stride, butterflies: butterflies,
                    twiddleReal: angles.map { Float(cos($0)) }, twiddleImaginary: angles.map { Float(sin($0)) }))
            stride *= radix
            rest = butterflies
        }
        self.stages = stages
    }

    /// Whether a length has no other prime factors than 2, 3, 5 and 7.
    static func isPlannable(_ count: Int) -> Bool {
        var rest = count
        for factor in [2, 3, 5, 7] { while rest > 1, rest % factor == 0 { rest /= factor } }
        return rest == 1
    }

    /// Transforms `data` in place, with `scratch` as second buffer; each holds `count` complex points. // (count)
    func run(_ data: ComplexLanes, scratch: ComplexLanes) {
        var (from, to) = (data, scratch)
        for stage in stages {
            switch stage.radix {
            case 2: stage.radix2(from, to)
            case 3: stage.radix3(from, to)
            case 4: stage.radix4(from, to)
            case 5: stage.radix5(from, to)
            default: stage.radix7(from, to)
            }
            swap(&from, &to)
        }
        if from.real != data.real {
            data.real.update(from: from.real, count: count)
            data.imaginary.update(from: from.imaginary, count: count)
        }
    }
}

/// A borrowed buffer of complex points, real and imaginary parts apart.
package struct ComplexLanes {
    package var real: UnsafeMutablePointer<Lanes>
    package var imaginary: UnsafeMutablePointer<Lanes>

    package static func allocate(_ count: Int) -> ComplexLanes {
        let real = UnsafeMutablePointer<Lanes>.allocate(capacity: 2 * count)
        real.initialize(repeating: .zero, count: 2 * count)
        return ComplexLanes(real: real, imaginary: real + count)
    }

    package func deallocate() { real.deallocate() }

    @inline(__always) subscript(index: Int) -> ComplexValue {
        get { ComplexValue(real: real[index], imaginary: imaginary[index]) }
        nonmutating set {
            real[index] = newValue.real
            imaginary[index] = newValue.imaginary
        }
    }
}

/// One complex number in each of sixteen frames.
struct ComplexValue {
    var real: Lanes
    var imaginary: Lanes

    @inline(__always) static func + (a: Self, b: Self) -> Self {
        Self(real: a.real + b.real, imaginary: a.imaginary + b.imaginary)
    }
    @inline(__always) static func - (a: Self, b: Self) -> Self {
        Self(real: a.real - b.real, imaginary: a.imaginary - b.imaginary)
    }
    @inline(__always) static func * (a: Self, b: Float) -> Self {
        Self(real: a.real * b, imaginary: a.imaginary * b)
    }
    /// Times −i: a quarter turn backwards.
    @inline(__always) var turned: Self { Self(real: imaginary, imaginary: -real) }

    @inline(__always) func times(_ real: Float, _ imaginary: Float) -> Self {
        Self(
            real: self.real * real - self.imaginary * imaginary,
            imaginary: self.real * imaginary + self.imaginary * real)
    }
}

// MARK: - Butterflies

extension ComplexTransform.Stage {
    /// Calls `butterfly` with the inputs' first index, their distance, the outputs' first index, and the twiddles' place.
    @inline(__always)
    private func forEach(_ butterfly: (_ input: Int, _ apart: Int, _ output: Int, _ twiddle: Int) -> Void) {
        for p in 0..<butterflies {
            for q in 0..<stride {
                butterfly(q + stride * p, stride * butterflies, q + stride * radix * p, p * (radix - 1))
            }
        }
    }

    fileprivate func radix2(_ x: ComplexLanes, _ y: ComplexLanes) {
        withTwiddles { w in
            forEach { input, apart, output, twiddle in
                let a = x[input], b = x[input + apart]
                y[output] = a + b
                y[output + stride] = w.apply(twiddle, to: a - b)
            }
        }
    }

    fileprivate func radix3(_ x: ComplexLanes, _ y: ComplexLanes) {
        let sine: Float = 0.866_025_403_784  // sin 2π/3
        withTwiddles { w in
            forEach { input, apart, output, twiddle in
                let a = x[input], sum = x[input + apart] + x[input + 2 * apart]
                let difference = (x[input + apart] - x[input + 2 * apart]).turned * sine
                let middle = a - sum * 0.5
                y[output] = a + sum
                y[output + stride] = w.apply(twiddle, to: middle + difference)
                y[output + 2 * stride] = w.apply(twiddle + 1, to: middle - difference)
            }
        }
    }

    fileprivate func radix4(_ x: ComplexLanes, _ y: ComplexLanes) {
        withTwiddles { w in
            forEach { input, apart, output, twiddle in
                let a = x[input], b = x[input + apart], c = x[input + 2 * apart], d = x[input + 3 * apart]
                let even = a + c, odd = a - c, evenB = b + d, oddB = (b - d).turned
                y[output] = even + evenB
                y[output + stride] = w.apply(twiddle, to: odd + oddB)
                y[output + 2 * stride] = w.apply(twiddle + 1, to: even - evenB)
                y[output + 3 * stride] = w.apply(twiddle + 2, to: odd - oddB)
            }
        }
    }

    fileprivate func radix5(_ x: ComplexLanes, _ y: ComplexLanes) {
        let cosine1: Float = 0.309_016_994_375, cosine2: Float = -0.809_016_994_375  // cos 2π/5, cos 4π/5
        let sine1: Float = 0.951_056_516_295, sine2: Float = 0.587_785_252_292  // sin 2π/5, sin 4π/5
        withTwiddles { w in
            forEach { input, apart, output, twiddle in
                let a = x[input]
                let b = x[input + apart], e = x[input + 4 * apart], c = x[input + 2 * apart], d = x[input + 3 * apart]
                let outer = b + e, inner = c + d
                let outerTurned = (b - e).turned, innerTurned = (c - d).turned
                let real1 = a + outer * cosine1 + inner * cosine2
                let real2 = a + outer * cosine2 + inner * cosine1
                let turn1 = outerTurned * sine1 + innerTurned * sine2
                let turn2 = outerTurned * sine2 - innerTurned * sine1
                y[output] = a + outer + inner
                y[output + stride] = w.apply(twiddle, to: real1 + turn1)
                y[output + 2 * stride] = w.apply(twiddle + 1, to: real2 + turn2)
                y[output + 3 * stride] = w.apply(twiddle + 2, to: real2 - turn2)
                y[output + 4 * stride] = w.apply(twiddle + 3, to: real1 - turn1)
            }
        }
    }

    fileprivate func radix7(_ x: ComplexLanes, _ y: ComplexLanes) {
        // cos and sin of 2πj/7, j = 1, 2, 3
        let cosine1: Float = 0.623_489_801_859, cosine2: Float = -0.222_520_933_956
        let cosine3: Float = -0.900_968_867_902
        let sine1: Float = 0.781_831_482_468, sine2: Float = 0.974_927_912_182, sine3: Float = 0.433_883_739_118
        withTwiddles { w in
            forEach { input, apart, output, twiddle in
                let a = x[input]
                let b = x[input + apart], g = x[input + 6 * apart]
                let c = x[input + 2 * apart], f = x[input + 5 * apart]
                let d = x[input + 3 * apart], e = x[input + 4 * apart]
                let sum1 = b + g, sum2 = c + f, sum3 = d + e
                let turned1 = (b - g).turned, turned2 = (c - f).turned, turned3 = (d - e).turned
                let real1 = a + sum1 * cosine1 + sum2 * cosine2 + sum3 * cosine3
                let real2 = a + sum1 * cosine2 + sum2 * cosine3 + sum3 * cosine1
                let real3 = a + sum1 * cosine3 + sum2 * cosine1 + sum3 * cosine2
                let turn1 = turned1 * sine1 + turned2 * sine2 + turned3 * sine3
                let turn2 = turned1 * sine2 - turned2 * sine3 - turned3 * sine1
                let turn3 = turned1 * sine3 - turned2 * sine1 + turned3 * sine2
                y[output] = a + sum1 + sum2 + sum3
                y[output + stride] = w.apply(twiddle, to: real1 + turn1)
                y[output + 2 * stride] = w.apply(twiddle + 1, to: real2 + turn2)
                y[output + 3 * stride] = w.apply(twiddle + 2, to: real3 + turn3)
                y[output + 4 * stride] = w.apply(twiddle + 3, to: real3 - turn3)
                y[output + 5 * stride] = w.apply(twiddle + 4, to: real2 - turn2)
                y[output + 6 * stride] = w.apply(twiddle + 5, to: real1 - turn1)
            }
        }
    }

    /// The twiddles as bare pointers: the innermost loop must not check bounds.
    private struct Twiddles {
        var real: UnsafePointer<Float>, imaginary: UnsafePointer<Float>

        @inline(__always) func apply(_ index: Int, to value: ComplexValue) -> ComplexValue {
            value.times(real[index], imaginary[index])
        }
    }

    @inline(__always)
    private func withTwiddles(_ body: (Twiddles) -> Void) {
        twiddleReal.withUnsafeBufferPointer { real in
            twiddleImaginary.withUnsafeBufferPointer { imaginary in
                guard let real = real.baseAddress, let imaginary = imaginary.baseAddress else { return }
                body(Twiddles(real: real, imaginary: imaginary))
            }
        }
    }
}

// MARK: - Real signals

/// A forward transform of real frames, and its inverse, both unnormalised.
package struct RealTransform: Sendable {
    /// Samples a frame; even.
    package let count: Int
    /// Bins from 0 to the Nyquist frequency: count / 2 + 1.
    package var binCount: Int { count / 2 + 1 }
    private let half: ComplexTransform
    /// exp(−2πi·k / count) for k in 0..<binCount.
    private let cosines: [Float], sines: [Float]

    package init(count: Int) {
        precondition(count % 2 == 0, "the frame length \(count) is even")
        self.count = count
        half = ComplexTransform(count: count / 2)
        let angles = (0...count / 2).map { -2 * Double.pi * Double($0) / Double(count) }
        cosines = angles.map { Float(cos($0)) }
        sines = angles.map { Float(sin($0)) }
    }

    /// Points that `forward` and `inverse` need in each of their buffers.
    package var bufferCount: Int { binCount }

    /// Takes samples 2n and 2n + 1 as real and imaginary part n of `data` // (count / 2); leaves bins // (binCount).
    package func forward(_ data: ComplexLanes, scratch: ComplexLanes) {
        half.run(data, scratch: scratch)
        let n = count / 2
        let first = data[0]
        data[0] = ComplexValue(real: first.real + first.imaginary, imaginary: .zero)
        data[n] = ComplexValue(real: first.real - first.imaginary, imaginary: .zero)
        // Even and odd samples' spectra: E = (Z[k] + Z*[n−k]) / 2, O = (Z[k] − Z*[n−k]) / 2i; X = E + w·O.
        for k in 1...max(1, n / 2) where n > 1 {
            let a = data[k], b = data[n - k]
            let even = ComplexValue(real: (a.real + b.real) * 0.5, imaginary: (a.imaginary - b.imaginary) * 0.5)
            let odd = ComplexValue(real: (a.imaginary + b.imaginary) * 0.5, imaginary: (b.real - a.real) * 0.5)
            let turned = odd.times(cosines[k], sines[k])
            data[k] = even + turned
            data[n - k] = ComplexValue(
                real: even.real - turned.real, imaginary: turned.imaginary - even.imaginary)
        }
    }

    /// The way back: bins in `data` // (binCount) become samples, 2n and 2n + 1 in real and imaginary part n, times
    /// count / 2. The imaginary parts of the first and last bin are taken as zero.
    package func inverse(_ data: ComplexLanes, scratch: ComplexLanes) {
        let n = count / 2
        let first = data[0].real, last = data[n].real
        // conj(Z), so that a forward transform runs backwards: Z = E + i·O.
        data[0] = ComplexValue(real: (first + last) * 0.5, imaginary: (last - first) * 0.5)
        for k in 1...max(1, n / 2) where n > 1 {
            let a = data[k], b = data[n - k]
            let even = ComplexValue(real: (a.real + b.real) * 0.5, imaginary: (a.imaginary - b.imaginary) * 0.5)
            let difference = ComplexValue(
                real: (a.real - b.real) * 0.5, imaginary: (a.imaginary + b.imaginary) * 0.5)
            let odd = difference.times(cosines[k], -sines[k])
            data[k] = ComplexValue(
                real: even.real - odd.imaginary, imaginary: -even.imaginary - odd.real)
            data[n - k] = ComplexValue(real: even.real + odd.imaginary, imaginary: even.imaginary - odd.real)
        }
        half.run(data, scratch: scratch)
        for index in 0..<n { data.imaginary[index] = -data.imaginary[index] }
    }
}
