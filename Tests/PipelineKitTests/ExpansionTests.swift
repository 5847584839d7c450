import Testing

@testable import PipelineKit

@Suite struct ExpansionTests {
    static let format = SequenceFormat(
        vocabularySize: 20, audioInID: 18, audioOutID: 19, codebookSize: 8,
        delay: DelayPattern(codebooks: 2, bos: 8, eos: 9), hasTower: true, melBins: 2)

    private func codes(_ frames: Int, codebooks: Int = 2, code: UInt16 = 3) -> RawCodes {
        RawCodes(codebooks: codebooks, frames: frames, values: Array(repeating: code, count: codebooks * frames))
    }

    private func features(lengths: [Int], chunksPerClip: [Int], bins: Int = 2) -> FeatureChunks {
        var offsets = [0]
        for length in lengths { offsets.append(offsets[offsets.count - 1] + min(length + 2, 3_000)) }
        let frames = offsets[offsets.count - 1]
        return FeatureChunks(
            melBins: bins, frames: frames, values: Array(repeating: 0, count: bins * frames), offsets: offsets,
            lengths: lengths, chunksPerClip: chunksPerClip)
    }

    private var sample: TrainingSample {
        let none = ignoredLabel
        return TrainingSample(
            id: "s", inputIDs: [1, 18, 2, 19, 3, 19, 4], labelIDs: [none, none, none, none, 3, 19, 4],
            clips: [codes(1), codes(2), codes(1)], features: features(lengths: [7, 9], chunksPerClip: [2]))
    }

    @Test func `placeholders become features and codes, and a labelled one is a target`() throws {
        let merged = try MergedSequence(sample, format: Self.format)
        // 7 frames leave ⌊(7 − 1)/2⌋ + 1 = 4 positions, 9 leave 5: ⌊4/2⌋ + ⌊5/2⌋ features. n + Q + 1 code positions.
        let kinds: [PositionKind] =
            [.text] + Array(repeating: .feature, count: 4) + Array(repeating: .audioIn, count: 4) + [.text]
            + Array(repeating: .audioOut, count: 5) + [.text] + Array(repeating: .audioOut, count: 4) + [.text]
        #expect(merged.kinds == kinds)
        #expect(merged.inputIDs.filter { $0 == 18 }.count == 8)
        let none = ignoredLabel
        #expect(
            merged.labelIDs == Array(repeating: none, count: 15) + [3] + Array(repeating: none, count: 4) + [4])
        #expect(merged.audioIn == [Self.format.delay.delay(codes(1))])
        #expect(merged.audioOut == [Self.format.delay.delay(codes(2)), Self.format.delay.delay(codes(1))])
        #expect(merged.audioLabels == [Self.format.delay.noLabels(frames: 2), Self.format.delay.labels(codes(1))])
        #expect(merged.count == merged.inputIDs.count && merged.count == merged.labelIDs.count)
    }

    @Test func `without a tower a reference is its codes alone, features or not`() throws {
        var format = Self.format
        format.hasTower = false
        let merged = try MergedSequence(sample, format: format)
        #expect(merged.features == nil)
        #expect(!merged.kinds.contains(.feature))
        #expect(merged.kinds.count { $0 == .audioIn } == 4)
    }

    @Test func `a full chunk has 1,500 positions and 750 features`() {
        #expect(FeatureChunks.towerPositions(frames: 3_000) == 1_500)
        #expect(FeatureChunks.featurePositions(frames: 3_000) == 750)
        #expect((1...9).map { FeatureChunks.featurePositions(frames: $0) } == [0, 0, 1, 1, 1, 1, 2, 2, 2])
    }

    private func expect(_ reason: SequenceError.Reason, _ change: (inout TrainingSample) -> Void) {
        var broken = sample
        change(&broken)
        let error = #expect(throws: SequenceError.self) { try MergedSequence(broken, format: Self.format) }
        #expect(error == SequenceError(id: "s", reason))
        #expect(error?.description.hasPrefix("sample 's': ") == true)
        #expect(error?.failure.status == .badData)
    }

    @Test func `what cannot be expanded is refused with the sample's id`() {
        expect(.empty) { ($0.inputIDs, $0.labelIDs) = ([], []) }
        expect(.labelCount(ids: 7, labels: 6)) { $0.labelIDs.removeLast() }
        expect(.placeholders(3, clips: 2)) { $0.clips.removeLast() }
        expect(.placeholders(2, clips: 3)) { $0.inputIDs[1] = 5 }
        expect(.idOutOfVocabulary(20, at: 2, vocabulary: 20)) { $0.inputIDs[2] = 20 }
        expect(.idOutOfVocabulary(-1, at: 0, vocabulary: 20)) { $0.inputIDs[0] = -1 }
        expect(.labelOutOfVocabulary(-1, at: 0, vocabulary: 20)) { $0.labelIDs[0] = -1 }
        expect(.codebooks(3, clip: 1, expected: 2)) { $0.clips[1] = codes(2, codebooks: 3) }
        expect(.emptyClip(2)) { $0.clips[2] = codes(0) }
        expect(.codeOutOfRange(8, clip: 0, codebook: 0, frame: 0, size: 8)) { $0.clips[0] = codes(1, code: 8) }
        expect(.trainedReference(at: 1)) { $0.labelIDs[1] = 18 }
        expect(.missingFeatures(references: 1)) { $0.features = nil }
        expect(.featureClips(2, references: 1)) { $0.features = features(lengths: [7, 9], chunksPerClip: [1, 1]) }
        expect(.features("features of 3 mel bins, the model's tower takes 2")) {
            $0.features = features(lengths: [7, 9], chunksPerClip: [2], bins: 3)
        }
        expect(.features("audio_features, feature_offsets and feature_lengths do not fit together")) {
            $0.features = features(lengths: [7, 9], chunksPerClip: [1])
        }
        expect(.features("chunk 1 stores 11 frames for 10 valid ones")) {
            let good = features(lengths: [7, 9], chunksPerClip: [2])
            $0.features = FeatureChunks(
                melBins: 2, frames: good.frames, values: good.values, offsets: good.offsets, lengths: [7, 10],
                chunksPerClip: [2])
        }
    }

    @Test func `a model without reference ids takes them as text`() throws {
        var format = Self.format
        format.audioInID = nil
        format.hasTower = false
        var changed = sample
        changed.clips.removeFirst()
        let merged = try MergedSequence(changed, format: format)
        #expect(!merged.kinds.contains(.audioIn))
        #expect(merged.inputIDs[1] == 18 && merged.kinds[1] == .text)
    }
}
