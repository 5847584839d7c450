// A CODEC_DIR as tokenize fit writes it: model.safetensors, then config.json by rename. One writer at a time.

import Foundation
import PipelineKit

/// The place where a fitted codec goes.
package struct MelRVQDirectory {
    let path: String
    private let lock: DirectoryLock
    private var configPath: String { path + "/config.json" }
    private var modelPath: String { path + "/model.safetensors" }

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
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        lock = try DirectoryLock(directory: path)
    }

    /// Looks at what is there.
    ///
    /// - Throws: a `Failure` (bad usage) for a codec of another kind, and without `replace` for one of another fit or for
    ///   files that no fit wrote.
    package func content(for identity: FitIdentity, replace: Bool) throws -> Content {
        guard access(configPath, F_OK) == 0 else {
            guard access(modelPath, F_OK) != 0 || replace else {
                throw Failure(
                    .badUsage, "holds a model.safetensors without config.json: an unfinished fit, or no codec",
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

    /// Tells make that what is there is up to date.
    package func touch() throws {
        guard utimensat(AT_FDCWD, configPath, nil, 0) == 0 else { throw FileError("touch", configPath) }
    }

    /// Writes a codec in place of what is there.
    ///
    /// - Returns: the content of config.json.
    package func write(_ fit: MelRVQFit, identity: FitIdentity) throws -> JSONValue {
        if access(configPath, F_OK) == 0, unlink(configPath) != 0 { throw FileError("remove", configPath) }
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
