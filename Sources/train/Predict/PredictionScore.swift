// How much of a target a model predicts, in numbers beside the sound.

import PipelineKit

/// Counts over the targets of one or more samples.
struct PredictionScore: Sendable, Equatable {
    /// Targets.
    var clips = 0
    /// Frames of the targets: each has a code of every codebook.
    var frames = 0
    /// Predicted codes that equal the target's.
    var equal: [Int]  // (Q)
    /// Cells of codes where eos, or bos, was likelier than any code.
    var eosCells = 0
    var bosCells = 0
    /// Cross-entropies, eos labels included: what the audio loss is the mean of.
    var sums: LossSums

    init(codebooks: Int) {
        equal = Array(repeating: 0, count: codebooks)
        sums = LossSums(codebooks: codebooks)
    }

    /// - Parameter original: the clips that the data holds, one for each of `predicted`.
    init(_ predicted: PredictedClips, original: [RawCodes], sums: LossSums, labels: LabelLosses, format: SequenceFormat)
    {
        let codebooks = format.delay.codebooks
        self.init(codebooks: codebooks)
        self.sums = sums
        clips = predicted.targets.count
        for clip in predicted.targets {
            let (got, expected) = (predicted.clips[clip], original[clip])
            precondition(got.frames == expected.frames, "\(got.frames) frames predicted of \(expected.frames)")
            frames += expected.frames
            for k in 0..<codebooks {
                equal[k] += (0..<expected.frames).count { got[k, $0] == expected[k, $0] }
            }
        }
        for (label, likeliest) in zip(labels.targets.audioLabels, labels.classes)
        where label != ignoredLabel && Int(label) < format.codebookSize && Int(likeliest) >= format.codebookSize {
            if likeliest == format.delay.eos { eosCells += 1 } else { bosCells += 1 }
        }
    }

    static func += (a: inout PredictionScore, b: PredictionScore) {
        a.clips += b.clips
        a.frames += b.frames
        for k in a.equal.indices { a.equal[k] += b.equal[k] }
        a.eosCells += b.eosCells
        a.bosCells += b.bosCells
        a.sums += b.sums
    }

    /// Codes: frames times codebooks.
    var codes: Int { frames * equal.count }

    /// The share of codes that equal the target's; nil without any.
    var share: Double? { codes == 0 ? nil : Double(equal.reduce(0, +)) / Double(codes) }

    /// The same of each codebook.
    var codebookShares: [Double?] { equal.map { frames == 0 ? nil : Double($0) / Double(frames) } }  // (Q)

    /// As in metrics.jsonl, all codebooks alike; nil without targets.
    var audioLoss: Double? { sums.audioLoss(LossOptions()) }

    /// What stage.json says of it.
    var counts: JSONValue {
        ["clips": .int(clips), "frames": .int(frames), "equal_codes": .array(equal.map { .int($0) })]
    }
}
