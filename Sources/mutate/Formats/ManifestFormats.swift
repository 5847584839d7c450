// Manifests, through ingest: JSON lines, a JSON array, gzip, zstd. What is counted, too: no row may get lost.

import Foundation
import PipelineKit

extension Format {
    static let manifests: [Format] = [
        ("manifest, JSON lines", "rows.jsonl", FileKind.text), ("manifest, JSON array", "rows.json", .text),
        ("manifest, gzip", "rows.jsonl.gz", .binary), ("manifest, zstd", "rows.jsonl.zst", .binary),
    ].map { name, file, kind in
        Format(name: name, folder: "manifests", file: file, kind: kind, weight: 2, programCount: 1, open: ingested)
    }

    private static let ingested: @Sendable (Place) throws -> UInt64 = { place in
        let work = try place.fresh("work")
        try place.programs.run(
            "ingest",
            [
                "--data-path", place.file, "--audio-root", place.material.folder("audio"), "--output", work,
                "--max-reject-fraction", "1", "--keep-text-only", "--workers", "1", "--quiet",
            ], scratch: place.scratch)
        var digest = MeaningDigest()
        try digest.add(rowsOf: "\(work)/samples")
        try digest.add(rowsOf: "\(work)/audio")
        let rejects = try MappedFile(path: "\(work)/rejects.jsonl").withBytes { Array($0) }
        digest.add(rejects)
        let kept = try MDSReader(directory: "\(work)/samples").sampleCount
        let rejected = rejects.count { $0 == 0x0A }
        if place.file.hasSuffix(".jsonl") {
            let lines = try MappedFile(path: place.file).withBytes { bytes in
                bytes.split(separator: 0x0A).count { line in !line.allSatisfy { [0x20, 0x09, 0x0D].contains($0) } }
            }
            // A byte order mark alone is no row.
            guard kept + rejected == lines else {
                throw Fault(verdict: .broken, detail: "\(lines) rows became \(kept) samples and \(rejected) rejects")
            }
        }
        return digest.value
    }
}
