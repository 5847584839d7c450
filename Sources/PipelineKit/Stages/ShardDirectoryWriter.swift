// A directory of shards, written so that a kill at any moment leaves a state from which the same command goes on.
//
// In the directory:
//   .lock               one writer at a time, by flock
//   .stage.json         what the shards are being made from: stage.json without counts. Written before the first shard
//                       and kept, so that an unfinished directory is recognised too.
//   shard.00012.mds…    temporary name, sync, rename
//   shard.00012.json    its sidecar, after it. A shard is done when the sidecar's key is the wanted one and the file has
//                       the recorded size. An old sidecar goes before its shard is replaced, so that it never vouches
//                       for another's bytes.
//   stage.json          then
//   index.json          last of all: pure functions of the sidecars. A directory with an index is whole; the index goes
//                       before the first shard is replaced.
//
// Reference for names and index: mosaicml-streaming 0.13. What goes into the shards is not this file's concern.

import Foundation

/// The one writer of a shard directory. Not thread-safe.
public final class ShardDirectoryWriter {
    public let directory: String
    public let identity: StageIdentity
    public let configuration: MDSConfiguration
    private let lock: DirectoryLock
    private let faultPoint: FaultPoint?
    /// Whether the index is gone and `.stage.json` describes what is being written.
    private var hasBegun = false

    /// Opens a directory for writing, making it if need be. Changes nothing in it yet.
    ///
    /// - Parameters:
    ///   - identity: what the content is made from.
    ///   - configuration: of every shard.
    ///   - replace: goes on where the directory holds content of another identity of the same stage. Shards whose keys
    ///     still fit are kept even then.
    /// - Throws: `StageMismatch` without `replace`; a `Failure` if another writer has the directory or if it holds
    ///   something that this stage did not write; `FileError`.
    public convenience init(
        directory: String, identity: StageIdentity, configuration: MDSConfiguration, replace: Bool
    ) throws {
        try self.init(
            directory: directory, identity: identity, configuration: configuration, replace: replace, faultPoint: nil)
    }

    init(
        directory: String, identity: StageIdentity, configuration: MDSConfiguration, replace: Bool,
        faultPoint: FaultPoint?
    ) throws {
        self.directory = directory
        self.identity = identity
        self.configuration = configuration
        self.faultPoint = faultPoint
        try DirectoryLock.makeDirectory(directory)
        lock = try DirectoryLock(directory: directory)
        try checkContent(replace: replace)
    }

    private func path(_ name: String) -> String { directory + "/" + name }

    private func exists(_ name: String) -> Bool { access(path(name), F_OK) == 0 }

    // MARK: What is there

    private func checkContent(replace: Bool) throws {
        let old: StageRecord?
        do {
            old = try StageRecord(path: path(Self.pendingRecord)) ?? StageRecord(directory: directory)
        } catch let failure as Failure where replace && failure.status == .badData {
            return  // a damaged record is made anew
        }
        guard let old else {
            guard try shardFiles().isEmpty, !exists(MDSIndex.basename) else {
                throw foreign("holds shards without a record of the stage that wrote them")
            }
            return
        }
        guard old.identity.stage.utf8.elementsEqual(identity.stage.utf8) else {
            throw foreign("holds the output of \(old.identity.stage.escapedForTerminal), not of \(identity.stage)")
        }
        let differences = identity.differences(from: old.identity)
        // A run that came to nothing binds nobody.
        let isEmpty = try shardFiles().isEmpty && !exists(MDSIndex.basename)
        guard differences.isEmpty || replace || isEmpty else {
            throw StageMismatch(directory: directory, differences: differences)
        }
    }

    private func foreign(_ what: String) -> Failure {
        Failure(
            .badUsage, what, at: directory.escapedForTerminal,
            remedy: "choose another output directory, or remove this one")
    }

    /// The sidecar of a shard that is there: its file has the recorded name and size, and its configuration is the
    /// writer's. Whether its key is the wanted one is the caller's question. Nil for anything else.
    public func sidecar(_ number: Int) throws -> ShardSidecar? {
        guard let sidecar = try ShardSidecar(path: path(ShardSidecar.basename(number))) else { return nil }
        let file = sidecar.shard.stored
        guard sidecar.shard.configuration == configuration, file.basename == storedName(number) else { return nil }
        var status = stat()
        guard stat(path(file.basename), &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            Int(status.st_size) == file.byteCount
        else { return nil }
        return sidecar
    }

    private func storedName(_ number: Int) -> String {
        MDSRawShard.basename(number) + (configuration.compression == nil ? ".mds" : ".mds.zstd")
    }

    private func presentShards(_ count: Int) throws -> [ShardSidecar] {
        try (0..<count).map { number in
            guard let sidecar = try sidecar(number) else {
                throw Failure(
                    .failed, "the shard or its sidecar has gone while the directory was written",
                    at: path(storedName(number)).escapedForTerminal, remedy: "run the same command again")
            }
            return sidecar
        }
    }

    /// How many shards from the first on are there in every directory and pass `isValid`, which is called in order.
    ///
    /// For a stage that writes several directories in step: it appends from here.
    public static func resumePoint(
        of writers: [ShardDirectoryWriter], while isValid: (_ number: Int, _ sidecars: [ShardSidecar]) throws -> Bool
    ) throws -> Int {
        var number = 0
        while true {
            let sidecars = try writers.compactMap { try $0.sidecar(number) }
            guard sidecars.count == writers.count, try isValid(number, sidecars) else { return number }
            number += 1
        }
    }

    // MARK: Writing

    /// Compresses, hashes and writes a shard, then its sidecar. Both are on disk when it returns.
    @discardableResult
    public func write(
        _ shard: MDSRawShard, as number: Int, key: String, counts: JSONObject, resume: JSONObject = [:],
        notes: JSONObject = [:]
    ) throws -> ShardSidecar {
        try write(try shard.sealed(as: number), as: number, key: key, counts: counts, resume: resume, notes: notes)
    }

    /// Writes a shard that is compressed and hashed, then its sidecar. Both are on disk when it returns.
    @discardableResult
    public func write(
        _ sealed: MDSSealedShard, as number: Int, key: String, counts: JSONObject, resume: JSONObject = [:],
        notes: JSONObject = [:]
    ) throws -> ShardSidecar {
        precondition(
            sealed.info.configuration == configuration, "a shard of another configuration than its directory's")
        let sidecar = ShardSidecar(key: key, shard: sealed.info, counts: counts, resume: resume, notes: notes)
        try begin()
        try remove(ShardSidecar.basename(number))
        let file = try AtomicFile(path: path(sealed.info.stored.basename), faultPoint: faultPoint)
        try sealed.withBytes { try file.write($0) }
        try file.commit()
        try write(sidecar.bytes, to: ShardSidecar.basename(number))
        return sidecar
    }

    /// Takes the index away and says what is being written, before anything is replaced. `write` and `finish` call it; a
    /// stage that changes other files of the directory calls it first.
    public func begin() throws {
        if hasBegun { return }
        try remove(MDSIndex.basename)
        let record = StageRecord(identity: identity, counts: [:]).bytes
        try remove(Self.pendingRecord + ".tmp")
        if try !holds(record, Self.pendingRecord) { try write(record, to: Self.pendingRecord) }
        // Only now: until then it was the only word on an older directory.
        try remove(StageRecord.basename)
        hasBegun = true
    }

    /// Ends the directory with `count` shards, all of them there: removes what an earlier content left behind, writes
    /// stage.json, then index.json.
    ///
    /// - Parameter counts: for stage.json; by default the sum over the sidecars.
    /// - Returns: whether anything had to be written. If not, the index is touched, so that make sees it as new.
    @discardableResult
    public func finish(shards count: Int, counts: JSONObject? = nil) throws -> Bool {
        let sidecars = try presentShards(count)
        let total = counts ?? sidecars.reduce(into: JSONObject()) { $0.add(counts: $1.counts) }
        let record = StageRecord(identity: identity, counts: total).bytes
        let index = MDSIndex(shards: sidecars.map(\.shard)).bytes
        if try holds(record, StageRecord.basename), try holds(index, MDSIndex.basename) {
            guard utimensat(AT_FDCWD, path(MDSIndex.basename), nil, 0) == 0 else {
                throw FileError("touch", path(MDSIndex.basename))
            }
            return false
        }
        try begin()
        let current = Set((0..<count).flatMap { [storedName($0), ShardSidecar.basename($0)] })
        for name in try shardFiles() where !current.contains(name) { try remove(name) }
        try write(record, to: StageRecord.basename)
        try write(index, to: MDSIndex.basename)
        return true
    }

    // MARK: Files

    static let pendingRecord = ".stage.json"

    private func write(_ bytes: [UInt8], to name: String) throws {
        let file = try AtomicFile(path: path(name), faultPoint: faultPoint)
        try file.write(bytes)
        try file.commit()
    }

    /// Removes a file, if it is there, for good.
    private func remove(_ name: String) throws {
        guard exists(name) else { return }
        try faultPoint?("remove \(path(name))")
        guard unlink(path(name)) == 0 else { throw FileError("remove", path(name)) }
        try AtomicFile.syncDirectory(of: path(name))
    }

    private func holds(_ bytes: [UInt8], _ name: String) throws -> Bool {
        guard exists(name) else { return false }
        return try MappedFile(path: path(name)).withBytes { $0.elementsEqual(bytes) }
    }

    /// The names of shards, sidecars and their unfinished files, in order.
    private func shardFiles() throws -> [String] {
        try FileTree.names(directory).filter { name in
            var rest = Substring(name)
            guard rest.hasPrefix("shard.") else { return false }
            rest = rest.dropFirst(6)
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            if rest.hasSuffix(".tmp") { rest = rest.dropLast(4) }
            return digits.count >= 5 && [".mds", ".mds.zstd", ".json"].contains(rest)
        }.sorted()
    }
}
