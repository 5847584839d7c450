// shard.00012.json, beside each shard: what the shard was made from and what it holds. Written after the shard; a shard
// without a sidecar that fits it does not exist for a stage. A sidecar vouches for itself, too: stage.json and the place
// where a run goes on come from it alone, so one that was damaged must not be believed.

import Foundation

/// The sidecar of one shard.
public struct ShardSidecar: Sendable {
    /// Says what the shard was made from; see `StageIdentity.key`.
    public var key: String
    /// The shard's entry in the index.
    public var shard: MDSShardInfo
    /// What the shard holds; stage.json sums them over all shards.
    public var counts: JSONObject
    /// What a stage without input shards needs to go on after this one.
    public var resume: JSONObject
    /// What else is worth knowing of the shard, and does not simply add up; not part of what is made of it.
    public var notes: JSONObject

    public init(
        key: String, shard: MDSShardInfo, counts: JSONObject, resume: JSONObject = [:], notes: JSONObject = [:]
    ) {
        self.key = key
        self.shard = shard
        self.counts = counts
        self.resume = resume
        self.notes = notes
    }

    /// `shard.00012.json`.
    public static func basename(_ number: Int) -> String { MDSRawShard.basename(number) + ".json" }

    var bytes: [UInt8] {
        var json: JSONObject = ["key": .string(key), "shard": shard.json, "counts": .object(counts)]
        if !resume.members.isEmpty { json["resume"] = .object(resume) }
        if !notes.members.isEmpty { json["notes"] = .object(notes) }
        json["xxh64"] = .string(Self.digest(of: json))
        return Array((JSONValue.object(json).pythonDump() + "\n").utf8)
    }

    /// The XXH64, in 16 digits, of a sidecar's other members.
    private static func digest(of json: JSONObject) -> String {
        var rest = json
        rest["xxh64"] = nil
        return XXH64.hash(JSONValue.object(rest).pythonDump(sortKeys: true).utf8).hexDigits
    }

    /// Reads a sidecar; nil where there is none or what there is is not what was written.
    public init?(path: String) throws {
        guard access(path, F_OK) == 0 else { return nil }
        let file = try MappedFile(path: path)
        let json: JSONValue? = file.withBytes { try? JSONValue(parsing: $0) }
        guard let json = json?.objectValue, json["xxh64"] == .string(Self.digest(of: json)),
            let key = json["key"]?.stringValue, let entry = json["shard"], let shard = try? MDSShardInfo(json: entry),
            let counts = json["counts"]?.objectValue
        else { return nil }
        self.init(
            key: key, shard: shard, counts: counts, resume: json["resume"]?.objectValue ?? [:],
            notes: json["notes"]?.objectValue ?? [:])
    }
}
