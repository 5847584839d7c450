// Checkpoint directories: config.json and model.safetensors, in the layout that the config names.

import PipelineKit

/// Tensors of a checkpoint that do not fit its config; all of them at once.
struct CheckpointError: PersonReadable, Equatable {
    struct Misfit: Sendable, Equatable {
        var name: String
        var got: [Int]
        var expected: [Int]
    }

    var path: String
    var missing: [String] = []
    var unexpected: [String] = []
    var misshaped: [Misfit] = []

    var isEmpty: Bool { missing.isEmpty && unexpected.isEmpty && misshaped.isEmpty }

    var failure: Failure {
        func list(_ names: [String]) -> String { names.map(\.escapedForTerminal).joined(separator: ", ") }
        var parts: [String] = []
        if !missing.isEmpty { parts.append("\(missing.count) missing: \(list(missing))") }
        if !unexpected.isEmpty { parts.append("\(unexpected.count) unexpected: \(list(unexpected))") }
        if !misshaped.isEmpty {
            let shapes = misshaped.map { "\($0.name.escapedForTerminal) is \($0.got), expected \($0.expected)" }
            parts.append("\(misshaped.count) mis-shaped: \(shapes.joined(separator: ", "))")
        }
        return Failure(
            .badUsage, "the tensors are not those of its config.json: " + parts.joined(separator: "; "),
            at: path.escapedForTerminal, remedy: "use the config.json and the weights of one checkpoint")
    }
}

extension HiggsModel {
    static let configName = "config.json"
    static let weightsName = "model.safetensors"

    /// Reads a checkpoint directory. Weights of any float type become single floats.
    /// - Throws: `FileError`, `ModelConfigError`, `SafetensorsError`, `CheckpointError`.
    convenience init(loading directory: String) throws {
        var config = try ModelConfig(path: directory + "/" + Self.configName)
        let file = try SafetensorsFile(path: directory + "/" + Self.weightsName)
        // No config says whether there is a text head; the tensor does.
        config.hasTextHead = file.tensor(config.layout.name(of: .textHead)) != nil
        try Self.checkTensors(of: file, config: config)
        self.init(empty: config)
        try withExtendedLifetime(file) {
            for entry in parameters.entries {
                guard let tensor = file.tensor(entry.name) else { continue }
                try tensor.copyFloats(into: parameters.values(entry))
            }
        }
    }

    private static func checkTensors(of file: SafetensorsFile, config: ModelConfig) throws {
        var error = CheckpointError(path: file.path)
        var known = Set<[UInt8]>()
        for (key, shape) in config.parameterShapes {
            let name = config.layout.name(of: key)
            known.insert(Array(name.utf8))
            if let tensor = file.tensor(name) {
                if tensor.shape != shape {
                    error.misshaped.append(CheckpointError.Misfit(name: name, got: tensor.shape, expected: shape))
                }
            } else {
                error.missing.append(name)
            }
        }
        error.unexpected = file.tensors.map(\.name).filter { !known.contains(Array($0.utf8)) }
        if !error.isEmpty { throw error }
    }

    /// Writes config.json and model.safetensors (F32) into an existing directory, the config last.
    /// - Throws: `FileError`.
    func save(to directory: String) throws {
        var writer = SafetensorsWriter()
        for entry in parameters.entries {
            writer.add(entry.name, shape: entry.shape, borrowing: UnsafeBufferPointer(parameters.values(entry)))
        }
        try withExtendedLifetime(parameters) { try writer.write(to: directory + "/" + Self.weightsName) }
        try AtomicFile.write((config.document.pretty() + "\n").utf8, to: directory + "/" + Self.configName)
    }
}
