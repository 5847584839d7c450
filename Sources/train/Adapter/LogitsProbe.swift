// Logits of a made-up sequence: what shows whether two models, or a model with and without its adapter, compute the same.

import PipelineKit

/// A short sequence of text and codes, the same for the same architecture.
enum LogitsProbe {
    static func batch(_ format: SequenceFormat) throws -> PackedBatch {
        var random = SplitMix64(seed: 0, streams: [fnv1a("logits probe")])
        func ids(_ count: Int) -> [Int32] {
            (0..<count).map { _ in
                var id: Int32
                repeat {
                    id = Int32(random.below(format.vocabularySize))
                } while id == format.audioInID
                    || id == format.audioOutID
                return id
            }
        }
        func codes(_ frames: Int) -> RawCodes {
            let count = format.delay.codebooks * frames
            return RawCodes(
                codebooks: format.delay.codebooks, frames: frames,
                values: (0..<count).map { _ in UInt16(random.below(format.codebookSize)) })
        }
        var inputs = ids(6)
        var clips: [RawCodes] = []
        var features: FeatureChunks?
        if let audioIn = format.audioInID, format.hasTower {
            inputs += [audioIn]
            clips.append(codes(4))
            let frames = 18
            features = FeatureChunks(
                melBins: format.melBins, frames: frames,
                values: (0..<format.melBins * frames).map { _ in Float(2 * random.uniform() - 1) },
                offsets: [0, frames], lengths: [frames - 2], chunksPerClip: [1])
        }
        inputs += ids(4) + [format.audioOutID]
        clips.append(codes(6))
        inputs += ids(3)
        let sample = TrainingSample(
            id: "probe", inputIDs: inputs, labelIDs: inputs.map { $0 == format.audioInID ? ignoredLabel : $0 },
            clips: clips,
            features: features)
        return try PackedBatch([sample], format: format)
    }
}

/// The logits of both heads at every position of the probe.
struct ProbedLogits {
    let values: [Float]
    /// The largest of them.
    let scale: Float

    /// In float32, however the model is trained: they are compared with those of other machines.
    init(_ model: HiggsModel) throws {
        let batch = try LogitsProbe.batch(model.config.sequenceFormat)
        let states = model.parameters.workspace.inFloat32 { model.states(batch) }
        values = states.textLogits + states.audioLogits
        scale = values.reduce(0) { max($0, abs($1)) }
    }

    /// Whether all of them are numbers.
    var isFinite: Bool { values.allSatisfy(\.isFinite) }

    /// max |a − b|; infinite where one is no number.
    func distance(_ other: ProbedLogits) -> Float {
        precondition(values.count == other.values.count, "logits of two architectures")
        return zip(values, other.values).reduce(0) { worst, pair in
            let difference = abs(pair.0 - pair.1)
            return difference.isFinite ? max(worst, difference) : .infinity
        }
    }
}
