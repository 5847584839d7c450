// The intact files: fixtures of the tests, and a WORK, codecs and a run that the programs make from them first.

import Foundation
import PipelineKit

/// A folder with a subfolder for each group of formats.
struct Material: Sendable {
    var directory: String

    func folder(_ name: String) -> String { "\(directory)/\(name)" }

    /// Fills an empty folder.
    ///
    /// - Parameters:
    ///   - project: the checkout, for the fixtures.
    ///   - programs: what makes the WORK.
    func make(project: String, programs: Programs) throws {
        let fixtures = "\(project)/Tests/Fixtures"
        guard access("\(fixtures)/audio/pcm.wav", F_OK) == 0 else {
            throw Failure(.badUsage, "no Tests/Fixtures", at: project, remedy: "name the checkout with --project")
        }
        for (name, source) in [
            ("mds", "mds"), ("text", "text"), ("streams", "streams"), ("audio", "audio"), ("higgs", "codec/checkpoint"),
            ("model", "hf/base"), ("adapter", "hf/adapter"),
        ] {
            try FileManager.default.copyItem(atPath: "\(fixtures)/\(source)", toPath: folder(name))
        }
        for name in ["tensors", "bare", "manifests", "config", "scratch"] {
            try FileManager.default.createDirectory(atPath: folder(name), withIntermediateDirectories: true)
        }
        try FileManager.default.copyItem(
            atPath: "\(fixtures)/hf/batch.safetensors", toPath: folder("tensors/batch.safetensors"))
        try copyWithoutHashes("mds/plain", to: "mds/plain-bare")
        try copyWithoutHashes("mds/zstd", to: "mds/zstd-bare")
        try makeManifests()
        try makeWork(programs)
        try makeRun(programs)
        // A base in several files, with the index that names them.
        let parts = ["--shard-bytes", "400000", "--output", folder("sharded")]
        try programs.run(
            "train", ["merge", "--model", folder("model"), "--adapter", folder("adapter")] + parts,
            scratch: folder("scratch"))
    }

    // MARK: Manifests

    /// The text of a manifest of a few rows: the forms that content takes, one clip of each kind.
    private static let rows: [JSONValue] = [
        row("a", "سلامٌ عليكم", "pcm.wav", [["type": "audio", "audio_url": "clip.flac"]]),
        row(
            "b", "Read this, please.", "clip.flac",
            [["type": "audio", "path": "pcm.wav", "offset": 0.1, "duration": 0.5]]),
        row("c", "caf\u{E9} cafe\u{301}", "vorbis.ogg", ["And this.", ["type": "audio", "url": "clip.mp3"]]),
        [
            "id": "d",
            "messages": [["role": "user", "content": "no audio"], ["role": "assistant", "content": "none"]],
        ],
    ]

    private static func row(_ id: String, _ text: String, _ reference: String, _ answer: JSONValue) -> JSONValue {
        [
            "id": .string(id), "speaker": "s\u{64E}", "start_index": 0, "misc": ["note": 1.5],
            "messages": [
                ["role": "system", "content": "Speak in the voice of the reference audio."],
                [
                    "role": "user",
                    "content": [
                        ["type": "text", "text": .string(text)], ["type": "audio", "audio_url": .string(reference)],
                    ],
                ],
                ["role": "assistant", "content": answer, "recipient": .null],
            ],
        ]
    }

    private func makeManifests() throws {
        let lines = Self.rows.map { $0.pythonDump(ascii: false) }
        let jsonl = Array(lines.map { $0 + "\n" }.joined().utf8)
        try AtomicFile.write(jsonl, to: folder("manifests/rows.jsonl"))
        try AtomicFile.write(("[" + lines.joined(separator: ",\n") + "]\n").utf8, to: folder("manifests/rows.json"))
        try AtomicFile.write(
            jsonl.withUnsafeBytes { try Zstd.compress($0, level: 3) }, to: folder("manifests/rows.jsonl.zst"))
        let errors = folder("scratch/gzip.err")
        let gzip = try ChildProcess(
            "/bin/gzip", ["-nc", folder("manifests/rows.jsonl")], output: folder("manifests/rows.jsonl.gz"),
            errors: errors)
        guard gzip.wait(until: { .now + .seconds(10) }) == .exit(0) else {
            throw Failure(.failed, "gzip failed", at: errors, remedy: "install gzip")
        }
    }

    // MARK: A WORK

    private func makeWork(_ programs: Programs) throws {
        let work = folder("work"), scratch = folder("scratch")
        func run(_ name: String, _ arguments: [String]) throws {
            try programs.run(name, arguments + ["--quiet", "--workers", "1"], scratch: scratch)
        }
        let manifest = ["--data-path", folder("manifests/rows.jsonl"), "--audio-root", folder("audio")]
        try run("ingest", manifest + ["--output", work])
        let input = ["--input", "\(work)/audio"]
        try run("featurize", input + ["--output", "\(work)/features"])
        try run("tokenize", ["fit"] + input + ["--output", folder("rvq"), "--codebook-size", "4"])
        try run("tokenize", ["encode"] + input + ["--output", "\(work)/codes", "--codec", folder("rvq")])
        let bpe = ["--tokenizer", folder("text/tokenizer.json")]
        try run("ingest", manifest + bpe + ["--output", folder("bpe")])
        try FileManager.default.moveItem(atPath: folder("bpe/samples"), toPath: folder("samples-bpe"))
        // Rows whose shards nothing vouches for: what lies behind the hashes is reached. The audio stays in the WORK as it
        // is, since what was made from it names its index.
        try FileManager.default.copyItem(atPath: work, toPath: folder("bare-work"))
        for name in Self.bareStages { try rewriteRaw("work/\(name)", to: "bare-work/\(name)") }
        try FileManager.default.createDirectory(atPath: folder("bare/audio"), withIntermediateDirectories: true)
        try rewriteRaw("work/audio", to: "bare/audio")
    }

    static let stages = ["samples", "audio", "features", "codes"]
    /// Those of the WORK whose shards nothing vouches for.
    static let bareStages = ["samples", "features", "codes"]

    /// Writes the shards of a directory raw, with an index without hashes.
    private func rewriteRaw(_ source: String, to target: String) throws {
        let reader = try MDSReader(directory: folder(source))
        // What spoke of the compressed shards goes, as in a directory that another program wrote.
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder(target))) ?? []
        where name.hasPrefix("shard.") {
            try FileManager.default.removeItem(atPath: "\(folder(target))/\(name)")
        }
        var shards: [MDSShardInfo] = []
        for number in reader.shards.indices {
            let builder = MDSShardBuilder(columns: reader.columns)
            for index in reader.samples(ofShard: number) { try builder.append(try reader.row(index)) }
            let sealed = try builder.finish().sealed(as: number)
            try sealed.withBytes { try AtomicFile.write($0, to: "\(folder(target))/\(sealed.info.stored.basename)") }
            shards.append(sealed.info)
        }
        try AtomicFile.write(MDSIndex(shards: shards).bytes, to: "\(folder(target))/\(MDSIndex.basename)")
        try removeHashes(from: "\(folder(target))/\(MDSIndex.basename)")
    }

    private func copyWithoutHashes(_ source: String, to target: String) throws {
        try FileManager.default.copyItem(atPath: folder(source), toPath: folder(target))
        try removeHashes(from: "\(folder(target))/\(MDSIndex.basename)")
    }

    private func removeHashes(from path: String) throws {
        func stripped(_ value: JSONValue) -> JSONValue {
            switch value {
            case .array(let elements): .array(elements.map(stripped))
            case .object(let object):
                .object(
                    JSONObject(
                        object.members.map { member in
                            let isHashes = member.key == "hashes" && member.value.objectValue != nil
                            return (member.key, isHashes ? [:] : stripped(member.value))
                        }))
            default: value
            }
        }
        let index = stripped(try JSONValue(contentsOfFile: path))
        try AtomicFile.write(index.pythonDump(sortKeys: true).utf8, to: path)
    }

    // MARK: A run

    /// A model that takes no time.
    private static let config = """
        # The smallest model that trains.
        model:
          hidden_size: 16
          intermediate_size: 24
          num_hidden_layers: 1
          num_attention_heads: 2
          num_key_value_heads: 1   # shared
        data_path: "work"
        output_dir: run
        training:
          max_steps: 2
          batch_size: 2
          learning_rate: 1.0e-3
          lr_scheduler: cosine
          save_steps: 1
          validation_fraction: 0
          seed: 3
        loss:
          audio_loss_weight: 1

        """

    /// The flags of `train run` on this material.
    func trainFlags(config: String, run: String) -> [String] {
        ["run", "--config", config, "--data-path", folder("work"), "--output-dir", run, "--threads", "1"]
    }

    /// A run that was stopped after its first step.
    private func makeRun(_ programs: Programs) throws {
        let path = folder("config/config.yaml")
        try AtomicFile.write(Self.config.utf8, to: path)
        try programs.run("train", trainFlags(config: path, run: folder("run")), scratch: folder("scratch"))
        try FileManager.default.copyItem(atPath: folder("run"), toPath: folder("finished-run"))
        try FileManager.default.removeItem(atPath: folder("run/final"))
        for name in try FileManager.default.contentsOfDirectory(atPath: folder("run"))
        where name.hasPrefix("checkpoint-") && name != "checkpoint-1" {
            try FileManager.default.removeItem(atPath: folder("run/\(name)"))
        }
    }
}
