// How a kernel is tested: its output against a naive version in double precision, its gradients against central
// differences of that naive version, and both comparisons against a result that is 1 % off.

import PipelineKit
import TestSupport
import Testing

@testable import train

/// The sizes that every kernel must take: below, at and above multiples of eight and sixteen.
let oddSizes = [1, 7, 8, 9, 31]

/// Numbers from a seed that failures print (SplitMix64).
struct SeededNumbers {
    let seed: UInt64
    private var state: UInt64

    init(_ seed: UInt64) {
        self.seed = seed
        state = seed
    }

    mutating func bits() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Below `bound`.
    mutating func integer(_ bound: Int) -> Int { Int(bits() % UInt64(bound)) }

    /// Between −1 and 1, representable as Float.
    mutating func value() -> Double { Double(Float(Double(bits() >> 11) * 0x1p-52 - 1)) }

    mutating func values(_ count: Int) -> [Double] { (0..<count).map { _ in value() } }
}

/// Memory for a test's matrix. It is never freed: tests are short.
func matrix(_ rows: Int, _ columns: Int, _ values: [Float]? = nil, filling value: Float = .nan) -> Matrix {
    let memory = UnsafeMutablePointer<Float>.allocate(capacity: max(1, rows * columns))
    let matrix = Matrix(base: memory, rows: rows, columns: columns)
    matrix.fill(value)
    if let values {
        precondition(values.count == rows * columns, "\(values.count) values for \(rows) × \(columns)")
        for (i, value) in values.enumerated() { memory[i] = value }
    }
    return matrix
}

/// A parameter for a test. Its gradient starts at `Accumulated.start`, since kernels add to it.
func parameter(_ rows: Int, _ columns: Int, _ values: [Float]) -> Parameter {
    Parameter(value: matrix(rows, columns, values), gradient: matrix(rows, columns, filling: Accumulated.start))
}

/// A linear layer without an adapter.
func projection(_ weight: Parameter, bias: Parameter? = nil) -> Projection {
    Projection(Weight(weight), bias: bias, workspace: LinearWorkspace())
}

/// Gradients that a kernel adds to what is there.
enum Accumulated {
    static let start: Float = 0.5

    static func added(_ matrix: Matrix?) -> [Float] { matrix.map { $0.values.map { $0 - start } } ?? [] }
}

/// One kernel at one size.
struct KernelCheck {
    var name: String
    var seed: UInt64
    /// The inputs, exactly representable as Float.
    var inputs: [[Double]]
    /// The naive version.
    var oracle: ([[Double]]) -> [Double]
    /// The kernel: its output, and the gradient of each input for a given gradient of the output; nil for an input that
    /// has none.
    var kernel: (_ inputs: [[Float]], _ dy: [Float]) -> (y: [Float], gradients: [[Float]?])
    /// Relative to the largest entry: single precision over short sums.
    var tolerance: Float = 2e-5
    /// Coordinates of each input that are differentiated; all where there are fewer.
    var coordinates = 48

    func run(sourceLocation: SourceLocation = #_sourceLocation) {
        var numbers = SeededNumbers(seed &+ 1)
        let expected = oracle(inputs)
        let dy = numbers.values(expected.count)
        let (y, gradients) = kernel(inputs.map { $0.map { Float($0) } }, dy.map { Float($0) })
        compare("output", y, expected, sourceLocation)
        precondition(gradients.count == inputs.count, "\(name) gives \(gradients.count) gradients")
        for (index, gradient) in gradients.enumerated() {
            guard let gradient else { continue }
            var places = Array(inputs[index].indices)
            if places.count > coordinates {
                places = (0..<coordinates).map { _ in numbers.integer(inputs[index].count) }
            }
            let expected = places.map { difference(input: index, at: $0, dy: dy) }
            #expect(gradient.count == inputs[index].count, "\(name) input \(index)", sourceLocation: sourceLocation)
            guard gradient.count == inputs[index].count else { continue }
            compare("gradient \(index)", places.map { gradient[$0] }, expected, sourceLocation)
        }
    }

    /// The central difference of Σ dy · y by one coordinate.
    private func difference(input: Int, at place: Int, dy: [Double]) -> Double {
        let step = 1e-5
        func sum(_ offset: Double) -> Double {
            var moved = inputs
            moved[input][place] += offset
            return zip(oracle(moved), dy).reduce(0) { $0 + $1.0 * $1.1 }
        }
        return (sum(step) - sum(-step)) / (2 * step)
    }

    private func compare(_ what: String, _ got: [Float], _ expected: [Double], _ location: SourceLocation) {
        let label = "\(name), seed \(seed), \(what)"
        let expected = expected.map { Float($0) }
        // Where a gradient cancels to nothing (a softmax over one key), the error is that of the terms, which are near 1.
        let isNothing = !expected.contains { abs($0) > 1e-2 }
        let problem = mismatch(label, got: got, expected: expected, tolerance: tolerance, relative: !isNothing)
        #expect(problem == nil, sourceLocation: location)
        if isNothing { return }
        let scaled = mismatch(
            label, got: got.map { $0 * 1.01 }, expected: expected, tolerance: tolerance, relative: true)
        #expect(scaled != nil, "\(label) would pass when it is 1 % off", sourceLocation: location)
    }
}
