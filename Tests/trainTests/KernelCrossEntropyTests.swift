import Foundation
import TestSupport
import Testing

@testable import train

@Suite struct KernelCrossEntropyTests {
    /// As torch.nn.functional.cross_entropy defines it: (1 − ε) · −log p[label] + ε · mean of −log p.
    private func naive(_ logits: [Double], label: Int, smoothing: Double) -> Double {
        let logSum = log(logits.reduce(0) { $0 + exp($1) })
        let mean = logits.reduce(0) { $0 + logSum - $1 } / Double(logits.count)
        return (1 - smoothing) * (logSum - logits[label]) + smoothing * mean
    }

    @Test(arguments: oddSizes + [16, 33], [Float(0), 0.1])
    func `cross-entropy with label smoothing`(classes: Int, smoothing: Float) {
        var numbers = SeededNumbers(UInt64(classes))
        let label = numbers.integer(classes)
        KernelCheck(
            name: "cross-entropy of \(classes)", seed: numbers.seed, inputs: [numbers.values(classes).map { $0 * 9 }],
            oracle: { [naive($0[0], label: label, smoothing: Double(smoothing))] },
            kernel: { inputs, dy in
                let plain = matrix(1, classes, inputs[0]), trained = matrix(1, classes, inputs[0])
                let (loss, best) = CrossEntropy.row(
                    plain.base, classes: classes, label: label, smoothing: smoothing, gradientScale: nil)
                #expect(plain.values == inputs[0])
                #expect(inputs[0][best] == inputs[0].max())
                let again = CrossEntropy.row(
                    trained.base, classes: classes, label: label, smoothing: smoothing, gradientScale: dy[0])
                #expect(again.loss == loss && again.best == best)
                return ([loss], [trained.values])
            },
            tolerance: 1e-4
        ).run()
    }

    @Test func `logits far apart stay finite`() {
        let logits = matrix(1, 3, [1e4, -1e4, 0])
        let (loss, best) = CrossEntropy.row(logits.base, classes: 3, label: 1, smoothing: 0, gradientScale: 1)
        #expect(best == 0)
        #expect(loss == 2e4)
        #expect(mismatch("gradient", got: logits.values, expected: [1, -1, 0], tolerance: 1e-6) == nil)
    }

    @Test func `a logit that is no number makes the loss no number`() {
        let logits = matrix(1, 3, [0, .nan, 0])
        let (loss, _) = CrossEntropy.row(logits.base, classes: 3, label: 0, smoothing: 0, gradientScale: nil)
        #expect(loss.isNaN)
    }
}
