// Placeholders become positions: `<|AUDIO|>` the tower's features and then the delayed codes of its reference,
// `<|AUDIO_OUT|>` the delayed codes of its clip. Follows the original Higgs Audio v2 collator and
// `merge_input_ids_with_audio_features`; nothing is padded here.

extension FeatureChunks {
    /// c: how many positions the tower's convolutions leave of V valid frames, ⌊(V − 1)/2⌋ + 1.
    public static func towerPositions(frames: Int) -> Int { (frames - 1) / 2 + 1 }

    /// ⌊c/2⌋: how many feature positions a chunk of V valid frames takes in the merged sequence.
    public static func featurePositions(frames: Int) -> Int { towerPositions(frames: frames) / 2 }
}

extension MergedSequence {
    /// Expands a sample and checks it on the way.
    ///
    /// A clip is a target if and only if the label at its placeholder is not `ignoredLabel`; that label is then masked.
    /// - Throws: `SequenceError`, with the sample's id.
    public init(_ sample: TrainingSample, format: SequenceFormat) throws {
        func fail(_ reason: SequenceError.Reason) -> SequenceError { SequenceError(id: sample.id, reason) }
        id = sample.id
        guard !sample.inputIDs.isEmpty else { throw fail(.empty) }
        guard sample.inputIDs.count == sample.labelIDs.count else {
            throw fail(.labelCount(ids: sample.inputIDs.count, labels: sample.labelIDs.count))
        }
        try Self.check(sample, format: format)
        let references = sample.inputIDs.count { $0 == format.audioInID }
        let chunks = try Self.checkedFeatures(sample, references: references, format: format)
        features = chunks
        var clip = 0, reference = 0, chunk = 0
        for (place, (token, label)) in zip(sample.inputIDs, sample.labelIDs).enumerated() {
            if token == format.audioInID {
                guard label == ignoredLabel else { throw fail(.trainedReference(at: place)) }
                if let chunks {
                    for _ in 0..<chunks.chunksPerClip[reference] {
                        let count = FeatureChunks.featurePositions(frames: chunks.lengths[chunk])
                        append(token, ignoredLabel, .feature, count: count)
                        chunk += 1
                    }
                }
                let codes = format.delay.delay(sample.clips[clip])
                append(token, ignoredLabel, .audioIn, count: codes.positions)
                audioIn.append(codes)
                reference += 1
                clip += 1
            } else if token == format.audioOutID {
                let raw = sample.clips[clip]
                let codes = format.delay.delay(raw)
                append(token, ignoredLabel, .audioOut, count: codes.positions)
                audioOut.append(codes)
                audioLabels.append(
                    label == ignoredLabel ? format.delay.noLabels(frames: raw.frames) : format.delay.labels(raw))
                clip += 1
            } else {
                append(token, label, .text, count: 1)
            }
        }
    }

    private mutating func append(_ token: Int32, _ label: Int32, _ kind: PositionKind, count: Int) {
        inputIDs.append(contentsOf: repeatElement(token, count: count))
        labelIDs.append(contentsOf: repeatElement(label, count: count))
        kinds.append(contentsOf: repeatElement(kind, count: count))
    }

    /// Ids, labels, placeholders and codes are in range.
    private static func check(_ sample: TrainingSample, format: SequenceFormat) throws {
        func fail(_ reason: SequenceError.Reason) -> SequenceError { SequenceError(id: sample.id, reason) }
        let vocabulary = format.vocabularySize
        for (place, id) in sample.inputIDs.enumerated() where !(0..<vocabulary).contains(Int(id)) {
            throw fail(.idOutOfVocabulary(id, at: place, vocabulary: vocabulary))
        }
        for (place, label) in sample.labelIDs.enumerated()
        where label != ignoredLabel && !(0..<vocabulary).contains(Int(label)) {
            throw fail(.labelOutOfVocabulary(label, at: place, vocabulary: vocabulary))
        }
        let placeholders = sample.inputIDs.count { $0 == format.audioInID || $0 == format.audioOutID }
        guard placeholders == sample.clips.count else {
            throw fail(.placeholders(placeholders, clips: sample.clips.count))
        }
        for (number, clip) in sample.clips.enumerated() {
            guard clip.codebooks == format.delay.codebooks else {
                throw fail(.codebooks(clip.codebooks, clip: number, expected: format.delay.codebooks))
            }
            guard clip.frames > 0 else { throw fail(.emptyClip(number)) }
            if let place = clip.values.firstIndex(where: { Int($0) >= format.codebookSize }) {
                throw fail(
                    .codeOutOfRange(
                        clip.values[place], clip: number, codebook: place / clip.frames, frame: place % clip.frames,
                        size: format.codebookSize))
            }
        }
    }

    /// The sample's features where the model takes any, their extents checked.
    private static func checkedFeatures(
        _ sample: TrainingSample, references: Int, format: SequenceFormat
    ) throws -> FeatureChunks? {
        func fail(_ reason: SequenceError.Reason) -> SequenceError { SequenceError(id: sample.id, reason) }
        guard format.hasTower, references > 0 else { return nil }
        guard let chunks = sample.features else { throw fail(.missingFeatures(references: references)) }
        guard chunks.melBins == format.melBins else {
            throw fail(.features("features of \(chunks.melBins) mel bins, the model's tower takes \(format.melBins)"))
        }
        guard chunks.chunksPerClip.count == references else {
            throw fail(.featureClips(chunks.chunksPerClip.count, references: references))
        }
        guard chunks.frames > 0, chunks.values.count == chunks.melBins * chunks.frames,
            chunks.offsets.count == chunks.lengths.count + 1, chunks.offsets.first == 0,
            chunks.offsets.last == chunks.frames, chunks.chunksPerClip.allSatisfy({ $0 >= 1 }),
            chunks.chunksPerClip.reduce(0, +) == chunks.lengths.count
        else { throw fail(.features("audio_features, feature_offsets and feature_lengths do not fit together")) }
        for (number, valid) in chunks.lengths.enumerated() {
            let stored = chunks.offsets[number + 1] - chunks.offsets[number]
            guard (1...FeatureChunks.maximumFrames).contains(valid),
                stored == min(valid + 2, FeatureChunks.maximumFrames)
            else { throw fail(.features("chunk \(number) stores \(stored) frames for \(valid) valid ones")) }
        }
        return chunks
    }
}
