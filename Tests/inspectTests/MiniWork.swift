// A WORK of two samples, written as the stages would write it, so that a test can make one thing wrong in it.

import Foundation
import PipelineKit
import TestSupport

@testable import inspect

/// The rows of the four directories, and what is made of them.
struct MiniWork {
    var samples: [MDSRow] = []
    var audio: [MDSRow] = []
    var features: [MDSRow] = []
    var codes: [MDSRow] = []

    static let codebooks = 3, codebookSize = 8
    static let input: JSONObject = ["digest": "0123456789abcdef", "audio_root": "/clips"]

    init() throws {
        for (number, id) in ["أمل-1", "b"].enumerated() {
            try add(id, frames: 10 + number, text: number == 0 ? "كَتَبَ" : "qul")
        }
    }

    /// A conversation with a reference and a target of some code frames at 25 Hz, and log-mels of the reference.
    private mutating func add(_ id: String, frames: Int, text: String) throws {
        let layout = try ConversationLayout(tokenizer: .byteLevel)
        let turns = [
            ConversationTurn(role: .user, items: [.text("ref"), .audio]),
            ConversationTurn(role: .assistant, items: [.text(text), .audio]),
        ]
        let sequence = try layout.sequence(of: turns)
        let clips: [[UInt8]] = [Array("reference \(id)".utf8), Array("target".utf8)]
        let seconds = Double(frames) / 25
        let entries = zip(clips, ["in", "out"]).map { clip, role -> JSONValue in
            [
                "role": .string(role), "path": .string("\(role).wav"), "sample_rate": 16_000,
                "seconds": .double(seconds), "hash": .string(XXH64.hash(clip).hexDigits),
            ]
        }
        samples.append(
            MDSRow([
                ("id", .str(id)), ("speaker", .str("s")), ("input_ids", .array(sequence.inputIDs)),
                ("label_ids", .array(sequence.labelIDs)),
                (
                    "conversation",
                    .json([
                        ["role": "user", "content": [["type": "text", "text": "ref"], ["type": "audio"]]],
                        [
                            "role": "assistant",
                            "content": [["type": "text", "text": .string(text)], ["type": "audio"]],
                        ],
                    ])
                ), ("clips", .json(.array(entries))),
            ]))
        let sizes = clips.map { Int64($0.count) }
        audio.append(
            MDSRow([
                ("id", .str(id)), ("audio", .bytes(clips[0] + clips[1])),
                ("audio_offsets", .array([0, sizes[0], sizes[0] + sizes[1]])), ("audio_roles", .array([UInt8(0), 1])),
            ]))
        let valid = frames * 4
        features.append(
            MDSRow([
                ("id", .str(id)),
                (
                    "audio_features",
                    .array((0..<2 * (valid + 2)).map { Float16($0 % 5) }, shape: [2, valid + 2])
                ), ("feature_offsets", .array([0, Int32(valid + 2)])), ("feature_lengths", .array([Int32(valid)])),
            ]))
        codes.append(
            MDSRow([
                ("id", .str(id)),
                (
                    "audio_ids",
                    .array(
                        (0..<Self.codebooks * 2 * frames).map { UInt16($0 % Self.codebookSize) },
                        shape: [Self.codebooks, 2 * frames])
                ), ("audio_ids_start", .array([0, Int32(frames)])),
            ]))
    }

    /// Writes everything, one sample a shard.
    func write(to work: String) throws {
        try DirectoryLock.makeDirectory(work)
        let text: JSONObject = ["text": Tokenizer.byteLevel.record.json]
        try ingestPart("samples", samples, records: text, work)
        try ingestPart("audio", audio, records: [:], work)
        try AtomicFile.write([], to: "\(work)/rejects.jsonl")
        let reader = try MDSReader(directory: "\(work)/audio")
        let codec = CodecRecord(
            name: "test", sampleRate: 24_000, frameRate: 25, codebooks: Self.codebooks, codebookSize: Self.codebookSize,
            digest: "0123456789abcdef")
        try part("features", features, "featurize", input: reader, records: [:], work)
        try part("codes", codes, "tokenize", input: reader, records: ["codec": codec.json], work)
    }

    private func ingestPart(_ name: String, _ rows: [MDSRow], records: JSONObject, _ work: String) throws {
        let identity = StageIdentity(
            stage: "ingest", outputVersion: 1, options: [:], input: Self.input, records: records)
        try write(rows, to: "\(work)/\(name)", identity, counts: ["rows": .int(rows.count), "rejected": [:]]) {
            number in
            let resume: JSONObject = [
                "manifest_row": .int(number), "rejects_bytes": 0,
                "rejects_digest": .string(XXH64.hash([UInt8]()).hexDigits),
            ]
            var source = resume
            source["shard"] = .int(number)
            source["audio_root"] = Self.input["audio_root"]
            return (identity.key(of: .object(source)), resume)
        }
    }

    private func part(
        _ name: String, _ rows: [MDSRow], _ stage: String, input: MDSReader, records: JSONObject, _ work: String
    ) throws {
        let identity = StageIdentity(
            stage: stage, outputVersion: 1, options: [:], input: ["digest": .string(input.indexDigest)],
            records: records)
        try write(rows, to: "\(work)/\(name)", identity, counts: [:]) { number in
            let shard = input.shards[number]
            let key = identity.key(of: [
                "raw": .string(shard.raw.xxh64 ?? ""), "zip": .string(shard.zip?.xxh64 ?? ""),
            ])
            return (key, [:])
        }
    }

    private func write(
        _ rows: [MDSRow], to directory: String, _ identity: StageIdentity, counts more: JSONObject,
        _ sidecar: (Int) -> (key: String, resume: JSONObject)
    ) throws {
        let columns = rows[0].values.map { MDSColumn(name: $0.column, encoding: Self.encoding($0.value)) }
        let configuration = MDSConfiguration(columns: columns, compression: .zstd(level: 1))
        let writer = try ShardDirectoryWriter(
            directory: directory, identity: identity, configuration: configuration, replace: true)
        for (number, row) in rows.enumerated() {
            let builder = MDSShardBuilder(configuration: configuration)
            try builder.append(row)
            let (key, resume) = sidecar(number)
            var runs = ManifestRuns()
            runs.append(row: 2 * number + 1, line: 2 * number + 2)
            try writer.write(
                try builder.finish(), as: number, key: key, counts: ["samples": 1], resume: resume,
                notes: ["rows": runs.json])
        }
        var counts: JSONObject = ["samples": .int(rows.count)]
        for (name, value) in more.members { counts[name] = value }
        try writer.finish(shards: rows.count, counts: counts)
    }

    private static func encoding(_ value: MDSValue) -> MDSEncoding {
        switch value {
        case .ndarray(let array): .ndarray(type: array.elementType, shape: nil)
        case .bytes: .bytes
        case .json: .json
        default: .str
        }
    }
}
