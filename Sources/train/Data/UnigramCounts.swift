// How often each label occurs in the training rows. Their entropy is what a model that ignores all context could reach
// at best: a loss above it has learnt less than the frequencies, a loss below it has learnt something of the context.

import Foundation
import PipelineKit

/// Label counts of text and of each codebook, exactly of those labels that the loss is a mean over: text labels, codes
/// of target clips and one eos per codebook and clip.
struct UnigramCounts: Sendable {
    private(set) var text: [Int]  // (V)
    private(set) var codebooks: [[Int]]  // (Q, K + 2)

    init(vocabularySize: Int, codebooks: Int, codebookSize: Int) {
        text = Array(repeating: 0, count: vocabularySize)
        self.codebooks = Array(repeating: Array(repeating: 0, count: codebookSize + 2), count: codebooks)
    }

    init(_ format: SequenceFormat) {
        self.init(
            vocabularySize: format.vocabularySize, codebooks: format.delay.codebooks, codebookSize: format.codebookSize)
    }

    /// Counts the labels of a row.
    mutating func add(_ sequence: MergedSequence) {
        // Nothing predicts position 0, so a label there is not trained on.
        for label in sequence.labelIDs.dropFirst() where label != ignoredLabel { text[Int(label)] += 1 }
        for grid in sequence.audioLabels {
            for k in codebooks.indices {
                for label in grid.values[k * grid.positions..<(k + 1) * grid.positions] where label != ignoredLabel {
                    codebooks[k][Int(label)] += 1
                }
            }
        }
    }

    static func += (a: inout UnigramCounts, b: UnigramCounts) {
        for index in a.text.indices { a.text[index] += b.text[index] }
        for k in a.codebooks.indices {
            for index in a.codebooks[k].indices { a.codebooks[k][index] += b.codebooks[k][index] }
        }
    }

    /// −Σ p ln p in nats; 0 · ln 0 = 0. nil without any count.
    static func entropy(_ counts: [Int]) -> Double? {
        let total = Double(counts.reduce(0, +))
        guard total > 0 else { return nil }
        return counts.reduce(0) { sum, count in
            let p = Double(count) / total
            return count == 0 ? sum : sum - p * log(p)
        }
    }
}

/// What losses are read against.
struct LossReference: Sendable, Equatable {
    /// ln V: the loss of a model that knows nothing.
    let chanceText: Double
    /// ln(K + 2).
    let chanceAudio: Double
    /// nil without text labels.
    let unigramText: Double?
    /// One a codebook; nil without audio labels.
    let unigramCodebooks: [Double?]  // (Q)
    /// Weighted as the audio loss is, Σw·H/Σw.
    let unigramAudio: Double?

    init(_ counts: UnigramCounts, weights: [Double]?) {
        chanceText = log(Double(counts.text.count))
        chanceAudio = log(Double(counts.codebooks.first?.count ?? 1))
        unigramText = UnigramCounts.entropy(counts.text)
        unigramCodebooks = counts.codebooks.map(UnigramCounts.entropy)
        var sum = 0.0, total = 0.0
        for (weight, entropy) in zip(weights ?? counts.codebooks.map { _ in 1 }, unigramCodebooks) {
            guard let entropy, weight > 0 else { continue }
            sum += weight * entropy
            total += weight
        }
        unigramAudio = total > 0 ? sum / total : nil
    }
}
