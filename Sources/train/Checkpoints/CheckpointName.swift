// The names of a run's checkpoints, and which of them go.

import Foundation
import PipelineKit

/// `checkpoint-N`: the state after N optimizer steps.
struct CheckpointName: Sendable, Equatable {
    static let prefix = "checkpoint-"
    /// Behind the name of a checkpoint that is being written.
    static let partialSuffix = ".partial"

    let step: Int
    var name: String { Self.prefix + String(step) }

    init(step: Int) { self.step = step }

    /// Parses a name; nil for anything that a run did not write.
    init?(_ name: String) {
        guard name.hasPrefix(Self.prefix), let step = Int(name.dropFirst(Self.prefix.count)), step >= 0,
            Self(step: step).name == name
        else { return nil }
        self.step = step
    }

    /// The whole checkpoints of a run, oldest first: those whose trainer_state.json is there.
    static func all(in run: String) -> [CheckpointName] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: run)) ?? []
        return names.compactMap { CheckpointName($0) }
            .filter { FileManager.default.fileExists(atPath: "\(run)/\($0.name)/\(TrainerState.fileName)") }
            .sorted { $0.step < $1.step }
    }

    /// Removes what a killed run left half-written, and nothing of another name.
    static func removePartial(in run: String) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: run) where name.hasSuffix(partialSuffix) {
            let whole = String(name.dropLast(partialSuffix.count))
            guard whole == "final" || CheckpointName(whole) != nil else { continue }
            try FileTree.remove(run + "/" + name)
        }
    }

    /// Removes the checkpoints that a run no longer keeps. Of one that is a link only the link goes: what it leads to belongs
    /// to somebody else.
    static func prune(in run: String, retention: Retention, best: Int?, finalStep: Int? = nil) throws {
        for step in retention.removed(from: all(in: run).map(\.step), best: best, finalStep: finalStep) {
            // The state goes first: a checkpoint that is half removed must not look whole.
            let path = run + "/" + CheckpointName(step: step).name
            if unlink(path) == 0 { continue }
            if unlink(path + "/" + TrainerState.fileName) != 0 { throw FileError("remove the old checkpoint", path) }
            try FileTree.remove(path)
        }
    }
}
