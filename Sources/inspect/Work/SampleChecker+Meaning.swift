// --verify, what the values of a sample mean: ids in the places of a conversation, codes and log-mels as long as their clips.

import PipelineKit

extension SampleChecker {
    /// The ids are a conversation, and the labels those that the layout gives.
    func checkLayout(_ sample: MDSSample, _ layout: ConversationLayout) throws {
        let ids = try sample.array("input_ids", as: Int32.self).values
        let labels = try sample.array("label_ids", as: Int32.self).values
        guard ids.count == labels.count else { return }  // told by another check
        let judge = LabelJudge(positions: layout.explain(ids), labels: labels)
        if let (place, what) = judge.firstFault {
            throw MDSError(
                "id \(ids[place]) at \(place) \(what)", path: sample.shard.path, sample: sample.index,
                column: judge.isOfLayout(place) ? "label_ids" : "input_ids")
        }
    }

    /// Codes have the frames of their clips' seconds, within two: codecs pad to whole frames.
    func checkLengths(_ grid: CodeGrid, _ clips: [JSONValue], _ frameRate: Double, _ sample: MDSSample) throws {
        for (clip, codes) in grid.clips.enumerated() where clip < clips.count {
            guard let seconds = clips[clip]["seconds"]?.doubleValue, let frames = codes.first?.count else { continue }
            let expected = seconds * frameRate
            guard abs(Double(frames) - expected) <= 2 else {
                throw MDSError(
                    "clip \(clip) has \(frames) frames of codes, its \(numberText(seconds)) s are "
                        + numberText(expected, 1), path: sample.shard.path, sample: sample.index, column: "audio_ids")
            }
        }
    }

    /// The log-mels have the frames of the references' seconds, within one a chunk.
    func checkLengths(_ features: FeatureSummary, _ clips: [JSONValue], _ sample: MDSSample) throws {
        let seconds = clips.filter { $0["role"]?.stringValue == "in" }.compactMap { $0["seconds"]?.doubleValue }
        let frames = features.chunks.reduce(0) { $0 + $1.validFrames }
        let expected = seconds.reduce(0) { $0 + $1 * 100 }
        guard abs(Double(frames) - expected) <= Double(max(1, features.chunks.count)) + 1 else {
            throw MDSError(
                "\(frames) valid frames of log-mel, the references' seconds are \(numberText(expected, 1))",
                path: sample.shard.path, sample: sample.index, column: "feature_lengths")
        }
    }
}
