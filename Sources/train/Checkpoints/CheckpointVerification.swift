// A checkpoint that was just written, read again and compared with what is in memory, tensor by tensor and bit by bit:
// before it takes its name, and before an older one goes.

import Foundation
import PipelineKit

/// A checkpoint that does not say what was written.
struct CheckpointMismatch: PersonReadable, Equatable {
    var path: String
    var what: String

    var failure: Failure {
        Failure(
            .failed, "\(what) reads back otherwise than it was written", at: path.escapedForTerminal,
            remedy: "check the disk; the checkpoint before it is kept")
    }
}

extension Checkpoint {
    /// Reopens every file of a checkpoint.
    /// - Throws: `CheckpointMismatch`, or what a reader of the file would throw.
    static func verify(
        _ directory: String, model: HiggsModel, optimizer: AdamW, state: TrainerState
    ) throws {
        if let what = try model.firstDifference(savedIn: directory) {
            throw CheckpointMismatch(path: directory, what: what)
        }
        let path = directory + "/" + optimizerName
        if let what = try optimizer.firstDifference(savedAt: path) { throw CheckpointMismatch(path: path, what: what) }
        guard try TrainerState(checkpoint: directory) == state else {
            throw CheckpointMismatch(path: directory, what: TrainerState.fileName)
        }
    }
}

extension HiggsModel {
    /// The first tensor, or the config, that a saved model does not have as this one has it; nil where all is the same.
    func firstDifference(savedIn directory: String) throws -> String? {
        let file = try SafetensorsFile(path: directory + "/" + Self.weightsName)
        return try withExtendedLifetime(file) {
            for entry in parameters.entries
            where !file.holds(entry.name, shape: entry.shape, UnsafeBufferPointer(parameters.values(entry))) {
                return entry.name
            }
            let path = directory + "/" + Self.configName
            let saved = try MappedFile(path: path).withBytes { try JSONValue(parsing: $0) }
            return saved == config.document ? nil : Self.configName
        }
    }
}

extension SafetensorsFile {
    /// Whether a tensor has this shape and these very bits, as 32-bit floats.
    func holds(_ name: String, shape: [Int], _ values: UnsafeBufferPointer<Float>) -> Bool {
        guard let tensor = tensor(name), tensor.elementType == .float32, tensor.shape == shape else { return false }
        let bytes = UnsafeRawBufferPointer(values)
        guard tensor.bytes.count == bytes.count else { return false }
        guard let a = tensor.bytes.baseAddress, let b = bytes.baseAddress else { return true }
        return memcmp(a, b, bytes.count) == 0
    }
}
