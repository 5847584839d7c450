// What the data was when a checkpoint was written, shard by shard, so that a run that goes on can say what changed.

import PipelineKit

/// The shards of all directories that are read, by what their indexes say of them.
struct DataFingerprint: Sendable, Equatable {
    struct Directory: Sendable, Equatable {
        /// `samples`, `codes` or `features`.
        var name: String
        /// xxh64 of each shard's entry in the index, which holds the hashes of its bytes.
        var shards: [String]
    }

    /// Of the indexes: other data, another digest.
    var digest: String
    var directories: [Directory]

    /// The shards in which this data differs from an earlier state, by directory and number.
    func changes(since earlier: DataFingerprint) -> [String] {
        var changes: [String] = []
        for directory in directories {
            guard let before = earlier.directories.first(where: { $0.name == directory.name }) else {
                changes.append("\(directory.name) is new")
                continue
            }
            let common = min(before.shards.count, directory.shards.count)
            changes += (0..<common).filter { before.shards[$0] != directory.shards[$0] }
                .map { "\(directory.name) shard \($0)" }
            if before.shards.count != directory.shards.count {
                changes.append("\(directory.name) has \(directory.shards.count) shards, had \(before.shards.count)")
            }
        }
        return changes
            + earlier.directories.filter { old in !directories.contains { $0.name == old.name } }
            .map { "\($0.name) is gone" }
    }

    /// The directories for trainer_state.json.
    var json: JSONValue {
        .object(JSONObject(directories.map { ($0.name, .array($0.shards.map { .string($0) })) }))
    }

    /// Reads what `json` wrote; nil where it is something else.
    init?(digest: String, json: JSONValue) {
        guard let members = json.objectValue?.members else { return nil }
        self.digest = digest
        directories = []
        for (name, shards) in members {
            guard let all = shards.arrayValue else { return nil }
            let digests = all.compactMap(\.stringValue)
            guard digests.count == all.count else { return nil }
            directories.append(Directory(name: name, shards: digests))
        }
    }

    init(digest: String, directories: [Directory]) {
        self.digest = digest
        self.directories = directories
    }
}

extension DataSource {
    /// What the data is now.
    var fingerprint: DataFingerprint {
        let parts: [(String, Part?)] = [("samples", samples), ("codes", codes), ("features", features)]
        return DataFingerprint(
            digest: digest,
            directories: parts.compactMap { name, part in
                part.map { part in
                    DataFingerprint.Directory(
                        name: name,
                        shards: part.reader.shards.map { XXH64.hash(Array($0.json.pythonDump().utf8)).hexDigits })
                }
            })
    }
}
