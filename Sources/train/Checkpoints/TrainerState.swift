// What a checkpoint knows beside the tensors: how far the run is, and what it must match to go on.

import PipelineKit

/// trainer_state.json, the last file of a checkpoint to be written.
struct TrainerState: Sendable, Equatable {
    static let fileName = "trainer_state.json"
    /// Raised when an older trainer could not go on from it.
    static let version = 2

    /// Optimizer steps that are done.
    var step: Int
    /// Steps of the whole run.
    var totalSteps: Int
    /// The place in the data: the epoch of the next step, and how many steps of it are done.
    var epoch: Int
    var stepInEpoch: Int
    var seed: Int
    /// xxh64 of the config's identity.
    var configDigest: String
    var data: DataFingerprint
    /// How validation rows were chosen; kept for the whole run.
    var validationBy: TrainingOptions.ValidationBy
    /// Whether the evaluation after the last step is still to come, because the run was stopped before it.
    var owesEvaluation: Bool
    /// Threads that computed; other numbers give other last bits.
    var threads: Int
    /// Positions and seconds of the steps since the last line of metrics.
    var windowTokens: Int
    var windowSeconds: Double
    /// nil before the first evaluation, and without validation rows.
    var best: BestCheckpoint?
    /// The vocabulary of the data and what its texts went through; nil where the data has no record of it, or the
    /// checkpoint is older than this member.
    var text: TextRecord? = nil

    /// Why a trainer_state.json cannot be used.
    struct Unreadable: PersonReadable, Equatable {
        var path: String
        var reason: String
        /// Whether it was written by another version of train, which no other checkpoint of the run helps.
        var isOtherVersion = false

        var failure: Failure {
            let remedy =
                isOtherVersion
                ? "go on with the version that wrote it, pass --resume --replace to start anew, or name another --output-dir"
                : "remove this checkpoint to go on from the one before it"
            return Failure(
                isOtherVersion ? .badUsage : .badData, "not a trainer state: \(reason)", at: path.escapedForTerminal,
                remedy: remedy)
        }
    }

    var json: JSONValue {
        [
            "version": .int(Self.version), "step": .int(step), "total_steps": .int(totalSteps), "epoch": .int(epoch),
            "step_in_epoch": .int(stepInEpoch), "seed": .int(seed), "config_digest": .string(configDigest),
            "data_digest": .string(data.digest), "data_shards": data.json,
            "validation_by": .string(validationBy.rawValue),
            "owes_evaluation": .bool(owesEvaluation),
            "threads": .int(threads), "window_tokens": .int(windowTokens), "window_seconds": .double(windowSeconds),
            "best": best?.json ?? .null, "text": text?.json ?? .null,
        ]
    }
}

extension TrainerState {
    /// Reads the state of a checkpoint directory.
    init(checkpoint directory: String) throws {
        let path = directory + "/" + Self.fileName
        let document: JSONValue
        do {
            document = try MappedFile(path: path).withBytes { try JSONValue(parsing: $0) }
        } catch let error as JSONError {
            throw Unreadable(path: path, reason: error.failure.what)
        }
        func member<Value>(_ key: String, _ read: (JSONValue) -> Value?) throws -> Value {
            guard let value = document[key].flatMap(read) else {
                throw Unreadable(path: path, reason: "\(key) is missing or ill-typed")
            }
            return value
        }
        func count(_ key: String) throws -> Int { try member(key) { $0.intValue.flatMap { $0 >= 0 ? $0 : nil } } }
        let version = try count("version")
        guard version == Self.version else {
            throw Unreadable(
                path: path, reason: "its version is \(version), expected \(Self.version)", isOtherVersion: true)
        }
        step = try count("step")
        totalSteps = try count("total_steps")
        guard step <= totalSteps else {
            throw Unreadable(path: path, reason: "step \(step) of \(totalSteps)")
        }
        epoch = try count("epoch")
        stepInEpoch = try count("step_in_epoch")
        seed = try count("seed")
        configDigest = try member("config_digest") { $0.stringValue }
        let dataDigest = try member("data_digest") { $0.stringValue }
        data = try member("data_shards") { DataFingerprint(digest: dataDigest, json: $0) }
        validationBy = try member("validation_by") { $0.stringValue.flatMap(TrainingOptions.ValidationBy.init) }
        owesEvaluation = try member("owes_evaluation") { $0.boolValue }
        threads = try count("threads")
        windowTokens = try count("window_tokens")
        windowSeconds = try member("window_seconds") { $0.doubleValue }
        best = try member("best") { $0.isNull ? .some(nil) : BestCheckpoint(json: $0).map { .some($0) } }
        if let record = document["text"], !record.isNull { text = try TextRecord(json: record, path: path) }
    }
}
