import Testing

@testable import train

@Suite struct KernelConvolutionTests {
    /// y[t, o] = b[o] + Σ w[o, i, j] · x[i, stride · t + j − 1].
    private func convolve(
        _ x: (Int, Int) -> Double, frames: Int, channels: Int, weight: [Double], bias: [Double], stride: Int,
        positions: Int
    ) -> [Double] {
        let outputs = bias.count
        return (0..<positions * outputs).map { index in
            let (t, o) = (index / outputs, index % outputs)
            var sum = bias[o]
            for i in 0..<channels {
                for j in 0..<3 {
                    let frame = stride * t + j - 1
                    if frame >= 0, frame < frames { sum += weight[(o * channels + i) * 3 + j] * x(i, frame) }
                }
            }
            return sum
        }
    }

    @Test(arguments: oddSizes) func `the first convolution reads channels first and pads with zeros`(frames: Int) {
        let channels = 7, outputs = 9
        var numbers = SeededNumbers(UInt64(frames))
        KernelCheck(
            name: "convolution of \(frames) frames", seed: numbers.seed,
            inputs: [
                numbers.values(channels * frames), numbers.values(outputs * channels * 3), numbers.values(outputs),
            ],
            oracle: { inputs in
                convolve(
                    { inputs[0][$0 * frames + $1] }, frames: frames, channels: channels, weight: inputs[1],
                    bias: inputs[2], stride: 1, positions: frames)
            },
            kernel: { inputs, dy in
                let columns = matrix(frames, 3 * channels), y = matrix(frames, outputs)
                let weight = parameter(outputs, 3 * channels, inputs[1]), bias = parameter(1, outputs, inputs[2])
                inputs[0].withUnsafeBufferPointer {
                    Convolution.unfoldChannels($0, frames: frames, columns: columns)
                }
                let linear = projection(weight, bias: bias)
                Linear.forward(columns, linear, y: y)
                Linear.backward(columns, linear, dx: nil, dy: matrix(frames, outputs, dy))
                return (
                    y.values, [nil, Accumulated.added(weight.gradient), Accumulated.added(bias.gradient)]
                )
            }
        ).run()
    }

    @Test(arguments: oddSizes) func `the second convolution takes every other position`(positions: Int) {
        let channels = 7, outputs = 8, fine = 2 * positions
        var numbers = SeededNumbers(UInt64(positions))
        KernelCheck(
            name: "strided convolution to \(positions)", seed: numbers.seed,
            inputs: [
                numbers.values(fine * channels), numbers.values(outputs * channels * 3), numbers.values(outputs),
            ],
            oracle: { inputs in
                convolve(
                    { inputs[0][$1 * channels + $0] }, frames: fine, channels: channels, weight: inputs[1],
                    bias: inputs[2], stride: 2, positions: positions)
            },
            kernel: { inputs, dy in
                let x = matrix(fine, channels, inputs[0]), dx = matrix(fine, channels, filling: Accumulated.start)
                let columns = matrix(positions, 3 * channels), dColumns = matrix(positions, 3 * channels)
                let weight = parameter(outputs, 3 * channels, inputs[1]), bias = parameter(1, outputs, inputs[2])
                let y = matrix(positions, outputs)
                Convolution.unfoldStrided(x, columns: columns)
                let linear = projection(weight, bias: bias)
                Linear.forward(columns, linear, y: y)
                Linear.backward(columns, linear, dx: dColumns, dy: matrix(positions, outputs, dy))
                Convolution.foldStrided(dColumns, dx: dx)
                return (
                    y.values,
                    [
                        Accumulated.added(dx), Accumulated.added(weight.gradient), Accumulated.added(bias.gradient),
                    ]
                )
            }
        ).run()
    }
}
