// A CODEC_DIR as tokenize fit writes it, one writer at a time: .fit.json, which says what is being made and stays, so that a
// killed fit is recognised; model.safetensors; then config.json. A directory with a config.json is whole.

import Foundation
import PipelineKit

/// The place where a fitted codec goes.
package struct MelRVQDirectory {
    let path: String
    private let lock: DirectoryLock
    private var configPath: String { path + "/config.json" }
    private var modelPath: String { path + "/model.safetensors" }
    private var pendingPath: String { path + "/.fit.json" }

    /// What the directory holds before a fit.
    package enum Content {
        case nothing
        /// The codec that the fit would make, with the description of its config.json.
        case same(JSONValue)
    }

    /// Opens the directory for writing, making it if need be.
    ///
    /// - Throws: `FileError`, a `Failure` where another program writes there.
    package init(_ path: String) throws {
        self.path = path
        try DirectoryLock.makeDirectory(path)
        lock = try DirectoryLock(directory: path)
    }

    /// Looks at what is there.
    ///
    /// - Throws: a `Failure` (bad usage) for a codec of another kind, and without `replace` for one of another fit or for
    ///   files that no fit wrote.
    package func content(for identity: FitIdentity, replace: Bool) throws -> Content {
        guard access(configPath, F_OK) == 0 else {
            guard access(modelPath, F_OK) != 0 || replace || isPending(identity) else {
                throw Failure(
                    .badUsage,
                    "holds a model.safetensors without config.json: no codec, or an unfinished one of another fit",
                    at: path.escapedForTerminal, remedy: "pass --replace to make it anew, or choose another directory")
            }
            return .nothing
        }
        let config = try codecConfig(configPath)
        guard let type = config["model_type"]?.stringValue, type.utf8.elementsEqual(MelRVQConfig.modelType.utf8) else {
            throw Failure(
                .badUsage,
                "holds a codec of the model type \((config["model_type"] ?? .null).pythonDump().escapedForTerminal), "
                    + "which is never replaced", at: path.escapedForTerminal, remedy: "choose another directory")
        }
        if (config["fit"]?.objectValue).map(JSONValue.object) == .object(identity.json), isWhole(config) {
            return .same(config)
        }
        guard replace else {
            throw Failure(
                .badUsage,
                "holds a codec of another fit (\((config["fit"] ?? .null).pythonDump().escapedForTerminal), now "
                    + "\(JSONValue.object(identity.json).pythonDump()))",
                at: path.escapedForTerminal, remedy: "pass --replace to make it anew, or choose another directory")
        }
        return .nothing
    }

    private func isWhole(_ config: JSONValue) -> Bool {
        (try? MelRVQCodec(directory: path, config: config)) != nil
            && (try? digest(ofFiles: [modelPath])) == config["model_digest"]?.stringValue
    }

    /// Whether a fit of this identity began here.
    private func isPending(_ identity: FitIdentity) -> Bool {
        guard access(pendingPath, F_OK) == 0, let file = try? MappedFile(path: pendingPath) else { return false }
        return file.withBytes { $0.elementsEqual(pendingRecord(identity)) }
    }

    private func pendingRecord(_ identity: FitIdentity) -> [UInt8] {
        Array((JSONValue.object(identity.json).pretty() + "\n").utf8)
    }

    private func begin(_ identity: FitIdentity) throws {
        if !isPending(identity) { try AtomicFile.write(pendingRecord(identity), to: pendingPath) }
    }

    /// Checks that there is room for a codec of this size, or of the one that a fit would choose.
    /// - Throws: `Failure`, `FileError`.
    package func checkRoom(codebookSize: Int?, sample: FrameSample) throws {
        let codebookSize = codebookSize ?? MelRVQFit.automaticSize(frames: sample.frames)
        let bytes = MelRVQFit.codebooks * codebookSize * MelFrames.width * MemoryLayout<Float>.size
        try FreeSpace.check(path, holds: bytes + 65_536, of: "the codec", remedy: "choose another --output")
    }

    /// Tells make that what is there is up to date.
    package func touch(_ identity: FitIdentity) throws {
        try begin(identity)
        guard utimensat(AT_FDCWD, configPath, nil, 0) == 0 else { throw FileError("touch", configPath) }
    }

    /// Writes a codec in place of what is there.
    ///
    /// - Returns: the content of config.json.
    package func write(_ fit: MelRVQFit, identity: FitIdentity) throws -> JSONValue {
        try begin(identity)
        // The codec that was there goes only now: until here it was whole.
        try FileTree.remove(configPath)
        var writer = SafetensorsWriter()
        let shape = [fit.config.codebooks, fit.config.codebookSize, MelFrames.width]
        writer.add(MelRVQCodec.tensorName, shape: shape, fit.quantizer.codebooks.flatMap(\.values))
        try writer.write(to: modelPath)
        var json = fit.config.json
        json["fit"] = .object(identity.json)
        json["lost"] = .object(fit.loss.json)
        json["model_digest"] = .string(try digest(ofFiles: [modelPath]))
        try AtomicFile.write((JSONValue.object(json).pretty() + "\n").utf8, to: configPath)
        return .object(json)
    }
}
