// What a sidecar of ingest says besides the shard: where in the manifest the run was, so that the next one goes on there.

import PipelineKit

/// The state of a run behind a shard.
struct ResumeState: Equatable {
    /// In the manifest, behind the shard's last row and the rejected ones that follow it.
    var position: ManifestPosition
    var rejects: RejectLog.Mark
    /// Of the whole run so far.
    var counts: IngestCounts
    /// Whether the next row did not fit; else the manifest (or `--limit`) ended here.
    var isFull: Bool

    init(position: ManifestPosition, rejects: RejectLog.Mark, counts: IngestCounts, isFull: Bool) {
        (self.position, self.rejects, self.counts, self.isFull) = (position, rejects, counts, isFull)
    }

    var json: JSONObject {
        [
            "manifest_offset": .int(position.offset), "manifest_row": .int(position.row),
            "manifest_line": .int(position.line), "manifest_digest": .string(position.digest.hexDigits),
            "rejects_bytes": .int(rejects.byteCount), "rejects_digest": .string(rejects.digest),
            "is_full": .bool(isFull), "counts": .object(counts.json),
        ]
    }

    /// Reads a state; nil for anything that `json` did not write.
    init?(json: JSONObject) {
        guard let offset = json["manifest_offset"]?.intValue, let row = json["manifest_row"]?.intValue,
            let line = json["manifest_line"]?.intValue,
            let digest = json["manifest_digest"]?.stringValue.flatMap({ UInt64($0, radix: 16) }),
            let rejectsBytes = json["rejects_bytes"]?.intValue, rejectsBytes >= 0,
            let rejectsDigest = json["rejects_digest"]?.stringValue,
            let isFull = json["is_full"]?.boolValue, let counts = IngestCounts(json: json["counts"])
        else { return nil }
        self.init(
            position: ManifestPosition(offset: offset, row: row, line: line, digest: digest),
            rejects: RejectLog.Mark(byteCount: rejectsBytes, digest: rejectsDigest), counts: counts, isFull: isFull)
    }
}
