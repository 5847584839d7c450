// One shard of each directory in memory, and its rows as samples of the model.

import PipelineKit

/// Shard k of samples, codes and, where they are consumed, features.
struct DataShard: Sendable {
    /// The number of the shard's first row in the whole data set.
    let firstRow: Int
    let samples: MDSShard
    let codes: MDSShard
    let features: MDSShard?

    var count: Int { samples.count }

    /// Row `row` of the shard, from 0.
    ///
    /// Shapes and offsets are checked here, ids and codes against the model where the sample is expanded.
    /// - Throws: `MDSError`, `DataError.row`.
    func sample(_ row: Int, format: SequenceFormat) throws -> TrainingSample {
        let texts = try samples.sample(row)
        let id = try texts.string("id")
        let inputIDs = try texts.array("input_ids", as: Int32.self).values
        let labelIDs = try texts.array("label_ids", as: Int32.self).values
        let references = inputIDs.count { $0 == format.audioInID }
        let placeholders = references + inputIDs.count { $0 == format.audioOutID }
        let clips = try clips(row, id: id, placeholders: placeholders)
        var sample = TrainingSample(id: id, inputIDs: inputIDs, labelIDs: labelIDs, clips: clips)
        if let features, references > 0 {
            let inputs = inputIDs.filter { $0 == format.audioInID || $0 == format.audioOutID }
            let frames = zip(inputs, clips).filter { $0.0 == format.audioInID }.map(\.1.frames)
            sample.features = try Self.features(
                try features.sample(row), id: id, referenceFrames: frames)
        }
        return sample
    }

    private func clips(_ row: Int, id: String, placeholders: Int) throws -> [RawCodes] {
        let stored = try codes.sample(row)
        let (values, shape) = try stored.array("audio_ids", as: UInt16.self)
        let starts = try stored.array("audio_ids_start", as: Int32.self).values.map(Int.init)
        func fail(_ problem: String) -> DataError {
            .row(id: id, problem: problem, remedy: "run tokenize again on this data")
        }
        guard shape.count == 2 else { throw fail("audio_ids has \(shape.count) axes, expected codebooks and frames") }
        let (codebooks, width) = (shape[0], shape[1])
        // A row without clips holds one zero, because MDS arrays are never empty.
        if placeholders == 0, starts == [0], width == 1, values.allSatisfy({ $0 == 0 }) { return [] }
        let bounds = starts + [width]
        guard starts.first == 0, zip(bounds, bounds.dropFirst()).allSatisfy(<) else {
            throw fail("audio_ids_start \(starts) does not cut \(width) frames into clips")
        }
        let whole = RawCodes(codebooks: codebooks, frames: width, values: values)
        return zip(bounds, bounds.dropFirst()).map { whole.frames($0..<$1) }
    }

    private static func features(
        _ stored: MDSSample, id: String, referenceFrames: [Int]
    ) throws -> FeatureChunks {
        let (values, shape) = try stored.array("audio_features", as: Float16.self)
        let offsets = try stored.array("feature_offsets", as: Int32.self).values.map(Int.init)
        let lengths = try stored.array("feature_lengths", as: Int32.self).values.map(Int.init)
        guard shape.count == 2 else {
            throw DataError.row(
                id: id, problem: "audio_features has \(shape.count) axes, expected mel bins and frames",
                remedy: "run featurize again on this data")
        }
        // A row without reference clips holds one zero: no chunk, while a reference stands in the ids.
        let chunks = offsets.count == 1 ? [] : lengths
        guard let chunksPerClip = FeatureChunks.assignment(lengths: chunks, referenceFrames: referenceFrames) else {
            throw DataError.row(
                id: id,
                problem: "\(chunks.count) feature chunks cannot belong to \(referenceFrames.count) reference clips",
                remedy: "run featurize again on this data")
        }
        return FeatureChunks(
            melBins: shape[0], frames: shape[1], values: values.map { Float($0) }, offsets: offsets, lengths: chunks,
            chunksPerClip: chunksPerClip)
    }
}
