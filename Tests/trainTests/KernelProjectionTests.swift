import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import train

/// Projections in all their forms: narrow weights that are read where they lie, and low-rank adapters with dropout.
@Suite struct KernelProjectionTests {
    /// A tensor of one file, at an odd address if asked.
    private func tensor(
        _ values: [Float], rows: Int, columns: Int, type: ElementType, isOdd: Bool = false
    ) throws -> (SafetensorsTensor, SafetensorsFile) {
        try withTemporaryDirectory { directory in
            var writer = SafetensorsWriter()
            let bytes = values.withUnsafeBufferPointer { narrowed($0, to: type) }
            writer.add("w", elementType: type, shape: [rows, columns]) { sink in
                try bytes.withUnsafeBytes { try sink($0) }
            }
            let path = directory + "/w.safetensors"
            try writer.write(to: path)
            if isOdd {
                // One more space in the header shifts the data by a byte.
                var file = try MappedFile(path: path).withBytes { Array($0) }
                let length = Int(file[0]) + 256 * Int(file[1])
                file.insert(UInt8(ascii: " "), at: 8 + length)
                (file[0], file[1]) = (UInt8((length + 1) & 255), UInt8((length + 1) >> 8))
                try AtomicFile.write(file, to: path)
            }
            let file = try SafetensorsFile(path: path)
            return (try #require(file.tensor("w")), file)
        }
    }

    @Test(arguments: [ElementType.float32, .float16, .bfloat16], [false, true])
    func `a stored weight multiplies as its floats do`(type: ElementType, isOdd: Bool) throws {
        // More columns than a block of 16 rows can hold at once, so that there are several blocks and a ragged last one.
        for (rows, columns) in [(9, 31), (1, 7), (37, 70_001)] {
            var numbers = SeededNumbers(UInt64(rows))
            let values = numbers.values(rows * columns).map { Float($0) }
            let (stored, file) = try tensor(values, rows: rows, columns: columns, type: type, isOdd: isOdd)
            let exact = try file.floats("w")
            #expect(type == .float32 || exact != values)
            let count = 3
            let x = matrix(count, columns, numbers.values(count * columns).map { Float($0) })
            let dy = matrix(count, rows, numbers.values(count * rows).map { Float($0) })
            let narrow = Projection(Weight(values: StoredMatrix(stored)), workspace: LinearWorkspace())
            let plain = projection(Parameter(value: matrix(rows, columns, exact), gradient: nil))
            let y = matrix(count, rows), expected = matrix(count, rows)
            let dx = matrix(count, columns, filling: 2), dExpected = matrix(count, columns, filling: 2)
            Linear.forward(x, narrow, y: y)
            Linear.forward(x, plain, y: expected)
            Linear.backward(x, narrow, dx: dx, accumulating: true, dy: dy)
            Linear.backward(x, plain, dx: dExpected, accumulating: true, dy: dy)
            #expect(mismatch("y", got: y.values, expected: expected.values, tolerance: 1e-5, relative: true) == nil)
            #expect(mismatch("dx", got: dx.values, expected: dExpected.values, tolerance: 1e-5, relative: true) == nil)
            // A table is read the same way.
            let rowsRead = matrix(2, columns)
            Embedding.forward(
                table: StoredMatrix(stored), ids: [0, Int32(rows - 1), Int32(rows - 1), 0], rows: [1, 0], y: rowsRead)
            let sum = zip(exact[..<columns], exact[((rows - 1) * columns)...]).map { $0 + $1 }
            #expect(rowsRead.rows(0..<1).values == sum && rowsRead.rows(1..<2).values == sum)
            withExtendedLifetime(file) {}
        }
    }

    @Test func `bfloat16 rounds to nearest, halves to even, and keeps what is no number`() {
        let cases: [(Float, UInt16)] = [
            (1, 0x3F80), (-2, 0xC000), (Float(bitPattern: 0x3F80_8000), 0x3F80),
            (Float(bitPattern: 0x3F81_8000), 0x3F82),
            (Float(bitPattern: 0x3F80_8001), 0x3F81), (Float(bitPattern: 0x3F80_7FFF), 0x3F80), (.infinity, 0x7F80),
            (-.infinity, 0xFF80), (.greatestFiniteMagnitude, 0x7F80), (0, 0), (-0.0, 0x8000),
        ]
        for (value, bits) in cases { #expect(bfloat16Bits(value) == bits, "\(value)") }
        for nan in [Float.nan, Float(bitPattern: 0x7F80_0001), Float(bitPattern: 0xFFFF_FFFF)] {
            #expect(Float(bitPattern: UInt32(bfloat16Bits(nan)) << 16).isNaN)
        }
        for bits in stride(from: UInt16(0), to: 0x7F80, by: 7) {
            #expect(bfloat16Bits(Float(bitPattern: UInt32(bits) << 16)) == bits)
        }
    }

    /// y = x Wᵀ + s · (x ∘ mask) Aᵀ Bᵀ, at odd sizes, with and without dropout.
    @Test(arguments: oddSizes, [Float(0), 0.4]) func `a projection with an adapter`(columns: Int, dropout: Float) {
        let rows = 5, outputs = 9, rank = 3, scale: Float = 1.5
        let place = DropoutPlace(seed: 3, step: 7, microBatch: 1)
        var numbers = SeededNumbers(UInt64(columns))
        let weight = numbers.values(outputs * columns)
        var mask = [Double](repeating: 1, count: rows * columns)
        if dropout > 0 {
            let factors = matrix(1, columns)
            for t in 0..<rows {
                DropoutMask(place, module: 11, probability: dropout).fill(factors.base, count: columns, row: t + 2)
                for c in 0..<columns { mask[t * columns + c] = Double(factors.values[c]) }
            }
            #expect(columns < 7 || (mask.contains(0) && mask.contains { $0 > 1.6 }))
        }
        KernelCheck(
            name: "adapter of \(columns)", seed: numbers.seed,
            inputs: [numbers.values(rows * columns), numbers.values(rank * columns), numbers.values(outputs * rank)],
            oracle: { inputs in
                (0..<rows * outputs).map { i in
                    let (t, o) = (i / outputs, i % outputs)
                    return (0..<columns).reduce(0) { sum, c in
                        let delta = (0..<rank).reduce(0) { $0 + inputs[2][o * rank + $1] * inputs[1][$1 * columns + c] }
                        let x = inputs[0][t * columns + c]
                        return sum + x * weight[o * columns + c] + Double(scale) * x * mask[t * columns + c] * delta
                    }
                }
            },
            kernel: { inputs, dy in
                let a = parameter(rank, columns, inputs[1]), b = parameter(outputs, rank, inputs[2])
                let frozen = Weight(values: StoredMatrix(matrix(outputs, columns, weight.map { Float($0) })))
                let workspace = LinearWorkspace()
                workspace.dropoutPlace = place
                let linear = Projection(
                    frozen, adapter: LowRankAdapter(a: a, b: b, scale: scale, dropout: dropout, module: 11),
                    workspace: workspace)
                let x = matrix(rows, columns, inputs[0]), dx = matrix(rows, columns), y = matrix(rows, outputs)
                Linear.forward(x, linear, y: y, firstRow: 2)
                Linear.backward(x, linear, dx: dx, dy: matrix(rows, outputs, dy), firstRow: 2)
                return (y.values, [dx.values, Accumulated.added(a.gradient), Accumulated.added(b.gradient)])
            }
        ).run()
    }

    @Test func `dropout depends on seed, step, micro-batch, module, row and column, and keeps the mean`() {
        let columns = 1_000, rows = 100
        func mask(_ seed: Int = 1, _ step: Int = 2, _ micro: Int = 3, module: UInt64 = 4, p: Float = 0.1) -> [Float] {
            let mask = DropoutMask(
                DropoutPlace(seed: seed, step: step, microBatch: micro), module: module, probability: p)
            let all = matrix(rows, columns)
            for row in 0..<rows { mask.fill(all.row(row), count: columns, row: row) }
            return all.values
        }
        let first = mask()
        #expect(first == mask())
        let others = [mask(2), mask(1, 3), mask(1, 2, 4), mask(module: 5)]
        for other in others { #expect(zip(first, other).count { ($0 == 0) && ($1 == 0) } < 2_000) }
        #expect(Set(first) == [0, 1 / 0.9])
        // 100,000 values: 10,000 ± 95 are dropped; five deviations.
        #expect(abs(first.count { $0 == 0 } - 10_000) < 475)
        let byRow = (0..<rows).map { row in first[row * columns..<(row + 1) * columns].count { $0 == 0 } }
        let byColumn = (0..<columns).map { c in (0..<rows).count { first[$0 * columns + c] == 0 } }
        #expect((50..<150).contains(byRow.min() ?? 0) && (50..<150).contains(byRow.max() ?? 0))
        #expect((byColumn.max() ?? 100) < 30)
        #expect(mask(p: 0) == [Float](repeating: 1, count: rows * columns))
    }
}
