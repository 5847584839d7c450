// Two questions that a loss must answer before it is believed. Does a label's loss depend on the input at the label's
// own position? Then the labels are not shifted, or attention sees ahead. Does it depend on another sequence of the
// pack? Then the mask leaks. Both are asked of the model itself, on real rows, by exchanging inputs.

import PipelineKit

/// What a probe found.
struct ProbeFinding: Sendable, Equatable {
    /// How many labels were probed.
    var labels = 0
    /// The largest change of a loss that must not move, in nats.
    var leak = 0.0
    /// Where: `text at position 17`, `codebook 3 at position 40`.
    var place = ""
    /// The smallest change that was found where a loss must move, in nats: 0 means that the probe could see nothing.
    var control = Double.infinity

    /// Changes below this are rounding: sums of a few hundred products in single precision.
    static let tolerance = 1e-4

    var leaks: Bool { !(leak <= Self.tolerance) }
    /// Whether the loss follows what it may see; else the probe proves nothing.
    var isConclusive: Bool { labels > 0 && control > 0 }
}

/// The probes of one model.
struct Probes {
    let format: SequenceFormat
    /// The model's losses of a batch; tests put a broken model here.
    let evaluate: (PackedBatch) throws -> LossSums

    /// At most so many text labels, and so many code columns, are probed in a batch.
    static let probed = 4

    /// Exchanges the input at a label's own position and at all later ones of its sequence: the label's loss must not
    /// move. Exchanging the position before, from which the label is predicted, must move it.
    func leak(_ batch: PackedBatch) throws -> ProbeFinding {
        var finding = ProbeFinding()
        for position in Self.spread(batch.labelledTextPositions) {
            try probe(batch, batch.keepingLabels(text: [position]), position, "text", &finding)
        }
        for column in Self.spread(batch.fullyLabelledColumns) {
            try probe(batch, batch.keepingLabels(columns: [column.column]), column.position, "codebook", &finding)
        }
        return finding
    }

    private func probe(
        _ batch: PackedBatch, _ kept: PackedBatch, _ position: Int, _ name: String, _ finding: inout ProbeFinding
    ) throws {
        let end = batch.starts.first { $0 > position } ?? batch.positions
        let before = try evaluate(kept)
        let own = try evaluate(kept.exchangingInputs(at: [position], format: format))
        let later = try evaluate(kept.exchangingInputs(at: Set(position..<end), format: format))
        // A feature position cannot be exchanged; the step before a code column or a text id is one of those itself.
        let control = try evaluate(kept.exchangingInputs(at: [position - 1], format: format))
        finding.labels += before.counts.text + before.counts.codebooks.reduce(0, +)
        finding.note(before, own, at: position)
        finding.note(before, later, at: position)
        finding.control = min(finding.control, before.greatestChange(control).change)
    }

    /// Exchanges all inputs of one sequence: no loss of another may move, and each must be what it is alone.
    func causality(_ batch: PackedBatch) throws -> ProbeFinding {
        var finding = ProbeFinding()
        precondition(batch.sequences.count >= 2, "one sequence has no neighbour")
        for (index, sequence) in batch.sequences.enumerated() {
            let range = batch.starts[index]..<batch.starts[index + 1]
            let columns = Set(batch.codeColumns.filter { range.contains($0.position) }.map(\.column))
            let kept = batch.keepingLabels(text: Set(range), columns: columns)
            let others = Set(batch.kinds.indices).subtracting(range)
            let packed = try evaluate(kept)
            let exchanged = try evaluate(kept.exchangingInputs(at: others, format: format))
            let alone = try evaluate(PackedBatch([sequence], codebooks: batch.codebooks))
            finding.labels += packed.counts.text + packed.counts.codebooks.reduce(0, +)
            finding.note(packed, exchanged, at: range.lowerBound)
            finding.note(packed, alone, at: range.lowerBound)
            let control = try evaluate(kept.exchangingInputs(at: Set(range), format: format))
            finding.control = min(finding.control, packed.greatestChange(control).change)
        }
        return finding
    }

    /// At most `probed` of the elements, from the first to the last.
    private static func spread<Element>(_ elements: [Element]) -> [Element] {
        guard elements.count > probed else { return elements }
        return (0..<probed).map { elements[$0 * (elements.count - 1) / (probed - 1)] }
    }
}

extension ProbeFinding {
    fileprivate mutating func note(_ before: LossSums, _ after: LossSums, at position: Int) {
        let (change, term) = before.greatestChange(after)
        if !(change <= leak) {
            leak = change
            place = "\(term) at position \(position)"
        }
    }
}

extension LossSums {
    /// The greatest change of a mean loss of any term, in nats a label, and the term.
    fileprivate func greatestChange(_ other: LossSums) -> (change: Double, term: String) {
        var worst = (change: 0.0, term: "text")
        func compare(_ a: Double, _ b: Double, _ count: Int, _ term: String) {
            guard count > 0 else { return }
            let change = abs(a - b) / Double(count)
            if !(change <= worst.change) { worst = (change, term) }
        }
        compare(text, other.text, counts.text, "text")
        for k in codebooks.indices { compare(codebooks[k], other.codebooks[k], counts.codebooks[k], "codebook \(k)") }
        return worst
    }
}
