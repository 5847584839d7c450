// From clips to Whisper features: every `in` clip decoded, mixed to mono, converted to 16 kHz, cut into chunks of 30 s and
// turned into log-mel frames. The loop over shards is PipelineKit's.

import PipelineKit

/// The stage that writes `features/`.
struct FeatureStage: ShardStage {
    let name = "featurize"
    /// Raised whenever other bytes come out for the same input and options; the golden digest test watches it.
    static let outputVersion = 4
    var outputVersion: Int { Self.outputVersion }
    let inputColumns = ["id"] + StoredClip.columns
    let columns = [
        MDSColumn(name: "id", encoding: .str),
        MDSColumn(name: "audio_features", encoding: .ndarray(type: .float16, shape: nil)),
        MDSColumn(name: "feature_offsets", encoding: .ndarray(type: .int32, shape: nil)),
        MDSColumn(name: "feature_lengths", encoding: .ndarray(type: .int32, shape: nil)),
    ]
    /// Higher levels gain log-mels little and cost half of the speed.
    let defaultCompression = ShardCompression.zstd(level: 1)

    private let logMel: LogMel
    /// 32 MiB hold the references of some 250 voices, 5 s each.
    private let cache = ClipCache<ClipFeatures>(limitBytes: 32 << 20) { $0.byteCount }

    init(melBins: Int) {
        logMel = LogMel(binCount: melBins)
    }

    var options: JSONObject { ["mel_bins": .int(logMel.binCount)] }

    func process(_ row: MDSRow) throws -> MDSRow {
        var features: [ClipFeatures] = []
        for clip in try StoredClip.clips(of: row) where clip.role == .input {
            do {
                features.append(try cache.value(of: clip.bytes) { try extract(clip) })
            } catch {
                throw ClipFailure(clip: clip.number, error)
            }
        }
        let columns = FeatureColumns(features, binCount: logMel.binCount)
        return MDSRow([
            ("id", .str(try row.string("id"))),
            ("audio_features", .array(columns.features, shape: [logMel.binCount, columns.frameCount])),
            ("feature_offsets", .array(columns.offsets)),
            ("feature_lengths", .array(columns.lengths)),
        ])
    }

    let outputName = "the log-mels"

    /// 100 frames a second of 16-bit values, of which zstd:1 leaves some 0.8 (0.77 on the example's speech).
    func estimatedBytes(of row: MDSRow) -> Int {
        let clips = (try? StoredClip.clips(of: row)) ?? []
        let seconds = clips.reduce(0) { $0 + ($1.role == .input ? $1.claimedSeconds : 0) }
        return Int(seconds * 100 * Double(logMel.binCount) * 2 * 0.8)
    }

    func counts(of output: MDSRow) throws -> JSONObject {
        let offsets: [Int32] = try output.array("feature_offsets").values
        return ["chunks": .int(offsets.count - 1), "frames": .int(Int(offsets[offsets.count - 1]))]
    }

    private func extract(_ clip: StoredClip) throws -> ClipFeatures {
        let samples = try clip.samples(at: LogMel.sampleRate)
        return ClipFeatures(
            chunks: LogMel.chunkRanges(samples: samples.count).map { range in
                let chunk = logMel.chunk(samples[range])
                return ClipFeatures.Chunk(
                    validFrames: chunk.validFrames, frameCount: chunk.frameCount, values: Self.rounded(chunk.values))
            })
    }

    /// As `map(Float16.init)`, whose loop does not become vectors.
    private static func rounded(_ values: [Float]) -> [Float16] {
        [Float16](unsafeUninitializedCapacity: values.count) { output, initialized in
            for index in values.indices { output[index] = Float16(values[index]) }
            initialized = values.count
        }
    }
}

/// The features of one clip, as they are stored.
struct ClipFeatures: Sendable {
    struct Chunk: Sendable {
        var validFrames: Int
        var frameCount: Int
        var values: [Float16]  // (M, frameCount)
    }

    var chunks: [Chunk]

    var byteCount: Int { chunks.reduce(0) { $0 + 2 * $1.values.count } }
}

/// The three columns of a sample: all chunks of all its `in` clips, one after another on the frame axis.
struct FeatureColumns {
    /// F, at least 1.
    var frameCount: Int
    var features: [Float16]  // (M, F)
    var offsets: [Int32]  // (chunks + 1)
    var lengths: [Int32]  // (chunks), or one zero

    init(_ clips: [ClipFeatures], binCount: Int) {
        let chunks = clips.flatMap(\.chunks)
        offsets = chunks.reduce(into: [0]) { $0.append($0[$0.count - 1] + Int32($1.frameCount)) }
        lengths = chunks.isEmpty ? [0] : chunks.map { Int32($0.validFrames) }
        // Without chunks: one zero frame, because the format has no empty arrays.
        frameCount = max(1, Int(offsets[chunks.count]))
        if chunks.count == 1 {  // the common case, as it is
            features = chunks[0].values
            return
        }
        features = []
        features.reserveCapacity(binCount * frameCount)
        for bin in 0..<binCount {
            if chunks.isEmpty { features.append(0) }
            for chunk in chunks {
                features.append(contentsOf: chunk.values[bin * chunk.frameCount..<(bin + 1) * chunk.frameCount])
            }
        }
    }
}
