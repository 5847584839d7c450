// Cross-entropy of logits against one label, with label smoothing as torch.nn.functional.cross_entropy defines it, and
// its gradient in place of the logits.

import Foundation

/// l = log Σ exp(x) − (1 − ε) · x[label] − ε · mean(x).
enum CrossEntropy {
    /// The loss of one row, and which class has the largest logit (the first of equals).
    ///
    /// - Parameters:
    ///   - gradientScale: if given, the logits are replaced by this times the loss's gradient.
    static func row(
        _ logits: UnsafeMutablePointer<Float>, classes: Int, label: Int, smoothing: Float, gradientScale: Float?
    ) -> (loss: Float, best: Int) {
        precondition((0..<classes).contains(label), "label \(label) of \(classes) classes")
        var maxima = Lanes(repeating: -.infinity), totals = Lanes.zero
        forEachBlock(classes) { i, n in
            maxima = larger(maxima, Lanes(at: logits + i, upTo: n, filling: -.infinity))
            if smoothing != 0 { totals += Lanes(at: logits + i, upTo: n) }
        }
        let maximum = maxima.max()
        var best = 0
        while best < classes - 1, logits[best] < maximum { best += 1 }
        let labelled = logits[label] - maximum
        let mean = smoothing == 0 ? 0 : totals.sum() / Float(classes) - maximum
        var sums = Lanes.zero
        forEachBlock(classes) { i, n in
            var e = exponential(Lanes(at: logits + i, upTo: n) - maximum)
            if gradientScale != nil { store(e, logits + i, upTo: n) }
            if n < 16 { for lane in n..<16 { e[lane] = 0 } }
            sums += e
        }
        let sum = sums.sum()
        let loss = log(sum) - (1 - smoothing) * labelled - smoothing * mean
        if let gradientScale {
            let scale = gradientScale / sum, offset = gradientScale * smoothing / Float(classes)
            forEachBlock(classes) { i, n in
                store(Lanes(at: logits + i, upTo: n) * scale - offset, logits + i, upTo: n)
            }
            logits[label] -= gradientScale * (1 - smoothing)
        }
        return (loss, best)
    }
}
