// The directory of a run: who may write in it, whether it holds a run already, and what is done about that.
//
//     config.yaml  metrics.jsonl  checkpoint-N/  final/  .lock
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
    case locked(path: String)
    case differentConfig(path: String, differences: [String])
    case differentData(path: String, checkpoint: String)

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
        case .locked(let path):
            Failure(
                .failed, "another train writes in this directory", at: path.escapedForTerminal,
                remedy: "wait for it, or name another --output-dir")
        case .differentConfig(let path, let differences):
            Failure(
                .badUsage, "the run was started with another config: \(differences.joined(separator: ", "))",
                at: path.escapedForTerminal,
                remedy: "restore these keys, pass --resume --replace to start anew, or name another --output-dir")
        case .differentData(let path, let checkpoint):
            Failure(
                .badUsage, "the data has changed since \(checkpoint) was written", at: path.escapedForTerminal,
                remedy: "restore the data, pass --resume --replace to start anew, or name another --output-dir")
        }
    }
}

/// A run directory that this process has locked.
final class RunDirectory {
    let path: String
    private var lock: DirectoryLock

    var configPath: String { path + "/config.yaml" }
    var metricsPath: String { path + "/metrics.jsonl" }
    var finalPath: String { path + "/final" }

    /// Where a run begins.
    enum Start: Equatable {
        /// At step 0; metrics of an earlier attempt without a checkpoint are dropped.
        case fresh
        /// After the steps of this checkpoint.
        case checkpoint(TrainerState)
        /// Nowhere: final/ is whole.
        case finished(TrainerState)
    }

    /// Locks the directory (created where it is absent) and decides where the run begins. Nothing of an earlier run is
    /// changed, except that it is moved aside where `mode` says so.
    ///
    /// - Throws: `RunDirectoryError`, `FileError`.
    static func open(
        _ path: String, mode: RunMode, config: TrainConfig, dataDigest: String
    ) throws -> (directory: RunDirectory, start: Start) {
        let directory = try RunDirectory(path: path)
        switch try directory.contents() {
        case .empty: return (directory, .fresh)
        case .foreign(let example): throw RunDirectoryError.foreignFiles(path: path, example: example)
        case .run: break
        }
        guard mode.resumes || mode.replaces else { throw RunDirectoryError.holdsRun(path: path) }
        if mode.resumes {
            do {
                return (directory, try directory.resumePoint(config: config, dataDigest: dataDigest))
            } catch let error as RunDirectoryError where mode.replaces {
                Console.log.info("\(error.failure.what)")
            } catch let error as ConfigError where mode.replaces {
                Console.log.info("the old run's config cannot be read: \(error.failure)")
            }
        }
        try directory.moveAside()
        return (directory, .fresh)
    }

    private init(path: String) throws {
        self.path = path
        lock = try DirectoryLock(directory: path)
    }

    private enum Contents { case empty, run, foreign(example: String) }

    private func contents() throws -> Contents {
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        if names.contains("config.yaml") { return .run }
        let own = [DirectoryLock.name, "config.yaml.tmp"]
        return names.sorted().first { !own.contains($0) }.map { .foreign(example: $0) } ?? .empty
    }

    /// The last whole checkpoint of a run that is the same as this one.
    private func resumePoint(config: TrainConfig, dataDigest: String) throws -> Start {
        let differences = config.differences(from: try TrainConfig(file: configPath))
        guard differences.isEmpty else {
            throw RunDirectoryError.differentConfig(path: path, differences: differences)
        }
        let isFinished = FileManager.default.fileExists(atPath: finalPath + "/" + TrainerState.fileName)
        let name = isFinished ? "final" : CheckpointName.all(in: path).last?.name
        guard let name else { return .fresh }
        let state = try TrainerState(checkpoint: path + "/" + name)
        guard state.dataDigest == dataDigest else {
            throw RunDirectoryError.differentData(path: path, checkpoint: name)
        }
        return isFinished ? .finished(state) : .checkpoint(state)
    }

    /// Renames the directory to the first free PATH.1, PATH.2, … and makes a new one in its place.
    private func moveAside() throws {
        var number = 1
        while FileManager.default.fileExists(atPath: "\(path).\(number)") { number += 1 }
        let aside = "\(path).\(number)"
        if rename(path, aside) != 0 { throw FileError("rename to \(aside)", path) }
        Console.log.info("moved the old run to \(aside.escapedForTerminal)")
        // The old lock is held until here, so nobody else takes the directory while it moves.
        lock = try DirectoryLock(directory: path)
    }
}

/// One writer a directory: an flock on `.lock` in it, released with the object or the process.
final class DirectoryLock {
    static let name = ".lock"
    private let descriptor: Int32

    /// Creates the directory and its parents where they are absent, and takes the lock without waiting.
    init(directory: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw FileError("create the directory", directory, code: Self.systemCode(error))
        }
        let path = directory + "/" + Self.name
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError("create the lock", path) }
        if flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            close(descriptor)
            throw code == EWOULDBLOCK
                ? RunDirectoryError.locked(path: directory) : FileError("lock", path, code: code) as any Error
        }
    }

    deinit { close(descriptor) }

    /// The errno behind a Foundation error.
    private static func systemCode(_ error: any Error) -> Int32 {
        let error = error as NSError
        if let underlying = error.userInfo[NSUnderlyingErrorKey] as? NSError { return Int32(underlying.code) }
        return error.domain == NSPOSIXErrorDomain ? Int32(error.code) : EIO
    }
}
