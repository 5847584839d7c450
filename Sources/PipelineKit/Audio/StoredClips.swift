// The clips of a row of the audio directory, as ingest stored them: one after another in one column of bytes.

/// A clip of a sample, still encoded.
public struct StoredClip: Sendable {
    /// What the conversation uses the clip for.
    public enum Role: UInt8, Sendable {
        /// Of a user or system turn: what the model hears.
        case input = 0
        /// Of an assistant turn: what it says.
        case output = 1
    }

    /// Its number within the sample, from 0, of both roles.
    public var number: Int
    public var role: Role
    public var bytes: ArraySlice<UInt8>
}

extension StoredClip {
    /// The columns of the audio directory that hold clips.
    public static let columns = ["audio", "audio_offsets", "audio_roles"]

    /// The clips of a row that has `columns`, in order; none where the sample has no clip.
    ///
    /// - Throws: `MDSError` where offsets or roles do not fit the bytes.
    public static func clips(of row: MDSRow) throws -> [StoredClip] {
        let bytes = try row.bytes("audio")
        let offsets: [Int64] = try row.array("audio_offsets").values
        let roles: [UInt8] = try row.array("audio_roles").values
        // An array is never empty: without clips there is one offset, 0, and one role that means nothing.
        let count = offsets.count - 1
        guard count == 0 || roles.count == count else {
            throw MDSError("\(roles.count) roles for \(count) clips", column: "audio_roles")
        }
        guard offsets[0] == 0, offsets[count] == bytes.count, zip(offsets, offsets.dropFirst()).allSatisfy(<=) else {
            throw MDSError("the offsets do not divide \(bytes.count) bytes", column: "audio_offsets")
        }
        return try (0..<count).map { number in
            guard let role = Role(rawValue: roles[number]) else {
                throw MDSError("role \(roles[number]) of clip \(number), expected 0 or 1", column: "audio_roles")
            }
            return StoredClip(number: number, role: role, bytes: bytes[Int(offsets[number])..<Int(offsets[number + 1])])
        }
    }

    /// How long the clip is by its header; 0 where that cannot be read or claims nothing.
    public var claimedSeconds: Double {
        guard let info = try? AudioDecoder(bytes: bytes, source: "").info else { return 0 }
        return Double(info.claimedFrames ?? 0) / Double(info.sampleRate)
    }

    /// Decodes the clip, averages its channels and converts it. // (S)
    ///
    /// - Throws: `AudioError` without a source: the caller knows shard, sample and number. There is no bound on the length;
    ///   ingest has seen to that.
    public func samples(at rate: Int) throws -> [Float] {
        try AudioDecoder(bytes: bytes, source: "").decodeMono(at: rate)
    }
}
