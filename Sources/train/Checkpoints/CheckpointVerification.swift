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
        if let what = try model.firstCheckpointDifference(savedIn: directory) {
            throw CheckpointMismatch(path: directory, what: what)
        }
        let path = directory + "/" + optimizerName
        if let what = try optimizer.firstDifference(savedAt: path) { throw CheckpointMismatch(path: path, what: what) }
        // By its bytes too: a key that is damaged may be one whose absence means something.
        let statePath = directory + "/" + TrainerState.fileName, bytes = Array((state.json.pretty() + "\n").utf8)
        guard try TrainerState(checkpoint: directory) == state,
            try MappedFile(path: statePath).withBytes({ $0.elementsEqual(bytes) })
        else {
            throw CheckpointMismatch(path: directory, what: TrainerState.fileName)
        }
    }
}

extension HiggsModel {
    /// What of a checkpoint, of the whole model or of its adapter, is not as it is here; nil where all is the same.
    func firstCheckpointDifference(savedIn directory: String) throws -> String? {
        try parts.adapter == nil ? firstDifference(savedIn: directory) : firstAdapterDifference(savedIn: directory)
    }

    /// The first tensor, or the config, that a saved model does not have as this one has it; nil where all is the same.
    func firstDifference(savedIn directory: String) throws -> String? {
        let files = try SafetensorsSet(directory: directory)
        return try withExtendedLifetime((files, parameters)) {
            for entry in parameters.entries where entry.isBase {
                guard let tensor = files.tensor(entry.name), tensor.shape == entry.shape else { return entry.name }
                let isSame =
                    entry.mapped.map { tensor.elementType == $0.elementType && isEqual(tensor.bytes, $0.bytes) }
                    ?? tensor.holds(UnsafeBufferPointer(parameters.values(entry)), as: entry.storedType)
                if !isSame { return entry.name }
            }
            let path = directory + "/" + Self.configName
            let saved = try MappedFile(path: path).withBytes { try JSONValue(parsing: $0) }
            return saved == config.document ? nil : Self.configName
        }
    }
}

private func isEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard a.count == b.count else { return false }
    guard let first = a.baseAddress, let second = b.baseAddress else { return true }
    return memcmp(first, second, a.count) == 0
}

extension SafetensorsTensor {
    /// Whether it has this type and, rounded to it, the very bits of these floats.
    func holds(_ values: UnsafeBufferPointer<Float>, as type: ElementType = .float32) -> Bool {
        guard elementType == type, count == values.count else { return false }
        if type == .float32 { return isEqual(bytes, UnsafeRawBufferPointer(values)) }
        for start in stride(from: 0, to: count, by: 1 << 20) {
            let end = min(start + 1 << 20, count)
            let piece = narrowed(UnsafeBufferPointer(rebasing: values[start..<end]), to: type)
            let place = start * type.byteCount..<end * type.byteCount
            guard piece.withUnsafeBytes({ isEqual($0, UnsafeRawBufferPointer(rebasing: bytes[place])) }) else {
                return false
            }
        }
        return true
    }
}

extension SafetensorsFile {
    /// Whether a tensor has this shape and these very bits, as 32-bit floats.
    func holds(_ name: String, shape: [Int], _ values: UnsafeBufferPointer<Float>) -> Bool {
        guard let tensor = tensor(name), tensor.shape == shape else { return false }
        return tensor.holds(values)
    }
}
