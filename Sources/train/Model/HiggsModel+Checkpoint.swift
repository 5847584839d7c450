// Checkpoint directories: config.json and the weights, one file or several with an index, in the layout that the config
// names. What is not trained stays in the mapped files, in its own type, and is saved back in it.

import PipelineKit

/// Tensors of a checkpoint that do not fit its config; all of them at once.
struct CheckpointError: PersonReadable, Equatable {
    struct Misfit: Sendable, Equatable {
        var name: String
        var got: [Int]
        var expected: [Int]
    }

    var path: String
    /// Whether these are the tensors of an adapter, not of a model.
    var isAdapter = false
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
        let what = isAdapter ? "the adapter does not fit this base" : "the tensors are not those of its config.json"
        return Failure(
            .badUsage, what + ": " + parts.joined(separator: "; "), at: path.escapedForTerminal,
            remedy: isAdapter
                ? "name the base that it was trained on with --model"
                : "use the config.json and the weights of one checkpoint")
    }
}

extension CheckpointError {
    /// Compares the tensors of files with those that are wanted.
    init(path: String, isAdapter: Bool = false, got: [SafetensorsTensor], wanted: [(name: String, shape: [Int])]) {
        self.init(path: path, isAdapter: isAdapter)
        let found = Dictionary(got.map { (Array($0.name.utf8), $0.shape) }, uniquingKeysWith: { first, _ in first })
        var known = Set<[UInt8]>()
        for (name, shape) in wanted {
            let bytes = Array(name.utf8)
            known.insert(bytes)
            if let shapeFound = found[bytes] {
                if shapeFound != shape { misshaped.append(Misfit(name: name, got: shapeFound, expected: shape)) }
            } else {
                missing.append(name)
            }
        }
        unexpected = got.map(\.name).filter { !known.contains(Array($0.utf8)) }
    }
}

extension HiggsModel {
    static let configName = "config.json"

    /// Opens a checkpoint directory without reading its values.
    /// - Throws: `FileError`, `ModelConfigError`, `SafetensorsError`, `CheckpointError`.
    static func open(_ directory: String) throws -> (config: ModelConfig, files: SafetensorsSet) {
        var config = try ModelConfig(path: directory + "/" + configName)
        let files = try SafetensorsSet(directory: directory)
        // No config says whether there is a text head; the tensor does.
        config.hasTextHead = files.tensor(config.layout.name(of: .textHead)) != nil
        let wanted = config.parameterShapes.map { (config.layout.name(of: $0.key), $0.shape) }
        let error = CheckpointError(path: files.path, got: files.tensors, wanted: wanted)
        if !error.isEmpty { throw error }
        return (config, files)
    }

    /// Reads a checkpoint directory. What is trained becomes single floats; matrices that are not stay where they lie.
    /// - Parameter seed: of the adapter's first values, where `parts` has one.
    /// - Throws: `FileError`, `ModelConfigError`, `SafetensorsError`, `CheckpointError`.
    convenience init(loading directory: String, parts: TrainedParts = .everything, seed: UInt64 = 0) throws {
        let (config, files) = try Self.open(directory)
        self.init(empty: config, parts: parts, files: files)
        for entry in parameters.entries where entry.mapped == nil {
            guard entry.isBase else {
                parameters.initializeAdapter(entry, seed: seed)
                continue
            }
            try withExtendedLifetime(files) { try files.tensor(entry.name)?.copyFloats(into: parameters.values(entry)) }
        }
    }

    /// Writes the weights, each in its own type, and config.json, the last, into an existing directory.
    /// - Throws: `FileError`.
    func save(to directory: String, shardBytes: Int = SafetensorsSet.defaultShardBytes) throws {
        var writer = SafetensorsWriter()
        for entry in parameters.entries where entry.isBase {
            if let mapped = entry.mapped {
                writer.add(entry.name, elementType: entry.storedType, shape: entry.shape) { try $0(mapped.bytes) }
            } else {
                let values = UnsafeBufferPointer(parameters.values(entry))
                writer.add(entry.name, elementType: entry.storedType, shape: entry.shape) {
                    try Self.write(values, as: entry.storedType, to: $0)
                }
            }
        }
        try withExtendedLifetime(parameters) { try writer.write(toModel: directory, shardBytes: shardBytes) }
        try AtomicFile.write((config.document.pretty() + "\n").utf8, to: directory + "/" + Self.configName)
    }

    /// Hands floats over in a type, piece by piece where they are rounded.
    static func write(
        _ values: UnsafeBufferPointer<Float>, as type: ElementType, to sink: SafetensorsWriter.ByteSink
    ) throws {
        if type == .float32 { return try sink(UnsafeRawBufferPointer(values)) }
        for start in stride(from: 0, to: values.count, by: 1 << 20) {
            let piece = UnsafeBufferPointer(rebasing: values[start..<min(start + 1 << 20, values.count)])
            try narrowed(piece, to: type).withUnsafeBytes { try sink($0) }
        }
    }
}
