import Testing

@testable import PipelineKit

@Suite struct DelayPatternTests {
    @Test func `some frames of all codebooks are cut out`() {
        let raw = RawCodes(codebooks: 3, frames: 4, values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
        #expect(raw.frames(1..<3) == RawCodes(codebooks: 3, frames: 2, values: [2, 3, 6, 7, 10, 11]))
        #expect(raw.frames(0..<4) == raw)
        #expect(raw.frames(4..<4) == RawCodes(codebooks: 3, frames: 0, values: []))
    }

    @Test func `codebook k is shifted by k between bos and eos`() {
        let pattern = DelayPattern(codebooks: 3, bos: 8, eos: 9)
        let raw = RawCodes(codebooks: 3, frames: 2, values: [1, 2, 3, 4, 5, 6])
        let delayed = pattern.delay(raw)
        #expect(delayed.positions == 6 && pattern.positions(frames: 2) == 6)
        #expect(
            delayed.values == [
                8, 1, 2, 9, 9, 9,
                8, 8, 3, 4, 9, 9,
                8, 8, 8, 5, 6, 9,
            ])
        let none = ignoredLabel
        #expect(
            pattern.labels(raw).values == [
                none, 1, 2, 9, none, none,
                none, none, 3, 4, 9, none,
                none, none, none, 5, 6, 9,
            ])
        #expect(pattern.noLabels(frames: 2).values == Array(repeating: none, count: 18))
    }

    @Test func `undelay is the inverse of delay, whatever the codes`() {
        for codebooks in [1, 2, 7, 8, 9] {
            for frames in [0, 1, 7, 8, 9, 31] {
                let pattern = DelayPattern(codebooks: codebooks, bos: 1_024, eos: 1_025)
                let values = (0..<codebooks * frames).map { _ in UInt16.random(in: 0..<1_024) }
                let raw = RawCodes(codebooks: codebooks, frames: frames, values: values)
                let delayed = pattern.delay(raw)
                #expect(pattern.undelay(delayed) == raw, "\(codebooks) × \(frames): \(values)")
                // Every label stands where its input stands, and each codebook has its codes and one eos.
                let labels = pattern.labels(raw)
                for (cell, label) in zip(delayed.values, labels.values) where label != ignoredLabel {
                    #expect(cell == label)
                }
                #expect(labels.values.count { $0 != ignoredLabel } == codebooks * (frames + 1))
                for k in 0..<codebooks { #expect(labels[k, k + 1 + frames] == 1_025) }
            }
        }
    }
}
