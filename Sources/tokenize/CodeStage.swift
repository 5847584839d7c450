// From clips to codes: every clip of a sample, in and out, decoded, mixed to mono, converted to the codec's rate and
// encoded, one clip at a time. The loop over shards is PipelineKit's.

import Codecs
import PipelineKit

/// The stage that writes `codes/`.
struct CodeStage: ShardStage {
    let name = "tokenize"
    /// Raised whenever other bytes come out for the same input, options and codec; the golden digest test watches it.
    static let outputVersion = 4
    var outputVersion: Int { Self.outputVersion }
    let inputColumns = ["id"] + StoredClip.columns
    let columns = CodeColumns.columns
    let defaultCompression = CodeColumns.compression
    let options: JSONObject = [:]

    private let codec: any AudioCodec
    /// Codes are small: 16 MiB hold those of ten hours.
    private let cache = ClipCache<RawCodes>(limitBytes: 16 << 20) { 2 * $0.values.count + 64 }

    init(codec: any AudioCodec) {
        self.codec = codec
    }

    /// The codec's record carries its digest into every shard's key.
    var records: JSONObject { ["codec": codec.record.json] }

    func process(_ row: MDSRow) throws -> MDSRow {
        let clips = try StoredClip.clips(of: row).map { clip in
            do {
                return try cache.value(of: clip.bytes) {
                    try codec.encode(try clip.samples(at: codec.sampleRate))
                }
            } catch {
                throw ClipFailure(clip: clip.number, error)
            }
        }
        return CodeColumns(clips, codebooks: codec.codebooks).row(id: try row.string("id"))
    }

    let outputName = "the codes"

    func estimatedBytes(of row: MDSRow) -> Int {
        let clips = (try? StoredClip.clips(of: row)) ?? []
        let frames = clips.reduce(0) { $0 + $1.claimedSeconds } * codec.frameRate
        return CodeColumns.estimatedBytes(
            frames: frames, codebooks: codec.codebooks, codebookSize: codec.codebookSize)
    }

    func counts(of output: MDSRow) throws -> JSONObject {
        let (ids, shape): ([UInt16], [Int]) = try output.array("audio_ids")
        let starts: [Int32] = try output.array("audio_ids_start").values
        // What stands for no clip at all: one frame of zeros.
        if shape[1] == 1, ids.allSatisfy({ $0 == 0 }) { return ["clips": 0, "frames": 0] }
        return ["clips": .int(starts.count), "frames": .int(shape[1])]
    }
}
