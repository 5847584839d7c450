// A lost index.json, made again from the shards and their sidecars. An index says that a directory is whole, so none is
// written unless everything says that it was whole when the index was lost: stage.json, which a stage takes away before it
// touches a shard and writes when all are done; a sidecar for every shard and no file beside them; the sum of their counts;
// their keys; every hash.

import Foundation
import PipelineKit

/// The repair of one shard directory.
struct IndexRepair {
    let directory: String
    /// The bytes of the index, which need not be written yet.
    let index: [UInt8]
    let shards: [MDSShardInfo]
    /// Whether that very index is there.
    let isThere: Bool

    private static func refuse(_ what: String, at place: String, remedy: String = "run its stage again") -> Failure {
        Failure(.badData, what, at: place.escapedForTerminal, remedy: remedy)
    }

    /// Reads and checks everything; writes nothing.
    ///
    /// - Throws: `Failure` (bad data) that names what does not fit, `MDSError` for a damaged shard.
    init(directory: String) throws {
        self.directory = directory
        shards = try Self.recordedShards(directory)
        let reader = MDSReader(directory: directory, shards: shards)
        let progress = Progress("verifying", unit: "shards", total: Double(shards.count))
        defer { progress.finish() }
        for number in shards.indices {
            try Interrupt.check()
            let shard = try reader.shard(number)
            for sample in 0..<shard.count { _ = try shard.sample(sample) }
            progress.advance()
        }
        index = MDSIndex(shards: shards).bytes
        let path = "\(directory)/\(MDSIndex.basename)"
        isThere = FileManager.default.fileExists(atPath: path)
        guard isThere else { return }
        guard try MappedFile(path: path).withBytes({ $0.elementsEqual(index) }) else {
            throw Self.refuse(
                "is there, and is not what the sidecars say", at: path,
                remedy: "if the index is what is damaged, remove it and run the same command again")
        }
    }

    /// Writes the index, if it is not there.
    func write() throws {
        if !isThere { try AtomicFile.write(index, to: "\(directory)/\(MDSIndex.basename)") }
    }

    /// The shards of a finished directory, as its sidecars describe them: one a shard, none too many, of the key and with the
    /// counts that stage.json implies. What the shards themselves hold is not looked at.
    ///
    /// - Throws: `Failure` (bad data) that names what does not fit.
    static func recordedShards(_ directory: String) throws -> [MDSShardInfo] {
        let stage = try stage(directory)
        let sidecars = try sidecars(directory)
        try checkCounts(sidecars, stage, directory)
        if let keys = try keys(sidecars, stage, directory) {
            guard keys.count == sidecars.count else {
                throw refuse("holds \(sidecars.count) shards, its input \(keys.count)", at: directory)
            }
            for (number, (key, sidecar)) in zip(keys, sidecars).enumerated()
            where !key.utf8.elementsEqual(sidecar.key.utf8) {
                throw refuse(
                    "the sidecar has the key \(sidecar.key.escapedForTerminal), with the options and input of stage.json "
                        + "it would be \(key)", at: "\(directory)/\(ShardSidecar.basename(number))")
            }
        }
        return sidecars.map(\.shard)
    }

    /// The record of a stage that was finished.
    private static func stage(_ directory: String) throws -> StageRecord {
        guard let stage = try StageRecord(directory: directory) else {
            throw refuse(
                "no stage.json: the stage that writes the directory has not finished", at: directory,
                remedy: "run it again; it goes on where it was")
        }
        // Written before the first shard of a run and kept: what was being made last.
        let pending = "\(directory)/.stage.json"
        if FileManager.default.fileExists(atPath: pending) {
            let began = try JSONValue(contentsOfFile: pending)
            for name in ["stage", "output_version", "options", "input"] {
                let finished: JSONValue? = stage.json[name]
                guard began[name] == finished else {
                    throw refuse("another run has begun with other \(name) since stage.json was written", at: pending)
                }
            }
        }
        return stage
    }

    /// The sidecars of all shards, which are numbered from 0 without a gap.
    private static func sidecars(_ directory: String) throws -> [ShardSidecar] {
        let names = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasPrefix("shard.") }
        var sidecars: [ShardSidecar] = []
        var expected: Set<[UInt8]> = []
        while true {
            let name = ShardSidecar.basename(sidecars.count)
            let path = "\(directory)/\(name)"
            guard FileManager.default.fileExists(atPath: path) else { break }
            guard let sidecar = try ShardSidecar(path: path) else {
                throw refuse("damaged, or not a sidecar", at: path)
            }
            let stem = name.dropLast(".json".count)
            let file = sidecar.shard.stored.basename
            guard [stem + ".mds", stem + ".mds.zstd"].contains(where: { $0.utf8.elementsEqual(file.utf8) }) else {
                throw refuse("the sidecar of another shard: it names \(file.escapedForTerminal)", at: path)
            }
            if let first = sidecars.first, first.shard.configuration != sidecar.shard.configuration {
                throw refuse("describes a shard with other columns or compression than shard 0", at: path)
            }
            guard sidecar.shard.raw.xxh64 != nil, sidecar.shard.stored.xxh64 != nil else {
                throw refuse("states no xxh64", at: path)
            }
            expected.formUnion([Array(name.utf8), Array(file.utf8)])
            sidecars.append(sidecar)
        }
        if let stray = names.sorted().first(where: { !expected.contains(Array($0.utf8)) }) {
            throw refuse(
                "\(stray.escapedForTerminal) has no sidecar, or belongs to none of the \(sidecars.count) shards before it",
                at: directory)
        }
        guard !sidecars.isEmpty else {
            throw refuse("no sidecars: only directories that sawt wrote can be repaired", at: directory)
        }
        return sidecars
    }

    /// What the shards hold together is what stage.json says of the whole: none is missing at the end.
    private static func checkCounts(_ sidecars: [ShardSidecar], _ stage: StageRecord, _ directory: String) throws {
        let sum = sidecars.reduce(into: JSONObject()) { $0.add(counts: $1.counts) }
        for (name, value) in sum.members where !isEqual(value, stage.counts[name]) {
            let stated = stage.counts[name].map { $0.pythonDump(ascii: false).escapedForTerminal } ?? "nothing"
            throw refuse(
                "its \(counted(sidecars.count, "shard")) hold \(value.pythonDump(ascii: false)) \(name.escapedForTerminal), "
                    + "stage.json says \(stated)", at: directory)
        }
        guard !sum.members.isEmpty else {
            throw refuse("the sidecars hold no counts to compare with stage.json", at: directory)
        }
    }

    /// Seconds were added in another order: they may differ in their last bits.
    private static func isEqual(_ a: JSONValue, _ b: JSONValue?) -> Bool {
        guard let b else { return false }
        if a == b { return true }
        if case .double(let a) = a, let b = b.doubleValue { return abs(a - b) <= 1e-9 * max(1, abs(b)) }
        return false
    }
}
