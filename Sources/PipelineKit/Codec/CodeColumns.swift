// The columns of a directory of codes: what tokenize encode and train predict write, and what tokenize decode reads.

import Foundation

/// The two columns of a sample: the codes of all its clips, one after another.
public struct CodeColumns: Sendable {
    /// C, at least 1.
    public let frames: Int
    public let ids: [UInt16]  // (Q, C)
    public let starts: [Int32]  // (N), or one zero
    private let codebooks: Int

    /// The columns of the shards.
    public static let columns = [
        MDSColumn(name: "id", encoding: .str),
        MDSColumn(name: "audio_ids", encoding: .ndarray(type: .uint16, shape: nil)),
        MDSColumn(name: "audio_ids_start", encoding: .ndarray(type: .int32, shape: nil)),
    ]

    /// How the shards are compressed by default.
    public static let compression = ShardCompression.zstd(level: 3)

    /// About how many bytes of compressed shards so many frames take. A code takes the bits of its codebook: zstd squeezes
    /// the rest out of the 16 that it is stored in.
    public static func estimatedBytes(frames: Double, codebooks: Int, codebookSize: Int) -> Int {
        Int(frames * Double(codebooks) * log2(Double(codebookSize)) / 8)
    }

    /// - Parameter clips: in the order of their placeholders, none of them empty.
    public init(_ clips: [RawCodes], codebooks: Int) {
        precondition(clips.allSatisfy { $0.codebooks == codebooks && $0.frames > 0 }, "clips of other codebooks")
        var total = 0
        let starts = clips.map { clip in
            defer { total += clip.frames }
            return Int32(total)
        }
        // Without clips: one zero code and one zero start, because the format has no empty arrays.
        self.starts = clips.isEmpty ? [0] : starts
        frames = max(1, total)
        var ids: [UInt16] = []
        ids.reserveCapacity(codebooks * frames)
        for codebook in 0..<codebooks {
            if clips.isEmpty { ids.append(0) }
            for clip in clips { ids += clip.values[codebook * clip.frames..<(codebook + 1) * clip.frames] }
        }
        self.ids = ids
        self.codebooks = codebooks
    }

    /// The row of the sample `id`.
    public func row(id: String) -> MDSRow {
        MDSRow([
            ("id", .str(id)), ("audio_ids", .array(ids, shape: [codebooks, frames])),
            ("audio_ids_start", .array(starts)),
        ])
    }

    /// Takes the columns of a row apart again.
    ///
    /// - Throws: `MDSError` where they do not fit each other or the codec.
    public static func clips(of row: MDSRow, codec: CodecRecord) throws -> [RawCodes] {
        let (ids, shape): ([UInt16], [Int]) = try row.array("audio_ids")
        let starts: [Int32] = try row.array("audio_ids_start").values
        guard shape.count == 2, shape[0] == codec.codebooks else {
            throw MDSError("codes of shape \(shape), expected \(codec.codebooks) codebooks", column: "audio_ids")
        }
        let total = shape[1]
        let extents = zip(starts, starts.dropFirst() + [Int32(total)])
        guard starts[0] == 0, extents.allSatisfy(<) else {
            throw MDSError("the clips' starts are not increasing within \(total) frames", column: "audio_ids_start")
        }
        if let code = ids.first(where: { Int($0) >= codec.codebookSize }) {
            throw MDSError("code \(code), the codebooks have \(codec.codebookSize)", column: "audio_ids")
        }
        let whole = RawCodes(codebooks: codec.codebooks, frames: total, values: ids)
        return extents.map { whole.frames(Int($0)..<Int($1)) }
    }
}
