// The layers of the Higgs tokenizer against naive ones in Double, at odd sizes, and its elementary functions against
// libm over dense grids.

import Foundation
import TestSupport
import Testing

@testable import Codecs

/// Frames from a seed, in −1 ..< 1.
private func random(_ count: Int, seed: UInt64) -> [Float] {
    var state = seed &* 2_862_933_555_777_941_757 &+ 3_037_000_493
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(Int32(truncatingIfNeeded: state >> 32)) / 2_147_483_648
    }
}

@Suite struct VectorMathTests {
    /// The largest error of a vector function on an even grid, absolute or relative to |expected|.
    private func worst(
        _ range: ClosedRange<Double>, relativeTo scale: (Double) -> Double, _ function: (Floats) -> Floats,
        _ exact: (Double) -> Double
    ) -> Double {
        let count = 400_000
        var worst = 0.0
        for start in stride(from: 0, to: count, by: 16) {
            var x = Floats.zero
            for lane in 0..<16 {
                x[lane] = Float(
                    range.lowerBound + (range.upperBound - range.lowerBound) * Double(start + lane) / Double(count))
            }
            let y = function(x)
            for lane in 0..<16 {
                let expected = exact(Double(x[lane]))
                let error = abs(Double(y[lane]) - expected) / scale(expected)
                worst = error > worst || error.isNaN ? error : worst
            }
        }
        return worst
    }

    @Test(arguments: [1.0, 30, 1_000, 1e5]) func `sin² is within 3e-7`(limit: Double) {
        let error = worst(
            -limit...limit, relativeTo: { _ in 1 }, VectorMath.sinSquared, { sin($0) * sin($0) })
        #expect(error < 3e-7)
    }

    @Test func `sin² stays bounded where floats lie further apart than its period`() {
        let y = VectorMath.sinSquared(Floats(repeating: 3e8)), z = VectorMath.sinSquared(Floats(repeating: -1e30))
        #expect(y.min() >= 0 && y.max() <= 1.1 && z.min() >= 0 && z.max() <= 1.1)
    }

    @Test func `exp is within 3e-7 and limited at its ends`() {
        #expect(worst(-87...88, relativeTo: { $0 }, VectorMath.exp, exp) < 3e-7)
        #expect(worst(-1...1, relativeTo: { $0 }, VectorMath.exp, exp) < 2e-7)
        #expect(VectorMath.exp(Floats(repeating: -.infinity)).max() < 2e-38)
    }

    @Test func `ELU is within 4e-7, near zero too`() {
        for limit in [1e-6, 1e-3, 1, 40] {
            let error = worst(-limit...limit, relativeTo: { max(abs($0), 1e-30) }, VectorMath.elu) {
                $0 > 0 ? $0 : expm1($0)
            }
            #expect(error < 4e-7, "up to \(limit)")
        }
    }

    @Test func `GELU is within 4e-7 of the larger of one and its value`() {
        for limit in [1e-3, 1, 6, 50] {
            let error = worst(-limit...limit, relativeTo: { max(abs($0), 1) }, VectorMath.gelu) {
                $0 * erfc(-$0 / 2.0.squareRoot()) / 2
            }
            #expect(error < 4e-7, "up to \(limit)")
        }
    }
}

@Suite struct HiggsLayerTests {
    /// torch.nn.Conv1d of (N, C) frames; weight (outputs, channels, taps).
    private func naiveConvolution(
        _ x: [Float], channels: Int, weight: [Float], bias: [Float]?, outputs: Int, taps: Int, stride: Int,
        dilation: Int, padding: Int, activation: (Double) -> Double = { $0 }
    ) -> [Float] {
        let count = x.count / channels
        let length = (count + 2 * padding - dilation * (taps - 1) - 1) / stride + 1
        var result: [Float] = []
        for t in 0..<max(0, length) {
            for o in 0..<outputs {
                var sum = Double(bias?[o] ?? 0)
                for tap in 0..<taps {
                    let row = t * stride - padding + tap * dilation
                    if row < 0 || row >= count { continue }
                    for c in 0..<channels {
                        sum +=
                            activation(Double(x[row * channels + c]))
                            * Double(weight[(o * channels + c) * taps + tap])
                    }
                }
                result.append(Float(sum))
            }
        }
        return result
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var frames: Int, channels: Int, outputs: Int, taps: Int
        var stride = 1, dilation = 1, padding = 0, hasBias = true
        var testDescription: String {
            "\(frames) × \(channels) → \(outputs), \(taps) taps, stride \(stride), dilation \(dilation), padding \(padding)"
        }
    }

    /// Odd sizes; more frames than a tile; channels that are stored with gaps; sums longer than a block of weights.
    static let cases: [Case] = [
        Case(frames: 1, channels: 1, outputs: 1, taps: 1),
        Case(frames: 7, channels: 1, outputs: 31, taps: 7, padding: 3),
        Case(frames: 31, channels: 8, outputs: 9, taps: 3, stride: 2),
        Case(frames: 31, channels: 9, outputs: 33, taps: 7, dilation: 3, padding: 9, hasBias: false),
        Case(frames: 9, channels: 31, outputs: 7, taps: 7, dilation: 9, padding: 27),
        Case(frames: 100, channels: 33, outputs: 64, taps: 16, stride: 8, padding: 4),
        Case(frames: 45, channels: 7, outputs: 65, taps: 6, stride: 3, padding: 2),
        Case(frames: 29, channels: 256, outputs: 32, taps: 8, stride: 4, padding: 2),
        Case(frames: 17, channels: 512, outputs: 40, taps: 7, dilation: 3, padding: 9),
        Case(frames: 16, channels: 1500, outputs: 31, taps: 3, padding: 1),
        Case(frames: 15, channels: 1300, outputs: 17, taps: 1),
        Case(frames: 12_801, channels: 9, outputs: 8, taps: 2, stride: 2, padding: 1),
    ]

    @Test(arguments: cases) func `a convolution is the naive one`(_ c: Case) {
        let x = random(c.frames * c.channels, seed: 1)
        let weight = random(c.outputs * c.channels * c.taps, seed: 2),
            bias = c.hasBias ? random(c.outputs, seed: 3) : nil
        let convolution = Convolution(
            PackedWeights(
                convolution: weight, outputs: c.outputs, channels: c.channels, taps: c.taps, bias: bias),
            stride: c.stride, dilation: c.dilation, padding: c.padding)
        let frames = Frames(x, channels: c.channels)
        func naive(_ activation: @escaping (Double) -> Double) -> [Float] {
            naiveConvolution(
                x, channels: c.channels, weight: weight, bias: bias, outputs: c.outputs, taps: c.taps,
                stride: c.stride, dilation: c.dilation, padding: c.padding, activation: activation)
        }
        let plain = convolution(frames)
        #expect(plain.count == convolution.outputCount(c.frames))
        #expect(mismatch("plain", got: plain.values, expected: naive { $0 }, tolerance: 5e-6, relative: true) == nil)
        let elu = convolution(frames, activation: .elu)
        #expect(
            mismatch(
                "elu", got: elu.values, expected: naive { $0 > 0 ? $0 : expm1($0) }, tolerance: 5e-6, relative: true)
                == nil)
        let snake = convolution(frames, activation: .snake(Snake(alpha: Array(repeating: 1.5, count: c.channels))))
        #expect(
            mismatch(
                "snake", got: snake.values, expected: naive { $0 + sin(1.5 * $0) * sin(1.5 * $0) / (1.5 + 1e-9) },
                tolerance: 5e-6, relative: true) == nil)
    }

    @Test func `too few frames give none`() {
        let convolution = Convolution(
            PackedWeights(convolution: random(9, seed: 1), outputs: 1, channels: 1, taps: 9, bias: nil))
        #expect(convolution.outputCount(8) == 0 && convolution.outputCount(9) == 1)
        #expect(convolution(Frames(random(8, seed: 1), channels: 1)).count == 0)
    }

    @Test(arguments: [1, 2, 3, 5, 8], [1, 2, 7, 31]) func `a transposed convolution is the naive one`(
        stride: Int, frames: Int
    ) {
        // 2,000 frames and some are more than a tile.
        for (frames, channels, outputs) in [(frames, 9, 33), (frames + 2_000, 49, 3)] {
            let kernel = 2 * stride, padding = (stride + 1) / 2, outputPadding = stride % 2
            let x = random(frames * channels, seed: 4), weight = random(channels * outputs * kernel, seed: 5)
            let bias = random(outputs, seed: 6)
            let length = (frames - 1) * stride - 2 * padding + kernel + outputPadding
            var expected = (0..<length).flatMap { _ in bias.map(Double.init) }
            for t in 0..<frames {
                for tap in 0..<kernel {
                    let place = t * stride - padding + tap
                    if place < 0 || place >= length { continue }
                    for c in 0..<channels {
                        for o in 0..<outputs {
                            expected[place * outputs + o] +=
                                Double(x[t * channels + c]) * Double(weight[(c * outputs + o) * kernel + tap])
                        }
                    }
                }
            }
            let convolution = TransposedConvolution(
                weight: weight, channels: channels, outputs: outputs, stride: stride, bias: bias, padding: padding,
                outputPadding: outputPadding)
            let got = convolution(Frames(x, channels: channels))
            #expect(got.count == frames * stride)
            #expect(
                mismatch("out", got: got.values, expected: expected.map(Float.init), tolerance: 5e-6, relative: true)
                    == nil)
        }
    }

    @Test(arguments: [1, 3, 9], [1, 7, 97, 98, 99, 700]) func `a residual unit in place is the naive one`(
        dilation: Int, frames: Int
    ) {
        let channels = 257  // tiles of 378 frames
        let x = random(frames * channels, seed: 7), alpha = random(channels, seed: 8).map { 1.5 + $0 }
        let wide = random(channels * channels * 3, seed: 9), narrow = random(channels * channels, seed: 10)
        let bias = random(channels, seed: 11)
        let unit = ResidualUnit(
            first: .elu,
            wide: Convolution(
                PackedWeights(convolution: wide, outputs: channels, channels: channels, taps: 3, bias: bias),
                dilation: dilation, padding: dilation),
            second: .snake(Snake(alpha: alpha)),
            narrow: PackedWeights(convolution: narrow, outputs: channels, channels: channels, taps: 1, bias: bias))
        let got = Frames(x, channels: channels)
        unit.apply(to: got)
        var hidden = naiveConvolution(
            x, channels: channels, weight: wide, bias: bias, outputs: channels, taps: 3, stride: 1, dilation: dilation,
            padding: dilation, activation: { $0 > 0 ? $0 : expm1($0) })
        for i in hidden.indices {
            let a = Double(alpha[i % channels]), value = Double(hidden[i])
            hidden[i] = Float(value + sin(a * value) * sin(a * value) / (a + 1e-9))
        }
        let added = naiveConvolution(
            hidden, channels: channels, weight: narrow, bias: bias, outputs: channels, taps: 1, stride: 1, dilation: 1,
            padding: 0)
        #expect(
            mismatch("out", got: got.values, expected: zip(x, added).map(+), tolerance: 1e-5, relative: true) == nil)
    }

    @Test func `how many rows are computed together changes no bit`() {
        let channels = 130, outputs = 70, taps = 3
        let weights = PackedWeights(
            convolution: random(outputs * channels * taps, seed: 12), outputs: outputs, channels: channels, taps: taps,
            bias: random(outputs, seed: 13))
        let x = Frames(random(40 * channels, seed: 14), channels: channels)
        for rows in [1, 3, 4, 6, 13, 14, 15, 29, 31] {
            let together = Frames(count: rows, channels: outputs), apart = Frames(count: rows, channels: outputs)
            weights.multiply(x.inputs(), rows: rows, into: together.outputs())
            for row in 0..<rows { weights.multiply(x.inputs(from: row), rows: 1, into: apart.outputs(from: row)) }
            #expect(together.values == apart.values, "\(rows) rows")
        }
    }

    @Test(arguments: [1, 9, 16, 31, 48]) func `layer norm is the naive one`(channels: Int) {
        let x = random(7 * channels, seed: 15).map { $0 * 3 + 100 }
        let norm = LayerNorm(
            weight: random(channels, seed: 16), bias: random(channels, seed: 17), epsilon: 1e-5)
        let got = Frames(x, channels: channels)
        norm.apply(to: got)
        let expected = (0..<7).flatMap { row -> [Float] in
            let values = x[row * channels..<(row + 1) * channels].map(Double.init)
            let mean = values.reduce(0, +) / Double(channels)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(channels)
            return values.enumerated().map { i, v in
                Float((v - mean) / (variance + 1e-5).squareRoot() * Double(norm.weight[i]) + Double(norm.bias[i]))
            }
        }
        // The mean of values near 100 has an error of 100 · 2⁻²⁴.
        #expect(mismatch("norm", got: got.values, expected: expected, tolerance: 2e-5) == nil)
    }

    @Test(arguments: [1, 7, 16, 33]) func `channel statistics of tiles are those of all frames`(channels: Int) {
        let rows = 301
        let x = random(rows * channels, seed: 18).map { $0 * 0.1 + 10 }
        var statistics = ChannelStatistics(channels: channels)
        var start = 0
        for size in [1, 100, 7, 193] {
            let tile = Frames(Array(x[start * channels..<(start + size) * channels]), channels: channels)
            statistics.add(tile, rows: size)
            start += size
        }
        let weight = random(channels, seed: 19), bias = random(channels, seed: 20)
        let affine = statistics.affine(weight: weight, bias: bias, epsilon: 1e-5)
        for c in 0..<channels {
            let values = (0..<rows).map { Double(x[$0 * channels + c]) }
            let mean = values.reduce(0, +) / Double(rows)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rows)
            let scale = Double(weight[c]) / (variance + 1e-5).squareRoot()
            #expect(abs(Double(affine.scale[c]) / scale - 1) < 1e-5)
            #expect(abs(Double(affine.shift[c]) - (Double(bias[c]) - mean * scale)) < 1e-5 * abs(mean * scale))
        }
    }

    /// 400 frames need more than one block of queries.
    @Test(arguments: [(1, 1, 5), (7, 3, 4), (31, 2, 16), (400, 1, 8)])
    func `attention is the naive one`(count: Int, heads: Int, headWidth: Int) {
        let width = heads * headWidth
        let projection = random(3 * width * width, seed: 21), projectionBias = random(3 * width, seed: 22)
        let output = random(width * width, seed: 23), x = random(count * width, seed: 24).map { $0 * 2 }
        let attention = SelfAttention(
            heads: heads,
            input: PackedWeights(linear: projection, outputs: 3 * width, channels: width, bias: projectionBias),
            output: PackedWeights(linear: output, outputs: width, channels: width, bias: nil))
        let got = Frames(x, channels: width)
        attention.add(to: got)
        let states = (0..<count).map { t in
            (0..<3 * width).map { o in
                (0..<width).reduce(Double(projectionBias[o])) {
                    $0 + Double(x[t * width + $1]) * Double(projection[o * width + $1])
                }
            }
        }
        var expected: [Float] = []
        for t in 0..<count {
            var mixed = [Double](repeating: 0, count: width)
            for head in 0..<heads {
                let places = head * headWidth..<(head + 1) * headWidth
                let scores = states.map { other in
                    places.reduce(0) { $0 + states[t][$1] * other[width + $1] } / Double(headWidth).squareRoot()
                }
                let top = scores.max() ?? 0
                let weights = scores.map { exp($0 - top) }, total = weights.reduce(0, +)
                for (weight, other) in zip(weights, states) {
                    for place in places { mixed[place] += weight / total * other[2 * width + place] }
                }
            }
            for o in 0..<width {
                expected.append(
                    Float(
                        (0..<width).reduce(Double(x[t * width + o])) {
                            $0 + mixed[$1] * Double(output[o * width + $1])
                        }))
            }
        }
        #expect(mismatch("attention", got: got.values, expected: expected, tolerance: 2e-5, relative: true) == nil)
    }

    @Test(arguments: [(24_000, 16_000), (48_000, 16_000), (44_100, 16_000), (16_000, 24_000)])
    func `the resampler is the windowed sinc`(source: Int, target: Int) {
        let resampler = SincResampler(from: source, to: target)
        for count in [1, 7, 31, 1_000] {
            let wave = random(count, seed: 25)
            let got = resampler(wave)
            #expect(got.count == (target * count + source - 1) / source)
            let base = Double(min(source, target)) * 0.99
            let expected = got.indices.map { j in
                wave.indices.reduce(0.0) { sum, i in
                    // Source sample i as seen from output sample j, in zero crossings.
                    let t = (Double(i) / Double(source) - Double(j) / Double(target)) * base
                    if abs(t) >= 6 { return sum }
                    let window = cos(t * .pi / 12) * cos(t * .pi / 12)
                    return sum + Double(wave[i]) * (t == 0 ? 1 : sin(t * .pi) / (t * .pi)) * window * base
                        / Double(source)
                }
            }
            // The kernel is made in Float, as the reference makes it: at 441 to 160, its places are within 1e-5 crossings.
            #expect(mismatch("wave", got: got, expected: expected.map(Float.init), tolerance: 2e-5) == nil)
        }
        #expect(SincResampler(from: 16_000, to: 16_000)([1, 2, 3]) == [1, 2, 3])
    }
}
