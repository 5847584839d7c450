// The directory of a run: who may write in it, whether it holds a run already, and what is done about that.
//
//     config.yaml  metrics.jsonl  events.out.tfevents.0.sawt  checkpoint-N/  final/  .lock
//
// A directory holds a run when it has a config.yaml, which is the first file that a run writes. Only such a directory is
// ever moved aside; one with other people's files is refused.

import Foundation
import PipelineKit

/// What the command line says about a directory that holds a run.
struct RunMode: Sendable, Equatable {
    /// `--resume`: go on with the run that the directory holds.
    var resumes = false
    /// `--replace`: move a run that cannot go on to DIR.1, .2, …
    var replaces = false
}

/// Why a directory cannot be used for a run.
enum RunDirectoryError: PersonReadable, Equatable {
    case holdsRun(path: String)
    case foreignFiles(path: String, example: String)
    case differentConfig(path: String, differences: [String])
    case differentData(path: String, checkpoint: String, changes: [String])
    case differentText(path: String, checkpoint: String, differences: [String])

    var failure: Failure {
        switch self {
        case .holdsRun(let path):
            Failure(
                .badUsage, "the directory holds a run already", at: path.escapedForTerminal,
                remedy: "pass --resume to go on with it, --replace to move it aside, or another --output-dir")
        case .foreignFiles(let path, let example):
            Failure(
                .badUsage, "the directory is not empty and holds no run (it has \(example.escapedForTerminal))",
                at: path.escapedForTerminal, remedy: "name an empty or a new --output-dir")
        case .differentConfig(let path, let differences):
            Failure(
                .badUsage, "the run was started with another config: \(differences.joined(separator: ", "))",
                at: path.escapedForTerminal,
                remedy: "restore these keys, pass --resume --replace to start anew, or name another --output-dir")
        case .differentData(let path, let checkpoint, let changes):
            Failure(
                .badUsage,
                "the data has changed since \(checkpoint) was written: "
                    + changes.prefix(4).map(\.escapedForTerminal).joined(separator: ", ")
                    + (changes.count > 4 ? " and \(changes.count - 4) more" : ""),
                at: path.escapedForTerminal,
                remedy: "restore the data, pass --resume --replace to start anew, or name another --output-dir")
        case .differentText(let path, let checkpoint, let differences):
            Failure(
                .badUsage,
                "\(checkpoint) was trained on texts that were prepared otherwise: \(differences.joined(separator: ", "))",
                at: path.escapedForTerminal,
                remedy: "run ingest as before, pass --resume --replace to start anew, or name another --output-dir")
        }
    }
}

/// A run directory that this process has locked.
final class RunDirectory {
    let path: String
    private var lock: DirectoryLock

    var configPath: String { path + "/config.yaml" }
    var metricsPath: String { path + "/metrics.jsonl" }
    var eventsPath: String { path + "/" + TensorBoardFile.name }
    var finalPath: String { path + "/final" }

    /// Where a run begins.
    enum Start: Equatable {
        /// At step 0; metrics of an earlier attempt without a checkpoint are dropped.
        case fresh
        /// At step 0, after the run that the directory holds has been moved aside.
        case anew(because: String)
        /// After the steps of this checkpoint, which lies at `path`.
        case checkpoint(path: String, TrainerState)
        /// Nowhere: final/ is whole.
        case finished(TrainerState)
    }

    /// Makes the directory where it is absent and takes its lock. Nothing else in it is changed.
    /// - Throws: `RunDirectoryError.foreignFiles`; `Failure` where another process writes in it; `FileError`.
    init(path: String) throws {
        // The standardized path has no trailing slash, behind which `.1` would land inside.
        self.path = URL(fileURLWithPath: path).standardizedFileURL.path
        // Other people's files are refused before a lock is put beside them.
        if FileManager.default.fileExists(atPath: self.path), case .foreign(let example) = try Self.contents(self.path)
        {
            throw RunDirectoryError.foreignFiles(path: self.path, example: example)
        }
        try DirectoryLock.makeDirectory(self.path)
        lock = try DirectoryLock(directory: self.path)
    }

    /// Decides where the run begins. Changes nothing; `prepare` does.
    /// - Throws: `RunDirectoryError`, `FileError`.
    func start(
        mode: RunMode, config: TrainConfig, data: DataFingerprint, text: TextRecord? = nil
    ) throws -> Start {
        switch try Self.contents(path) {
        case .empty: return .fresh
        case .foreign(let example): throw RunDirectoryError.foreignFiles(path: path, example: example)
        case .run: break
        }
        guard mode.resumes || mode.replaces else { throw RunDirectoryError.holdsRun(path: path) }
        guard mode.resumes else { return .anew(because: "--replace without --resume") }
        do {
            return try resumePoint(config: config, data: data, text: text)
        } catch  where mode.replaces && (error is RunDirectoryError || error is ConfigError) {
            return .anew(because: Failure(error).what)
        } catch let error as TrainerState.Unreadable where mode.replaces && error.isOtherVersion {
            return .anew(because: Failure(error).what)
        }
    }

    /// Makes the directory ready to be written to: moves an old run to the first free PATH.1, PATH.2, …, removes what a
    /// kill left half-written, writes config.yaml, which must be resolved.
    func prepare(_ start: Start, config: TrainConfig) throws {
        precondition(config.training.frozenComputeType != .auto, "a config that is not resolved")
        if case .anew(let reason) = start {
            var number = 1
            while FileManager.default.fileExists(atPath: "\(path).\(number)") { number += 1 }
            let aside = "\(path).\(number)"
            guard rename(path, aside) == 0 else { throw FileError("rename to \(aside)", path) }
            Console.log.info("moved the old run to \(aside.escapedForTerminal): \(reason)")
            // The old lock is held until here, so nobody else takes the directory while it moves.
            try DirectoryLock.makeDirectory(path)
            lock = try DirectoryLock(directory: path)
        }
        try CheckpointName.removePartial(in: path)
        try AtomicFile.write(Array(config.yaml.utf8), to: configPath)
    }

    private enum Contents { case empty, run, foreign(example: String) }

    private static func contents(_ path: String) throws -> Contents {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue else {
            throw Failure(
                .badUsage, "not a directory", at: path.escapedForTerminal, remedy: "name another --output-dir")
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        if names.contains("config.yaml") { return .run }
        let own = [".lock", "config.yaml.tmp"]
        return names.sorted().first { !own.contains($0) }.map { .foreign(example: $0) } ?? .empty
    }

    /// `training.frozen_compute_dtype` of the run that a directory holds; nil where there is none that can be read, which
    /// `start` tells.
    static func recordedComputeType(_ path: String) -> TrainingOptions.ComputeType? {
        (try? recordedConfig(path))?.training.frozenComputeType
    }

    /// The config of the run that a directory holds. Before there was that key, all products were in float32.
    private static func recordedConfig(_ path: String) throws -> TrainConfig {
        var config = try TrainConfig(file: path + "/config.yaml")
        if config.training.frozenComputeType == .auto { config.training.frozenComputeType = .float32 }
        return config
    }

    /// The last whole checkpoint of a run that is the same as this one.
    private func resumePoint(config: TrainConfig, data: DataFingerprint, text: TextRecord?) throws -> Start {
        let differences = config.differences(from: try Self.recordedConfig(path))
        guard differences.isEmpty else {
            throw RunDirectoryError.differentConfig(path: path, differences: differences)
        }
        let isFinished = FileManager.default.fileExists(atPath: finalPath + "/" + TrainerState.fileName)
        let name = isFinished ? "final" : CheckpointName.all(in: path).last?.name
        guard let name else { return .fresh }
        let state = try TrainerState(checkpoint: path + "/" + name)
        if let trained = state.text, let text, trained != text {
            throw RunDirectoryError.differentText(
                path: path, checkpoint: name, differences: text.differences(from: trained))
        }
        guard state.data.digest == data.digest else {
            throw RunDirectoryError.differentData(
                path: path, checkpoint: name, changes: data.changes(since: state.data))
        }
        return isFinished ? .finished(state) : .checkpoint(path: path + "/" + name, state)
    }
}
