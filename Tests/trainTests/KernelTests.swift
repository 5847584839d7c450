import Foundation
import Testing

@testable import train

/// Every kernel but attention and the loss, at odd sizes.
@Suite struct KernelTests {
    @Test(arguments: oddSizes, oddSizes) func `a linear layer with bias`(rows: Int, columns: Int) {
        let outputs = 9
        var numbers = SeededNumbers(UInt64(rows * 100 + columns))
        KernelCheck(
            name: "linear \(rows) × \(columns)", seed: numbers.seed,
            inputs: [
                numbers.values(rows * columns), numbers.values(outputs * columns), numbers.values(outputs),
            ],
            oracle: { inputs in
                (0..<rows * outputs).map { i in
                    let (t, o) = (i / outputs, i % outputs)
                    return (0..<columns).reduce(inputs[2][o]) {
                        $0 + inputs[0][t * columns + $1] * inputs[1][o * columns + $1]
                    }
                }
            },
            kernel: { inputs, dy in
                let x = matrix(rows, columns, inputs[0]), dx = matrix(rows, columns)
                let weight = parameter(outputs, columns, inputs[1]), bias = parameter(1, outputs, inputs[2])
                let y = matrix(rows, outputs)
                let linear = projection(weight, bias: bias)
                Linear.forward(x, linear, y: y)
                Linear.backward(x, linear, dx: dx, dy: matrix(rows, outputs, dy))
                return (
                    y.values, [dx.values, Accumulated.added(weight.gradient), Accumulated.added(bias.gradient)]
                )
            }
        ).run()
    }

    @Test func `a linear layer adds to dx when asked to`() {
        let weight = parameter(1, 2, [3, 5]), dx = matrix(1, 2, [1, 1])
        Linear.backward(matrix(1, 2, [1, 1]), projection(weight), dx: dx, accumulating: true, dy: matrix(1, 1, [2]))
        #expect(dx.values == [7, 11])
    }

    @Test(arguments: oddSizes, [false, true]) func `RMS norm of some rows`(columns: Int, isPacked: Bool) {
        let all = 7
        let rows: [Int32] = [0, 2, 3, 6]
        var numbers = SeededNumbers(UInt64(columns))
        KernelCheck(
            name: "RMS norm of \(columns)", seed: numbers.seed,
            inputs: [numbers.values(all * columns), numbers.values(columns)],
            oracle: { inputs in
                rows.flatMap { row -> [Double] in
                    let x = inputs[0][Int(row) * columns..<(Int(row) + 1) * columns]
                    let scale = 1 / (x.reduce(0) { $0 + $1 * $1 } / Double(columns) + 1e-5).squareRoot()
                    return zip(x, inputs[1]).map { $0 * scale * $1 }
                }
            },
            kernel: { inputs, dy in
                let x = matrix(all, columns, inputs[0]), weight = parameter(1, columns, inputs[1])
                let placement: RowPlacement = isPacked ? .packed(from: 1) : .kept
                let y = matrix(all, columns), dyAll = matrix(all, columns), inverse = matrix(1, all)
                let dx = matrix(all, columns, filling: Accumulated.start)
                let places = rows.enumerated().map { placement.place(of: $0, row: $1) }
                for (i, place) in places.enumerated() {
                    for c in 0..<columns { dyAll.row(place)[c] = dy[i * columns + c] }
                }
                RMSNorm.forward(
                    x, rows: rows, weight: weight.value, epsilon: 1e-5, y: y, placement: placement, inverse: inverse)
                RMSNorm.backward(
                    x, rows: rows, weight: weight, inverse: inverse, dx: dx, dy: dyAll, placement: placement)
                let output = places.flatMap { y.rows($0..<$0 + 1).values }
                return (output, [Accumulated.added(dx), Accumulated.added(weight.gradient)])
            }
        ).run()
    }

    @Test(arguments: oddSizes) func `layer norm`(columns: Int) {
        let rows = 3
        var numbers = SeededNumbers(UInt64(columns))
        KernelCheck(
            name: "layer norm of \(columns)", seed: numbers.seed,
            inputs: [numbers.values(rows * columns), numbers.values(columns), numbers.values(columns)],
            oracle: { inputs in
                (0..<rows).flatMap { t -> [Double] in
                    let x = inputs[0][t * columns..<(t + 1) * columns]
                    let mean = x.reduce(0, +) / Double(columns)
                    let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
                    return zip(x, zip(inputs[1], inputs[2])).map {
                        ($0 - mean) / (variance + 1e-5).squareRoot() * $1.0 + $1.1
                    }
                }
            },
            kernel: { inputs, dy in
                let x = matrix(rows, columns, inputs[0]), y = matrix(rows, columns), statistics = matrix(rows, 2)
                let weight = parameter(1, columns, inputs[1]), bias = parameter(1, columns, inputs[2])
                let dx = matrix(rows, columns, filling: Accumulated.start)
                LayerNorm.forward(x, weight: weight.value, bias: bias.value, y: y, statistics: statistics)
                LayerNorm.backward(
                    x, weight: weight, bias: bias, statistics: statistics, dx: dx, dy: matrix(rows, columns, dy))
                return (
                    y.values,
                    [
                        Accumulated.added(dx), Accumulated.added(weight.gradient), Accumulated.added(bias.gradient),
                    ]
                )
            },
            tolerance: 1e-4
        ).run()
    }

    @Test(arguments: oddSizes) func `the gated product`(count: Int) {
        var numbers = SeededNumbers(UInt64(count))
        KernelCheck(
            name: "SwiGLU of \(count)", seed: numbers.seed,
            inputs: [numbers.values(count).map { $0 * 8 }, numbers.values(count)],
            oracle: { zip($0[0], $0[1]).map { $0 / (1 + exp(-$0)) * $1 } },
            kernel: { inputs, dy in
                let gate = matrix(1, count, inputs[0]), up = matrix(1, count, inputs[1])
                let y = matrix(1, count), again = matrix(1, count)
                SwiGLU.forward(gate: gate, up: up, y: y)
                SwiGLU.backward(gate: gate, up: up, y: again, dy: matrix(1, count, dy))
                #expect(again.values == y.values)
                return (y.values, [gate.values, up.values])
            }
        ).run()
    }

    @Test(arguments: oddSizes) func `the Gaussian error linear unit`(count: Int) {
        var numbers = SeededNumbers(UInt64(count))
        KernelCheck(
            name: "GELU of \(count)", seed: numbers.seed, inputs: [numbers.values(count).map { $0 * 4 }],
            oracle: { $0[0].map { $0 * 0.5 * (1 + erf($0 / 2.0.squareRoot())) } },
            kernel: { inputs, dy in
                let x = matrix(1, count, inputs[0]), y = matrix(1, count), dx = matrix(1, count, dy)
                GELU.forward(x, y: y)
                GELU.backward(x, dy: dx)
                return (y.values, [dx.values])
            }
        ).run()
    }

    @Test func `rotary embeddings start anew in each sequence, with Llama 3's bands`() {
        let starts = [0, 1, 8, 17], heads = 3, width = 8, rows = 17
        let scaling = ModelConfig.RoPEScaling(
            factor: 32, lowFrequencyFactor: 0.125, highFrequencyFactor: 0.5, originalMaximumPositions: 16)
        let frequencies = (0..<width / 2).map { i -> Double in
            let frequency = pow(10_000, -Double(i) * 2 / Double(width))
            let turns = 16 * frequency / (2 * Double.pi)
            if turns > 0.5 { return frequency }
            if turns < 0.125 { return frequency / 32 }
            let smooth = (turns - 0.125) / (0.5 - 0.125)
            return frequency * ((1 - smooth) / 32 + smooth)
        }
        // All three bands are there.
        #expect(frequencies[0] == 1)
        #expect(frequencies[3] < 1e-4)
        var numbers = SeededNumbers(17)
        KernelCheck(
            name: "RoPE", seed: numbers.seed, inputs: [numbers.values(rows * heads * width)],
            oracle: { inputs in
                var y = inputs[0]
                for (start, end) in zip(starts, starts.dropFirst()) {
                    for row in start..<end {
                        for head in 0..<heads {
                            for i in 0..<width / 2 {
                                let a = (row * heads + head) * width + i, b = a + width / 2
                                let angle = Double(row - start) * frequencies[i]
                                y[a] = inputs[0][a] * cos(angle) - inputs[0][b] * sin(angle)
                                y[b] = inputs[0][b] * cos(angle) + inputs[0][a] * sin(angle)
                            }
                        }
                    }
                }
                return y
            },
            kernel: { inputs, dy in
                var rope = RoPE(headWidth: width, theta: 10_000, scaling: scaling)
                rope.prepare(positions: 3)
                rope.prepare(positions: 9)
                let x = matrix(rows, heads * width, inputs[0]), dx = matrix(rows, heads * width, dy)
                rope.forward(x, starts: starts)
                rope.backward(dx, starts: starts)
                return (x.values, [dx.values])
            }
        ).run()
    }

    @Test(arguments: oddSizes) func `an embedding sums the rows of several ids`(columns: Int) {
        let rows: [Int32] = [1, 2, 5], all = 7, table = 9
        let ids: [Int32] = [0, 8, 3, 3, 7, 0]
        var numbers = SeededNumbers(UInt64(columns))
        KernelCheck(
            name: "embedding of \(columns)", seed: numbers.seed, inputs: [numbers.values(table * columns)],
            oracle: { inputs in
                (0..<rows.count * columns).map { i in
                    let (row, c) = (i / columns, i % columns)
                    return inputs[0][Int(ids[2 * row]) * columns + c] + inputs[0][Int(ids[2 * row + 1]) * columns + c]
                }
            },
            kernel: { inputs, dy in
                let weight = parameter(table, columns, inputs[0])
                let y = matrix(all, columns), dyAll = matrix(all, columns)
                for (i, row) in rows.enumerated() {
                    for c in 0..<columns { dyAll.row(Int(row))[c] = dy[i * columns + c] }
                }
                Embedding.forward(table: StoredMatrix(weight.value), ids: ids, rows: rows, y: y)
                if let dTable = weight.gradient {
                    Embedding.backward(dTable: dTable, ids: ids, rows: rows, dy: dyAll)
                }
                return (rows.flatMap { y.rows(Int($0)..<Int($0) + 1).values }, [Accumulated.added(weight.gradient)])
            }
        ).run()
    }

    @Test(arguments: [1, 2, 7, 8, 9, 31]) func `pairs are averaged and an odd last position is dropped`(rows: Int) {
        let columns = 7
        var numbers = SeededNumbers(UInt64(rows))
        KernelCheck(
            name: "pair mean of \(rows)", seed: numbers.seed, inputs: [numbers.values(rows * columns)],
            oracle: { inputs in
                (0..<rows / 2 * columns).map { i in
                    let (t, c) = (i / columns, i % columns)
                    return (inputs[0][2 * t * columns + c] + inputs[0][(2 * t + 1) * columns + c]) / 2
                }
            },
            kernel: { inputs, dy in
                let x = matrix(rows, columns, inputs[0]), y = matrix(rows / 2, columns)
                let dx = matrix(rows, columns, filling: Accumulated.start)
                PairMean.forward(x, y: y)
                PairMean.backward(dx: dx, dy: matrix(rows / 2, columns, dy))
                return (y.values, [Accumulated.added(dx)])
            }
        ).run()
    }

    @Test(arguments: oddSizes) func `gathered rows scatter back`(columns: Int) {
        let rows: [Int32] = [6, 0, 3], all = 8
        var numbers = SeededNumbers(UInt64(columns))
        KernelCheck(
            name: "rows of \(columns)", seed: numbers.seed, inputs: [numbers.values(all * columns)],
            oracle: { inputs in rows.flatMap { inputs[0][Int($0) * columns..<(Int($0) + 1) * columns] } },
            kernel: { inputs, dy in
                let packed = matrix(rows.count, columns)
                let dx = matrix(all, columns, filling: Accumulated.start)
                Rows.gather(matrix(all, columns, inputs[0]), rows: rows, packed: packed)
                Rows.scatterAdd(matrix(rows.count, columns, dy), rows: rows, y: dx)
                return (packed.values, [Accumulated.added(dx)])
            }
        ).run()
    }

    @Test func `the exponential is within 2e-7 of the true one`() {
        var worst = 0.0
        for start in stride(from: Float(-86.5), through: 88, by: 0.0037) {
            var x = Lanes.zero
            for lane in 0..<16 { x[lane] = min(88, start + Float(lane) * 0.000_231) }
            let y = exponential(x)
            for lane in 0..<16 {
                let expected = exp(Double(x[lane]))
                worst = max(worst, abs(Double(y[lane]) - expected) / expected)
            }
        }
        #expect(worst < 2e-7)
        #expect(exponential(Lanes(repeating: -1e9)).max() < 1e-37)
        #expect(exponential(Lanes(repeating: 0)) == Lanes(repeating: 1))
        #expect(exponential(Lanes(repeating: .nan))[0].isNaN)
    }
}
