// What is tortured: the commands, where they write, and what it means there that something looks whole.

import Foundation
import PipelineKit

/// A command and its output.
struct Target {
    var name: String
    var program: String
    /// The command that is killed and given again.
    var arguments: [String]
    /// A command with other options into the same place.
    var other: [String]
    /// Directories and files, below the scratch folder, that the command writes.
    var outputs: [String]
    var kind: Kind

    enum Kind { case shards, codec, run }

    /// The data stages and train in the order of the pipeline; paths are relative to the scratch folder.
    static func all(example: String) -> [Target] {
        let ingest = ["--data-path", "manifest.jsonl", "--output", "work", "--audio-root", example]
        let audio = ["--input", "work/audio"]
        let run = [
            "run", "--config", "train.yaml", "--data-path", "work", "--output-dir", "run", "--threads", "1", "--resume",
        ]
        return [
            Target(
                name: "ingest", program: "ingest", arguments: ingest + ["--shard-size", "3MiB"],
                other: ingest + ["--shard-size", "2MiB", "--max-duration", "5"],
                outputs: ["work/samples", "work/audio", "work/rejects.jsonl"], kind: .shards),
            Target(
                name: "featurize", program: "featurize", arguments: audio + ["--output", "work/features"],
                other: audio + ["--output", "work/features", "--mel-bins", "80"], outputs: ["work/features"],
                kind: .shards),
            Target(
                name: "tokenize fit", program: "tokenize",
                arguments: ["fit"] + audio + ["--output", "work/codec", "--codebook-size", "16"],
                other: ["fit"] + audio + ["--output", "work/codec", "--codebook-size", "8"], outputs: ["work/codec"],
                kind: .codec),
            Target(
                name: "tokenize encode", program: "tokenize",
                arguments: ["encode"] + audio + ["--output", "work/codes", "--codec", "work/codec"],
                other: ["encode"] + audio + [
                    "--output", "work/codes", "--codec", "work/codec", "--compression", "zstd:1",
                ], outputs: ["work/codes"], kind: .shards),
            Target(
                name: "train", program: "train", arguments: run,
                other: run + ["--set", "training.learning_rate=1.0e-3"],
                outputs: ["run"], kind: .run),
        ]
    }

    /// A model of a few thousand parameters with everything in it: tower, evaluation, checkpoints by rhythm and by merit.
    static let trainConfig = """
        model:
          hidden_size: 32
          intermediate_size: 48
          num_hidden_layers: 2
          num_attention_heads: 2
          audio_tower: {d_model: 16, encoder_layers: 1, encoder_attention_heads: 2, encoder_ffn_dim: 32}
        data_path: work
        output_dir: run
        training:
          max_steps: 24
          batch_size: 2
          learning_rate: 3.0e-3
          warmup_steps: 2
          validation_fraction: 0.03
          eval_steps: 6
          save_steps: 3

        """
}

/// Finished content of a target: every output as it was when the command had ended undisturbed.
struct Content {
    private(set) var outputs: [String: Snapshot] = [:]

    init(_ target: Target, in scratch: String) throws {
        for output in target.outputs { outputs[output] = try Snapshot("\(scratch)/\(output)") }
    }

    /// What differs, as paths below the scratch folder.
    func differences(from other: Content) -> [String] {
        outputs.keys.sorted().flatMap { output in
            Snapshot.differences(outputs[output]?.files ?? [:], other.outputs[output]?.files ?? [:])
                .map { $0.isEmpty ? output : "\(output)/\($0)" }
        }
    }
}

extension Target {
    /// What in a directory looks whole and is neither the finished content nor the one before: one line a directory.
    ///
    /// - Parameter finished: all states that may look whole.
    func falsehoods(in scratch: String, finished: [Content]) throws -> [String] {
        let now = try Content(self, in: scratch)
        return try outputs.compactMap { output -> String? in
            guard let found = now.outputs[output]?.promised else { return nil }
            let expected = finished.compactMap { $0.outputs[output]?.promised }
            switch kind {
            case .shards, .codec:
                guard found[kind == .codec ? "config.json" : "index.json"] != nil else { return nil }
                let gaps = expected.map { Snapshot.differences(found, $0) }
                guard !gaps.contains([]) else { return nil }
                return "\(output) looks whole, but differs in \(gaps.first?.prefix(4).joined(separator: ", ") ?? "all")"
            case .run:
                for directory in Self.checkpoints(found) {
                    let what = try falsehood(
                        of: Self.part(found, directory), expected: expected.map { Self.part($0, directory) },
                        in: "\(scratch)/\(output)/\(directory)")
                    if let what { return "\(output)/\(directory) looks whole, but \(what)" }
                }
                return nil
            }
        }
    }

    /// What is wrong with a checkpoint that says it is whole; nil where nothing is.
    ///
    /// A stop saves where the undisturbed run does not: that one must have all files. A stop within an evaluation saves the
    /// tensors of that step with a state that owes the evaluation. That both can be gone on from, the next run proves.
    private func falsehood(
        of part: [String: UInt64], expected: [[String: UInt64]], in directory: String
    ) throws -> String? {
        let known = expected.filter { !$0.isEmpty }
        if known.isEmpty { return part.count == 4 ? nil : "has the files \(part.keys.sorted())" }
        let gaps = known.map { Snapshot.differences($0, part) }
        if gaps.contains([]) { return nil }
        if gaps.contains(where: { $0.allSatisfy { $0.hasSuffix("/trainer_state.json") } }) {
            let state = try MappedFile(path: "\(directory)/trainer_state.json").withBytes { try JSONValue(parsing: $0) }
            if state["owes_evaluation"]?.boolValue == true { return nil }
        }
        return "differs in \(gaps[0].joined(separator: ", "))"
    }

    /// The directories of a run that say they are whole checkpoints.
    private static func checkpoints(_ files: [String: UInt64]) -> [String] {
        files.keys.filter { $0.hasSuffix("/trainer_state.json") && !$0.contains(".partial/") }
            .map { String($0.dropLast("/trainer_state.json".count)) }.sorted()
    }

    private static func part(_ files: [String: UInt64], _ directory: String) -> [String: UInt64] {
        files.filter { $0.key.hasPrefix(directory + "/") }
    }

    /// The files of finished work that a later run need not do again, with their inodes: a file that is written again gets
    /// another one.
    func finishedWork(in scratch: String, finished: Content) throws -> [String: UInt64] {
        var work: [String: UInt64] = [:]
        let now = try Content(self, in: scratch)
        for output in outputs {
            guard let found = now.outputs[output]?.files, let expected = finished.outputs[output]?.files else {
                continue
            }
            for name in found.keys where found[name] == expected[name] {
                let place = name.split(separator: "/")
                let vouched: String
                switch kind {
                case .shards:
                    // shard.00001.mds.zstd, vouched for by shard.00001.json
                    guard name.hasPrefix("shard."), name.contains(".mds") else { continue }
                    vouched = name.split(separator: ".").prefix(2).joined(separator: ".") + ".json"
                case .run:
                    guard place.count == 2, place[1] == "model.safetensors" else { continue }
                    vouched = "\(place[0])/trainer_state.json"
                case .codec: continue
                }
                guard found[vouched] != nil, found[vouched] == expected[vouched] else { continue }
                var status = stat()
                if stat("\(scratch)/\(output)/\(name)", &status) == 0 {
                    work["\(output)/\(name)"] = UInt64(status.st_ino)
                }
            }
        }
        return work
    }
}
