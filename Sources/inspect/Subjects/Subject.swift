// What a directory is: told from what lies in it, never from its name.

import Foundation
import PipelineKit

/// A directory that inspect knows how to show.
enum Subject: Equatable {
    /// A WORK: samples/, audio/, features/, codes/.
    case work
    /// One MDS directory.
    case shards
    /// An MDS directory without its index: still being written, or left by a run that was stopped.
    case unfinishedShards
    /// A training run.
    case run
    /// A model or an adapter.
    case checkpoint
    /// A codec that `tokenize` can use.
    case codec

    /// The subdirectories of a WORK, in the order of the pipeline.
    static let workDirectories = ["samples", "audio", "features", "codes"]

    /// Recognises `directory`.
    ///
    /// - Throws: `Failure` (bad usage) where it is absent, no directory, or nothing that inspect knows.
    init(of directory: String) throws {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: directory, isDirectory: &isDirectory) else {
            throw Failure(.badUsage, "no such directory", at: directory.escapedForTerminal, remedy: "check the path")
        }
        guard isDirectory.boolValue else {
            throw Failure(
                .badUsage, "not a directory", at: directory.escapedForTerminal,
                remedy: "name the directory that holds the file")
        }
        func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(directory)/\(name)") }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        if has("metrics.jsonl"), has("config.yaml") {
            self = .run
        } else if has("index.json") {
            self = .shards
        } else if Self.workDirectories.contains(where: { has("\($0)/index.json") || has("\($0)/shard.00000.json") }) {
            self = .work
        } else if names.contains(where: { $0.hasPrefix("shard.") }) {
            self = .unfinishedShards
        } else if has("config.json"), let type = Self.modelType(of: directory) {
            self = ["mel_rvq", "higgs_audio_v2_tokenizer"].contains(type) ? .codec : .checkpoint
        } else if has("adapter_config.json") || names.contains(where: { $0.hasSuffix(".safetensors") }) {
            self = .checkpoint
        } else {
            throw Failure(
                .badUsage, "neither a WORK, a shard directory, a run, a checkpoint nor a codec",
                at: directory.escapedForTerminal,
                remedy: names.isEmpty
                    ? "the directory is empty"
                    : "it holds \(names.sorted().prefix(5).joined(separator: ", ").escapedForTerminal)")
        }
    }

    private static func modelType(of directory: String) -> String? {
        let config = try? JSONValue(contentsOfFile: "\(directory)/config.json")
        return config?["model_type"]?.stringValue
    }
}
