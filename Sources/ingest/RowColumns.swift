// The columns of samples/ and audio/, and a row in them.

import PipelineKit

/// What the two directories hold. The `id` is added when the row's turn comes.
enum RowColumns {
    static let samples = [
        MDSColumn(name: "id", encoding: .str),
        MDSColumn(name: "speaker", encoding: .str),
        MDSColumn(name: "input_ids", encoding: .ndarray(type: .int32, shape: nil)),
        MDSColumn(name: "label_ids", encoding: .ndarray(type: .int32, shape: nil)),
        MDSColumn(name: "conversation", encoding: .json),
        MDSColumn(name: "clips", encoding: .json),
    ]

    static let audio = [
        MDSColumn(name: "id", encoding: .str),
        MDSColumn(name: "audio", encoding: .bytes),
        MDSColumn(name: "audio_offsets", encoding: .ndarray(type: .int64, shape: nil)),
        MDSColumn(name: "audio_roles", encoding: .ndarray(type: .uint8, shape: nil)),
    ]

    /// A row's columns and what it adds to the counts.
    static func content(
        _ row: ParsedRow, _ sequence: ConversationSequence, _ clips: [LoadedClip], text: RowText,
        textBytes: Int
    ) -> PreparedRow.Content {
        precondition(clips.count == sequence.isTarget.count, "a clip for each placeholder")
        var audio: [UInt8] = []
        audio.reserveCapacity(clips.reduce(0) { $0 + $1.bytes.count })
        var offsets: [Int64] = [0]
        for clip in clips {
            audio += clip.bytes
            offsets.append(Int64(audio.count))
        }
        // Arrays are never empty: without a clip the roles are one zero.
        let roles: [UInt8] = clips.isEmpty ? [0] : row.clips.map { $0.isOut ? 1 : 0 }
        let entries = zip(row.clips, clips).map(entry)
        return PreparedRow.Content(
            samples: MDSRow([
                ("speaker", .str(row.speaker)),
                ("input_ids", .array(sequence.inputIDs)),  // (T)
                ("label_ids", .array(sequence.labelIDs)),  // (T)
                ("conversation", .json(row.conversation)),
                ("clips", .json(.array(entries))),
            ]),
            audio: MDSRow([
                ("audio", .bytes(audio)),
                ("audio_offsets", .array(offsets)),  // (N + 1)
                ("audio_roles", .array(roles)),  // (N)
            ]),
            textBytes: textBytes,
            counts: IngestCounts.Kept(
                samples: 1, clips: clips.count, targets: sequence.isTarget.count { $0 },
                seconds: clips.reduce(0) { $0 + $1.seconds }), text: text)
    }

    /// What `clips` says of a clip.
    private static func entry(_ request: ClipRequest, _ clip: LoadedClip) -> JSONValue {
        var entry: JSONObject = [
            "role": request.isOut ? "out" : "in", "path": request.path.map(JSONValue.string) ?? .null,
            "sample_rate": .int(clip.content.sampleRate), "channels": .int(clip.content.channels),
            "frames": .int(clip.content.frames),
            "seconds": .double(clip.seconds), "container": .string(clip.content.container),
            "bytes": .int(clip.bytes.count),
            "hash": .string(clip.digest.hexDigits),
        ]
        if let offset = request.offset {
            entry["offset"] = .double(offset)
            entry["duration"] = request.duration.map(JSONValue.double) ?? .null
        }
        return .object(entry)
    }
}
