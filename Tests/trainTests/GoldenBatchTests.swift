import PipelineKit
import TestSupport
import Testing

@testable import train

@Suite struct GoldenBatchTests {
    private func batch() throws -> PackedBatch {
        let format = try ModelConfig(path: fixture("model/config.json")).sequenceFormat
        return try PackedBatch(GoldenFixture.samples(format), format: format)
    }

    /// The rows of a right-padded (4, width) tensor where the mask is 1, one after another.
    private func unpadded(_ values: [Int], mask: [Int]) -> [Int] {
        zip(values, mask).filter { $1 == 1 }.map(\.0)
    }

    @Test func `delayed codes and their labels are the collated ones`() throws {
        let batch = try batch()
        let golden = try GoldenFixture.file("batch")
        #expect(batch.audioInIDs.map(Int.init) == (try golden.integers("audio_in_ids")))
        #expect(batch.audioOutIDs.map(Int.init) == (try golden.integers("audio_out_ids")))
        #expect(batch.labelAudioIDs.map(Int.init) == (try golden.integers("label_audio_ids")))
    }

    @Test func `merged ids, labels and masks are the reference's wherever it is not padding`() throws {
        let batch = try batch()
        let golden = try GoldenFixture.file("expected")
        let mask = try golden.integers("merged_attention_mask")
        func expected(_ name: String) throws -> [Int] { unpadded(try golden.integers(name), mask: mask) }
        #expect(batch.inputIDs.map(Int.init) == (try expected("expanded_input_ids")))
        #expect(batch.labelIDs.map(Int.init) == (try expected("expanded_labels")))
        func flags(_ matches: (PositionKind) -> Bool) -> [Int] { batch.kinds.map { matches($0) ? 1 : 0 } }
        #expect(flags { $0 == .audioIn || $0 == .feature } == (try expected("audio_in_mask")))
        #expect(flags { $0 == .audioIn } == (try expected("audio_in_discrete_codes_mask")))
        #expect(flags { $0 == .audioOut } == (try expected("audio_out_mask")))
        let width = mask.count / 4
        let lengths = (0..<4).map { mask[$0 * width..<($0 + 1) * width].reduce(0, +) }
        #expect(batch.starts == lengths.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) })
        #expect(batch.positions == mask.reduce(0, +))
    }

    @Test func `the labels of the step are those that the shift finds`() throws {
        let batch = try batch()
        let targets = ShiftedTargets(batch)
        #expect(targets.textRows.count == batch.labelCounts.text)
        for k in 0..<batch.codebooks {
            let found = stride(from: k, to: targets.audioLabels.count, by: batch.codebooks)
                .count { targets.audioLabels[$0] != ignoredLabel }
            #expect(found == batch.labelCounts.codebooks[k])
        }
        // One position later stands what a row predicts.
        for (row, label) in zip(targets.textRows, targets.textLabels) { #expect(batch.inputIDs[Int(row) + 1] == label) }
    }
}
