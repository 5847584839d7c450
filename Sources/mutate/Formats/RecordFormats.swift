// stage.json and the records in it: of the text vocabulary and of the codec.

import Foundation
import PipelineKit

extension Format {
    static let records: [Format] = [
        Format(
            name: "stage record with text record", folder: "work/samples", file: StageRecord.basename, kind: .text,
            open: { place in
                let (record, digest) = try stage(place)
                guard let text = record.record("text") else {
                    throw Failure(.badData, "no text record", at: place.file)
                }
                return combined(digest, XXH64.hash(try TextRecord(json: text, path: place.file).json.pythonDump().utf8))
            }),
        Format(
            name: "stage record with codec record", folder: "work/codes", file: StageRecord.basename, kind: .text,
            open: { place in
                let (record, digest) = try stage(place)
                guard let codec = record.record("codec") else {
                    throw Failure(.badData, "no codec record", at: place.file)
                }
                return combined(
                    digest, XXH64.hash(try CodecRecord(json: codec, path: place.file).json.pythonDump().utf8))
            }),
    ]

    private static func stage(_ place: Place) throws -> (StageRecord, UInt64) {
        guard let record = try StageRecord(directory: place.folder) else {
            throw Failure(.badData, "no stage record", at: place.file)
        }
        return (record, XXH64.hash(record.identity.key(of: .object(record.counts)).utf8))
    }

    private static func combined(_ a: UInt64, _ b: UInt64) -> UInt64 { XXH64.hash("\(a) \(b)".utf8) }
}
