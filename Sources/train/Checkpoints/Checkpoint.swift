// Writes and reads a checkpoint directory: the model in its own layout, the optimizer, the trainer's state.
//
//     config.json  model.safetensors  optimizer.safetensors  trainer_state.json
//
// Of a run that trains an adapter, the adapter in peft's format and its proof in place of the model:
//
//     adapter_config.json  adapter_model.safetensors  adapter_proof.json  config.json  optimizer.safetensors  …
//
// A directory is written under NAME.partial, synced, read again, compared and renamed, so that a checkpoint is whole or
// absent.

import Foundation
import PipelineKit

enum Checkpoint {
    static let optimizerName = "optimizer.safetensors"

    /// Writes `run/name`; what stood there before goes only when the new one is whole.
    /// - Parameters:
    ///   - base: the checkpoint under an adapter.
    ///   - written: called between writing and reading again; tests damage a file there.
    /// - Throws: `FileError`, `CheckpointMismatch`; the partial directory of a failed save is removed.
    static func save(
        model: HiggsModel, optimizer: AdamW, state: TrainerState, base: String? = nil, in run: String, name: String,
        written: (_ partial: String) throws -> Void = { _ in }
    ) throws {
        let path = run + "/" + name, partial = path + CheckpointName.partialSuffix
        let statePath = path + "/" + TrainerState.fileName, stateBytes = Array((state.json.pretty() + "\n").utf8)
        if holds(path, model, optimizer) { return try AtomicFile.write(stateBytes, to: statePath) }
        try FileTree.remove(partial)
        guard mkdir(partial, 0o755) == 0 else { throw FileError("create the checkpoint", partial) }
        do {
            if model.parts.adapter == nil {
                try model.save(to: partial)
            } else {
                try model.saveAdapter(to: partial, base: base)
                try AtomicFile.write(
                    (model.config.document.pretty() + "\n").utf8, to: partial + "/" + HiggsModel.configName)
                try AdapterProof(model, base: base, path: path, isTrained: state.step > 0).write(to: partial)
            }
            try optimizer.save(to: partial + "/" + optimizerName)
            try AtomicFile.write(stateBytes, to: partial + "/" + TrainerState.fileName)
            try written(partial)
            try verify(partial, model: model, optimizer: optimizer, state: state)
            try place(partial, at: path)
            try AtomicFile.syncDirectory(of: path)
        } catch {
            try? FileTree.remove(partial)
            throw error
        }
    }

    /// Gives a whole checkpoint its name. What has the name already is not this checkpoint (see `holds`) and goes; its state
    /// first, so that nothing looks whole on the way.
    private static func place(_ partial: String, at path: String) throws {
        try FileTree.remove(path + "/" + TrainerState.fileName)
        try FileTree.remove(path)
        guard rename(partial, path) == 0 else { throw FileError("rename to \(path)", partial) }
    }

    /// Whether a whole checkpoint has these very tensors already: then only its state is news, as after an evaluation that a
    /// stop had put off, and the checkpoint stays whole while that one file changes.
    private static func holds(_ path: String, _ model: HiggsModel, _ optimizer: AdamW) -> Bool {
        guard access(path + "/" + TrainerState.fileName, F_OK) == 0 else { return false }
        do {
            return try model.firstCheckpointDifference(savedIn: path) == nil
                && optimizer.firstDifference(savedAt: path + "/" + optimizerName) == nil
        } catch {
            return false  // a file that cannot be read is none of these
        }
    }

    /// The model and optimizer of a checkpoint of a run.
    static func load(_ directory: String, setup: RunSetup) throws -> (model: HiggsModel, optimizer: AdamW) {
        let model = try setup.model(checkpoint: directory)
        let optimizer = AdamW(model.parameters, options: AdamW.Options(setup.config.training))
        try optimizer.load(from: directory + "/" + optimizerName)
        return (model, optimizer)
    }
}
