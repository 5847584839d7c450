// What a pass over a batch found: sums of cross-entropies and what they are means of. Sums of micro-batches add up.

import PipelineKit

/// Sums over the labels of one or more batches.
struct LossSums: Sendable, Equatable {
    /// Positions of one kind that had a label, and that had none.
    struct PositionCounts: Sendable, Equatable {
        var trained = 0
        var masked = 0
    }

    /// How many labels each sum is over.
    var counts: LabelCounts
    /// Σ of the text labels' cross-entropies, in nats.
    var text = 0.0
    /// Σ of each codebook's.
    var codebooks: [Double]  // (Q)
    /// Of the labels that are eos: how many there were, and how many the arg max was.
    var eosLabels: [Int]  // (Q)
    var eosHits: [Int]  // (Q)
    /// Positions by what stands there; a position is trained if anything is predicted from it.
    var positions: [PositionKind: PositionCounts] = [:]

    init(codebooks count: Int) {
        counts = LabelCounts(codebooks: count)
        codebooks = Array(repeating: 0, count: count)
        eosLabels = Array(repeating: 0, count: count)
        eosHits = Array(repeating: 0, count: count)
    }

    static func += (a: inout LossSums, b: LossSums) {
        a.counts += b.counts
        a.text += b.text
        for k in a.codebooks.indices {
            a.codebooks[k] += b.codebooks[k]
            a.eosLabels[k] += b.eosLabels[k]
            a.eosHits[k] += b.eosHits[k]
        }
        for (kind, counts) in b.positions {
            a.positions[kind, default: PositionCounts()].trained += counts.trained
            a.positions[kind, default: PositionCounts()].masked += counts.masked
        }
    }

    /// The mean cross-entropy of text labels; nil without any.
    var textLoss: Double? { counts.text == 0 ? nil : text / Double(counts.text) }

    /// The mean cross-entropy of each codebook; nil where it has no labels.
    var codebookLosses: [Double?] {
        zip(codebooks, counts.codebooks).map { sum, count in count == 0 ? nil : sum / Double(count) }
    }

    /// Σw·l/Σw over the codebooks that have labels; nil where none that weighs something has.
    func audioLoss(_ options: LossOptions) -> Double? {
        let weights = options.codebookWeights ?? Array(repeating: 1, count: codebooks.count)
        var sum = 0.0, total = 0.0
        for (weight, loss) in zip(weights, codebookLosses) {
            guard let loss, weight != 0 else { continue }
            sum += Double(weight) * loss
            total += Double(weight)
        }
        return total == 0 ? nil : sum / total
    }

    /// text_loss_weight · text + audio_loss_weight · audio; a term without labels counts as nothing.
    func loss(_ options: LossOptions) -> Double {
        Double(options.textLossWeight) * (textLoss ?? 0) + Double(options.audioLossWeight) * (audioLoss(options) ?? 0)
    }

    /// Eos recall over all codebooks: hits per label; nil without an eos label.
    var eosRecall: Double? {
        let labels = eosLabels.reduce(0, +)
        return labels == 0 ? nil : Double(eosHits.reduce(0, +)) / Double(labels)
    }
}
