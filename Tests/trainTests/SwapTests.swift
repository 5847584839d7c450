// Which validation rows are exchanged, and that the deltas tell a model that listens from one that does not.

import Foundation
import PipelineKit
import Testing
import TestSupport

@testable import train

private func key(
    _ row: Int, shape: UInt64 = 1, references: UInt64, text: UInt64, speaker: UInt64 = 0, hasReference: Bool = true
) -> SwapKey {
    SwapKey(
        row: row, shape: shape, hasReference: hasReference, hasTarget: true, references: references, text: text,
        speaker: speaker)
}

private func pairs(_ pairs: [SwapPlan.Pair]) -> [[Int]] { pairs.map { [$0.row, $0.lender] } }

@Suite struct SwapPlanTests {
    @Test func `the next row that differs lends, around the end`() {
        let plan = SwapPlan([
            key(3, references: 1, text: 1), key(5, references: 1, text: 2), key(9, references: 2, text: 1),
        ])
        #expect(pairs(plan.references) == [[3, 9], [5, 9], [9, 3]])
        #expect(pairs(plan.texts) == [[3, 5], [5, 9], [9, 5]])
    }

    @Test func `another speaker's reference comes first`() {
        let plan = SwapPlan([
            key(0, references: 1, text: 1, speaker: 7), key(1, references: 2, text: 2, speaker: 7),
            key(2, references: 3, text: 3, speaker: 8),
        ])
        #expect(pairs(plan.references) == [[0, 2], [1, 2], [2, 0]])
        #expect(pairs(plan.texts) == [[0, 1], [1, 2], [2, 0]])
    }

    @Test func `rows of other turns, alone or without a difference are not exchanged`() {
        #expect(SwapPlan([]).texts.isEmpty)
        #expect(SwapPlan([key(0, references: 1, text: 1)]).references.isEmpty)
        let other = SwapPlan([key(0, shape: 1, references: 1, text: 1), key(1, shape: 2, references: 2, text: 2)])
        #expect(other.references.isEmpty && other.texts.isEmpty)
        let same = SwapPlan([key(0, references: 1, text: 1), key(1, references: 1, text: 2)])
        #expect(same.references.isEmpty && pairs(same.texts) == [[0, 1], [1, 0]])
        let without = SwapPlan((0..<3).map { key($0, references: 0, text: UInt64($0), hasReference: false) })
        #expect(without.references.isEmpty && without.texts.count == 3)
    }

    @Test func `many rows are thinned out evenly`() {
        let plan = SwapPlan((0..<1_000).map { key($0, references: UInt64($0), text: UInt64($0)) })
        #expect(plan.references.count == SwapPlan.mostRows && plan.texts.count == SwapPlan.mostRows)
        let gaps = zip(plan.texts, plan.texts.dropFirst()).map { $1.row - $0.row }
        #expect(gaps.allSatisfy { (7...8).contains($0) }, "\(gaps)")
    }

    @Test func `an exchanged row keeps its target and takes what it is lent`() throws {
        let format = SequenceFormat(
            vocabularySize: 20, audioInID: 10, audioOutID: 11, codebookSize: 8,
            delay: DelayPattern(codebooks: 1, bos: 8, eos: 9), hasTower: false, melBins: 0)
        func row(_ word: Int32, _ reference: UInt16, _ target: UInt16) -> TrainingSample {
            TrainingSample(
                id: "\(word)", inputIDs: [word, 10, word, 11, 1], labelIDs: [-100, -100, -100, 11, 1],
                clips: [
                    RawCodes(codebooks: 1, frames: 1, values: [reference]),
                    RawCodes(codebooks: 1, frames: 1, values: [target]),
                ])
        }
        let (a, b) = (row(2, 3, 4), row(5, 6, 7))
        #expect(a.borrowingReferences(of: b, format: format).clips.map(\.values) == [[6], [4]])
        #expect(a.borrowingReferences(of: b, format: format).inputIDs == a.inputIDs)
        #expect(a.borrowingText(of: b).inputIDs == b.inputIDs)
        #expect(a.borrowingText(of: b).clips.map(\.values) == [[3], [4]])
        let keys = [(a, 0), (b, 1)].map { SwapKey($0, row: $1, speaker: "", format: format) }
        #expect(keys[0].shape == keys[1].shape && keys[0].text != keys[1].text)
        #expect(keys[0].references != keys[1].references && keys[0].hasReference && keys[0].hasTarget)
        // The same clips that are not trained on make another shape.
        var context = a
        context.labelIDs[3] = ignoredLabel
        #expect(SwapKey(context, row: 0, speaker: "", format: format).shape != keys[0].shape)
    }
}

@Suite struct SwapDeltaTests {
    /// The codes of a target follow the word of the row's text and, with `references`, the first code of its reference;
    /// a model of width 16 learns either in some hundred steps.
    private func deltas(_ overrides: [String] = []) throws -> (reference: Double?, text: Double?) {
        try withTemporaryDirectory { root in
            let work = SyntheticWork(rows: 40, rowsPerShard: 10, hasFeatures: false)
            try work.write(to: root + "/work")
            let config = try work.config(
                work: root + "/work", run: root + "/run",
                ["training.validation_fraction=0.3", "training.lr_scheduler=constant"] + overrides)
            _ = try TrainSession(config: config, mode: RunMode(), threads: 1).run()
            let text = try String(contentsOfFile: root + "/run/metrics.jsonl", encoding: .utf8)
            let last = try text.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
                .last { $0["validation_loss"] != nil }
            let line = try #require(last)
            #expect(line["validation_reference_swap_delta"] != nil && line["validation_text_swap_delta"] != nil)
            return (
                line["validation_reference_swap_delta"]?.doubleValue, line["validation_text_swap_delta"]?.doubleValue
            )
        }
    }

    @Test func `a model that has learnt to follow the text loses by another row's text`() throws {
        let trained = try deltas(["training.max_steps=120"])
        let learnt = try #require(trained.text)
        #expect(learnt > 0.3, "\(trained)")
        // Before it has learnt anything it loses nothing worth the name.
        let untrained = try deltas(["training.max_steps=1", "training.learning_rate=0"])
        let (text, reference) = (try #require(untrained.text), try #require(untrained.reference))
        #expect(abs(text) < 0.1 && abs(reference) < 0.1, "\(untrained)")
    }

    @Test func `one validation row, or no weight on audio, has no delta`() throws {
        let silent = try deltas(["training.max_steps=1", "loss.audio_loss_weight=0"])
        #expect(silent.reference == nil && silent.text == nil)
    }

    @Test func `an evaluation of exchanged rows is the same however rows are packed`() throws {
        let one = try deltas([
            "training.max_steps=4", "training.batch_size=1", "training.gradient_accumulation_steps=4",
        ])
        let many = try deltas([
            "training.max_steps=4", "training.batch_size=4", "training.gradient_accumulation_steps=1",
        ])
        for (a, b) in [(one.text, many.text), (one.reference, many.reference)] {
            let difference = try #require(a) - #require(b)
            #expect(abs(difference) < 1e-3, "\(one) \(many)")
        }
    }
}
