// The codes and features of one row, taken apart and checked: what their offsets say must fit what they hold.

import PipelineKit

/// The codes of a row, clip by clip.
struct CodeGrid {
    /// Codebook by codebook, frame by frame, of each clip.
    let clips: [[[UInt16]]]  // (N, Q, n)

    /// - Parameter clips: how many clips the audio has; nil where audio/ is missing, and every start counts.
    /// - Throws: `MDSError` where starts do not rise within the codes.
    init(sample: MDSSample, clips count: Int?) throws {
        func refuse(_ what: String, _ column: String) -> MDSError {
            MDSError(what, path: sample.shard.path, sample: sample.index, column: column)
        }
        let (values, shape) = try sample.array("audio_ids", as: UInt16.self)
        guard shape.count == 2 else { throw refuse("has \(shape.count) axes, expected (Q, C)", "audio_ids") }
        let columns = shape[1]
        let starts = try sample.array("audio_ids_start", as: Int32.self).values.map { Int($0) }
        let number = count ?? starts.count
        guard number == starts.count || (number == 0 && starts == [0]) else {
            throw refuse("\(starts.count) starts for \(number) clips", "audio_ids_start")
        }
        let bounds = starts.prefix(number) + [columns]
        guard number == 0 || (bounds[0] == 0 && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }) else {
            throw refuse("starts do not rise from 0 within \(columns) columns", "audio_ids_start")
        }
        clips = (0..<number).map { clip in
            (0..<shape[0]).map { k in Array(values[k * columns + bounds[clip]..<k * columns + bounds[clip + 1]]) }
        }
    }
}

/// The range of a row's log-mel chunks.
struct FeatureSummary {
    let melBins: Int
    let chunks: [SampleReport.Chunk]

    /// - Throws: `MDSError` where offsets or lengths do not fit the frames.
    init(sample: MDSSample) throws {
        func refuse(_ what: String, _ column: String) -> MDSError {
            MDSError(what, path: sample.shard.path, sample: sample.index, column: column)
        }
        let (values, shape) = try sample.array("audio_features", as: Float16.self)
        guard shape.count == 2 else { throw refuse("has \(shape.count) axes, expected (M, F)", "audio_features") }
        let (bins, frames) = (shape[0], shape[1])
        melBins = bins
        let offsets = try sample.array("feature_offsets", as: Int32.self).values.map { Int($0) }
        let lengths = try sample.array("feature_lengths", as: Int32.self).values.map { Int($0) }
        let number = offsets.count - 1
        guard number == 0 ? offsets == [0] : offsets[0] == 0 && offsets[number] == frames else {
            throw refuse("offsets do not span the \(frames) frames", "feature_offsets")
        }
        guard number == 0 || lengths.count == number else {
            throw refuse("\(lengths.count) lengths for \(number) chunks", "feature_lengths")
        }
        chunks = try (0..<number).map { chunk in
            let range = offsets[chunk]..<max(offsets[chunk], offsets[chunk + 1])
            let valid = lengths[chunk]
            guard range.count == min(valid + 2, 3_000), valid >= 1 else {
                throw refuse("chunk \(chunk) stores \(range.count) frames for \(valid) valid ones", "feature_lengths")
            }
            var low = Float.infinity, high = -Float.infinity, sum = 0.0
            for bin in 0..<bins {
                for frame in range {
                    let value = Float(values[bin * frames + frame])
                    guard value.isFinite else { throw refuse("NaN or infinity in chunk \(chunk)", "audio_features") }
                    low = min(low, value)
                    high = max(high, value)
                    sum += Double(value)
                }
            }
            return SampleReport.Chunk(
                storedFrames: range.count, validFrames: valid, minimum: low,
                mean: Float(sum / Double(bins * range.count)), maximum: high)
        }
    }
}
