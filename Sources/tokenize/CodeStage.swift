// From clips to codes: every clip of a sample, in and out, decoded, mixed to mono, converted to the codec's rate and
// encoded, one clip at a time. The loop over shards is PipelineKit's.

import Codecs
import Foundation
import PipelineKit

/// The stage that writes `codes/`.
struct CodeStage: ShardStage {
    let name = "tokenize"
    /// Raised whenever other bytes come out for the same input, options and codec; the golden digest test watches it.
    static let outputVersion = 3
    var outputVersion: Int { Self.outputVersion }
    let inputColumns = ["id"] + StoredClip.columns
    let columns = [
        MDSColumn(name: "id", encoding: .str),
        MDSColumn(name: "audio_ids", encoding: .ndarray(type: .uint16, shape: nil)),
        MDSColumn(name: "audio_ids_start", encoding: .ndarray(type: .int32, shape: nil)),
    ]
    let defaultCompression = ShardCompression.zstd(level: 3)
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
        let codes = CodeColumns(clips, codebooks: codec.codebooks)
        return MDSRow([
            ("id", .str(try row.string("id"))),
            ("audio_ids", .array(codes.ids, shape: [codec.codebooks, codes.frames])),
            ("audio_ids_start", .array(codes.starts)),
        ])
    }

    let outputName = "the codes"

    /// A code takes the bits of its codebook: zstd squeezes the rest out of the 16 that it is stored in.
    func estimatedBytes(of row: MDSRow) -> Int {
        let clips = (try? StoredClip.clips(of: row)) ?? []
        let codes = clips.reduce(0) { $0 + $1.claimedSeconds } * codec.frameRate * Double(codec.codebooks)
        return Int(codes * log2(Double(codec.codebookSize)) / 8)
    }

    func counts(of output: MDSRow) throws -> JSONObject {
        let (ids, shape): ([UInt16], [Int]) = try output.array("audio_ids")
        let starts: [Int32] = try output.array("audio_ids_start").values
        // What stands for no clip at all: one frame of zeros.
        if shape[1] == 1, ids.allSatisfy({ $0 == 0 }) { return ["clips": 0, "frames": 0] }
        return ["clips": .int(starts.count), "frames": .int(shape[1])]
    }
}

/// The two columns of a sample: the codes of all its clips, one after another.
struct CodeColumns {
    /// C, at least 1.
    var frames: Int
    var ids: [UInt16]  // (Q, C)
    var starts: [Int32]  // (N), or one zero

    init(_ clips: [RawCodes], codebooks: Int) {
        precondition(clips.allSatisfy { $0.codebooks == codebooks && $0.frames > 0 }, "clips of other codebooks")
        var total = 0
        starts = clips.map { clip in
            defer { total += clip.frames }
            return Int32(total)
        }
        // Without clips: one zero code and one zero start, because the format has no empty arrays.
        if clips.isEmpty { starts = [0] }
        frames = max(1, total)
        ids = []
        ids.reserveCapacity(codebooks * frames)
        for codebook in 0..<codebooks {
            if clips.isEmpty { ids.append(0) }
            for clip in clips { ids += clip.values[codebook * clip.frames..<(codebook + 1) * clip.frames] }
        }
    }

    /// Takes the columns of a row apart again.
    ///
    /// - Throws: `MDSError` where they do not fit each other or the codec.
    static func clips(of row: MDSRow, codec: CodecRecord) throws -> [RawCodes] {
        let (ids, shape): ([UInt16], [Int]) = try row.array("audio_ids")
        let starts: [Int32] = try row.array("audio_ids_start").values
        guard shape.count == 2, shape[0] == codec.codebooks else {
            throw MDSError("codes of shape \(shape), expected \(codec.codebooks) codebooks", column: "audio_ids")
        }
        let total = shape[1]
        guard starts[0] == 0, zip(starts, starts.dropFirst() + [Int32(total)]).allSatisfy(<) else {
            throw MDSError("the clips' starts are not increasing within \(total) frames", column: "audio_ids_start")
        }
        if let code = ids.first(where: { Int($0) >= codec.codebookSize }) {
            throw MDSError("code \(code), the codebooks have \(codec.codebookSize)", column: "audio_ids")
        }
        return starts.indices.map { clip in
            let range = Int(starts[clip])..<(clip + 1 < starts.count ? Int(starts[clip + 1]) : total)
            return RawCodes(
                codebooks: codec.codebooks, frames: range.count,
                values: (0..<codec.codebooks).flatMap {
                    ids[$0 * total + range.lowerBound..<$0 * total + range.upperBound]
                })
        }
    }
}
