import Foundation
import TestSupport
import Testing

@testable import PipelineKit

/// The defining sum, in Double: the oracle of every transform.
func naiveTransform(_ x: [(Double, Double)]) -> [(Double, Double)] {
    let n = x.count
    return (0..<n).map { k in
        var sum = (0.0, 0.0)
        for (index, value) in x.enumerated() {
            let angle = -2 * Double.pi * Double(k * index % n) / Double(n)
            sum.0 += value.0 * cos(angle) - value.1 * sin(angle)
            sum.1 += value.0 * sin(angle) + value.1 * cos(angle)
        }
        return sum
    }
}

@Suite struct FourierTransformTests {
    private func check(_ name: String, got: [Float], expected: [Double]) {
        let problem = mismatch(name, got: got, expected: expected.map(Float.init), tolerance: 1e-6, relative: true)
        #expect(problem == nil, Comment(rawValue: problem ?? ""))
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15, 16, 25, 30, 49, 100, 200, 441, 512])
    func `complex transforms equal the defining sum in every lane`(count: Int) {
        var generator = SeededGenerator(UInt64(count))
        let data = ComplexLanes.allocate(count), scratch = ComplexLanes.allocate(count)
        defer {
            data.deallocate()
            scratch.deallocate()
        }
        for index in 0..<count {
            data.real[index] = Lanes.random(in: -1...1, using: &generator)
            data.imaginary[index] = Lanes.random(in: -1...1, using: &generator)
        }
        let inputs = (0..<Lanes.scalarCount).map { lane in
            (0..<count).map { (Double(data.real[$0][lane]), Double(data.imaginary[$0][lane])) }
        }
        ComplexTransform(count: count).run(data, scratch: scratch)
        for lane in [0, 7, 15] {
            let expected = naiveTransform(inputs[lane])
            check("real \(count)", got: (0..<count).map { data.real[$0][lane] }, expected: expected.map(\.0))
            // With one point the imaginary part is the input's own.
            check("imaginary \(count)", got: (0..<count).map { data.imaginary[$0][lane] }, expected: expected.map(\.1))
        }
    }

    @Test(arguments: [2, 4, 6, 10, 14, 30, 50, 98, 400, 882, 1_024])
    func `real transforms equal the defining sum and invert`(
        count: Int
    ) {
        let signal = Signal.noise(count, seed: UInt64(count))
        let transform = RealTransform(count: count)
        let data = ComplexLanes.allocate(transform.bufferCount), scratch = ComplexLanes.allocate(transform.bufferCount)
        defer {
            data.deallocate()
            scratch.deallocate()
        }
        for index in 0..<count / 2 {
            // Lane 3 holds the signal, its neighbours something else.
            data.real[index] = Lanes(repeating: Float(index % 5))
            data.imaginary[index] = Lanes(repeating: 0.5)
            data.real[index][3] = signal[2 * index]
            data.imaginary[index][3] = signal[2 * index + 1]
        }
        transform.forward(data, scratch: scratch)
        let expected = naiveTransform(signal.map { (Double($0), 0) }).prefix(count / 2 + 1)
        check("real \(count)", got: (0...count / 2).map { data.real[$0][3] }, expected: expected.map(\.0))
        let scale = Float(expected.map { abs($0.1) }.max() ?? 0)
        for (bin, value) in expected.enumerated() {
            #expect(abs(data.imaginary[bin][3] - Float(value.1)) <= 1e-6 * max(scale, 1))
        }
        transform.inverse(data, scratch: scratch)
        let back = (0..<count).map { index in
            (index % 2 == 0 ? data.real[index / 2][3] : data.imaginary[index / 2][3]) / Float(count / 2)
        }
        check("inverse \(count)", got: back, expected: signal.map(Double.init))
    }

    @Test func `lengths of other prime factors are told apart`() {
        #expect([1, 2, 3, 5, 7, 49, 2_520].allSatisfy(ComplexTransform.isPlannable))
        #expect(![11, 13, 22, 121, 442].contains(where: ComplexTransform.isPlannable))
    }

    @Test func `log10 is right from the floor to the loudest energy`() {
        var worst = 0.0
        var generator = SeededGenerator(9)
        for _ in 0..<20_000 {
            let exponents = Lanes.random(in: -10...7, using: &generator)
            var x = Lanes()
            for lane in 0..<16 { x[lane] = Float(pow(10, Double(exponents[lane]))) }
            let got = x.log10
            for lane in 0..<16 {
                let expected = log10(Double(x[lane]))
                worst = max(worst, abs(Double(got[lane]) - expected) / max(1, abs(expected)))
            }
        }
        #expect(worst < 2e-7, "worst error \(worst)")
        let exact = Lanes(repeating: 1e-10).log10
        #expect(abs(exact[0] + 10) < 1.5e-6)
        #expect(Lanes(repeating: 1).log10[5] == 0)
    }
}
