// Validation rows, unigram entropies, the cut of feature chunks into clips: small functions with known answers.

import Foundation
import PipelineKit
import Testing
import TestSupport

@testable import train

@Suite struct ValidationSplitTests {
    private func keys(_ prefix: String, _ numbers: some Sequence<Int>) -> [UInt64] {
        numbers.map { ValidationSplit.hash("\(prefix)\($0)".utf8) }
    }

    @Test func `about the asked fraction is chosen, and never more than half`() {
        let ids = keys("row-", 0..<4_000)
        for fraction in [0.0, 0.01, 0.1, 0.25, 0.5] {
            let split = ValidationSplit(fraction: fraction, by: .id, ids: ids, speakers: ids.map { _ in 0 })
            let chosen = split.isValidation.count { $0 }
            // Binomial with n = 4,000: the standard deviation is 32 at most.
            #expect(abs(Double(chosen) - fraction * 4_000) <= 160, "\(fraction): \(chosen)")
            #expect(chosen <= 2_000)
        }
    }

    @Test func `a row keeps its side when others are added or taken away`() {
        let all = keys("row-", 0..<300)
        let whole = ValidationSplit(fraction: 0.2, by: .id, ids: all, speakers: all.map { _ in 0 })
        let part = ValidationSplit(
            fraction: 0.2, by: .id, ids: Array(all[50..<200]), speakers: all[50..<200].map { _ in 0 })
        #expect(part.isValidation == Array(whole.isValidation[50..<200]))
    }

    @Test func `auto goes by speaker from twenty speakers on`() {
        for count in [1, 19, 20, 21] {
            let numbers = 0..<400
            let split = ValidationSplit(
                fraction: 0.3, by: .auto, ids: keys("row-", numbers), speakers: keys("s", numbers.map { $0 % count }))
            #expect(split.by == (count >= 20 ? .speaker : .id))
            guard split.by == .speaker else { continue }
            for speaker in 0..<count {
                let sides = Set(numbers.filter { $0 % count == speaker }.map { split.isValidation[$0] })
                #expect(sides.count == 1, "speaker \(speaker) is on both sides")
            }
        }
    }

    @Test func `speakers that hold most rows never take more than half of them`() {
        for count in 1...6 {
            let numbers = 0..<60
            let split = ValidationSplit(
                fraction: 0.5, by: .speaker, ids: keys("row-", numbers), speakers: keys("s", numbers.map { $0 % count })
            )
            #expect(split.isValidation.count { $0 } * 2 <= 60)
        }
    }

    @Test func `a row without speaker goes by its id`() {
        let numbers = 0..<200
        let ids = keys("row-", numbers)
        let split = ValidationSplit(fraction: 0.25, by: .speaker, ids: ids, speakers: numbers.map { _ in 0 })
        let byID = ValidationSplit(fraction: 0.25, by: .id, ids: ids, speakers: numbers.map { _ in 0 })
        #expect(split.isValidation == byID.isValidation)
    }
}

@Suite struct SharedAnswersTests {
    private static let format = SequenceFormat(
        vocabularySize: 10, audioInID: 8, audioOutID: 9, codebookSize: 4,
        delay: DelayPattern(codebooks: 2, bos: 4, eos: 5), hasTower: false, melBins: 0)

    private static func clip(_ first: UInt16) -> RawCodes {
        RawCodes(codebooks: 2, frames: 2, values: [first, 1, 2, 3])
    }

    private static func digests(reference: UInt16, target: UInt16, isContext: Bool = false) throws -> [UInt64] {
        let label = isContext ? ignoredLabel : 9
        let sample = TrainingSample(
            id: "a", inputIDs: [1, 8, 2, 9, 3], labelIDs: [-100, -100, 2, label, 3],
            clips: [clip(reference), clip(target)])
        return SharedAnswers.digests(try MergedSequence(sample, format: format))
    }

    @Test func `a recording is told by its target's codes alone`() throws {
        #expect(try Self.digests(reference: 0, target: 1) == Self.digests(reference: 2, target: 1))
        #expect(try Self.digests(reference: 1, target: 0) != Self.digests(reference: 1, target: 1))
        #expect(try Self.digests(reference: 0, target: 1).count == 1)
        #expect(try Self.digests(reference: 0, target: 1, isContext: true).isEmpty)
    }

    @Test func `kept rows whose answer is trained on are named, and no others`() {
        let answers: [[UInt64]] = [[1], [2], [1], [3], [3], [], [4, 2], [5, 6]]
        let kept: Set = [2, 3, 4, 5, 6, 7]
        let shared = SharedAnswers(answers, isValidation: answers.indices.map(kept.contains))
        // Row 2 shares 1 with row 0, row 6 shares 2 with row 1; 3 and 4 share with each other only.
        #expect(shared.rows == [2, 6])
        #expect(shared.finding(of: 6)?.hasPrefix("2 of 6 validation rows:") == true)
        #expect(SharedAnswers(answers, isValidation: answers.map { _ in false }).finding(of: 0) == nil)
    }
}

@Suite struct DataEntropyTests {
    @Test func `entropy is that of the frequencies, in nats`() {
        #expect(UnigramCounts.entropy([0, 0]) == nil)
        #expect(UnigramCounts.entropy([5, 0, 0]) == 0)
        #expect(abs((UnigramCounts.entropy([3, 3, 3, 3]) ?? 0) - log(4)) < 1e-12)
        // −(¼ ln ¼ + ¾ ln ¾)
        #expect(abs((UnigramCounts.entropy([1, 3]) ?? 0) - 0.562_335_144_618_808_3) < 1e-12)
    }

    @Test func `labels are counted as the loss counts them`() throws {
        let delay = DelayPattern(codebooks: 2, bos: 4, eos: 5)
        let format = SequenceFormat(
            vocabularySize: 10, audioInID: 8, audioOutID: 9, codebookSize: 4, delay: delay, hasTower: false, melBins: 0)
        let clip = RawCodes(codebooks: 2, frames: 3, values: [0, 0, 1, 3, 3, 3])
        let sample = TrainingSample(
            id: "a", inputIDs: [1, 8, 2, 9, 3], labelIDs: [-100, -100, 2, 9, 3], clips: [clip, clip])
        let sequence = try MergedSequence(sample, format: format)
        var counts = UnigramCounts(format)
        counts.add(sequence)
        #expect(counts.text == [0, 0, 1, 1, 0, 0, 0, 0, 0, 0])
        // The reference's codes are no labels; the target's are, with one eos a codebook.
        #expect(counts.codebooks == [[2, 1, 0, 0, 0, 1], [0, 0, 0, 3, 0, 1]])
        let labels = LabelCounts(sequence, codebooks: 2)
        #expect(counts.text.reduce(0, +) == labels.text && counts.codebooks.map { $0.reduce(0, +) } == labels.codebooks)
        let reference = LossReference(counts, weights: [1, 3])
        #expect(reference.chanceText == log(10) && reference.chanceAudio == log(6))
        // Codebook 0: ½, ¼, ¼; codebook 1: ¾, ¼.
        let expected = (1.5 * log(2) + 3 * 0.562_335_144_618_808_3) / 4
        #expect(abs((reference.unigramAudio ?? 0) - expected) < 1e-12)
    }
}

@Suite struct DataChunkTests {
    @Test func `short clips have one chunk each`() {
        #expect(FeatureChunks.assignment(lengths: [100, 3_000, 7], referenceFrames: [25, 750, 2]) == [1, 1, 1])
    }

    @Test func `a full chunk goes on where the codes are longer`() {
        // 42 s, then 30 s exactly, at 25 code frames a second.
        #expect(FeatureChunks.assignment(lengths: [3_000, 1_200, 3_000], referenceFrames: [1_050, 750]) == [2, 1])
        // 30 s exactly, then 42 s.
        #expect(FeatureChunks.assignment(lengths: [3_000, 3_000, 1_200], referenceFrames: [750, 1_050]) == [1, 2])
        // 60 s, 30 s, 65 s.
        #expect(
            FeatureChunks.assignment(
                lengths: [3_000, 3_000, 3_000, 3_000, 3_000, 500], referenceFrames: [1_500, 750, 1_625]) == [2, 1, 3])
    }

    @Test func `chunks that fit no clips are refused`() {
        #expect(FeatureChunks.assignment(lengths: [3_000], referenceFrames: [750, 750]) == nil)
        #expect(FeatureChunks.assignment(lengths: [100, 100], referenceFrames: [50]) == nil)
        #expect(FeatureChunks.assignment(lengths: [], referenceFrames: []) == nil)
    }

    @Test func `every cut of random clips is found again`() {
        for seed in 0..<200 as Range<UInt64> {
            var generator = SplitMix64(seed: seed)
            let clips = (0..<1 + generator.below(4)).map { _ in 1 + generator.below(9_000) }
            let lengths = clips.flatMap { frames in
                stride(from: 0, to: frames, by: 3_000).map { min(3_000, frames - $0) }
            }
            let codes = clips.map { ($0 + 3) / 4 }
            #expect(
                FeatureChunks.assignment(lengths: lengths, referenceFrames: codes)
                    == clips.map { ($0 + 2_999) / 3_000 },
                "seed \(seed)")
        }
    }
}
