// Manifests that try something, and what ingest makes of them.

import Foundation
import PipelineKit
import TestSupport
import Testing

/// Rows, clips and runs of ingest on them.
enum HostileManifest {
    /// A second of sound as a WAV of 16 bits at 16 kHz; the header may claim anything else.
    static func wave(rate: UInt32 = 16_000, channels: UInt16 = 1, claimedBytes: UInt32? = nil) -> Data {
        let samples = babble(frames: 16_000, rate: 16_000, seed: 5)
        var data = Data("RIFF".utf8)
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) }
        }
        let byteCount = claimedBytes ?? UInt32(samples.count * 2)
        append(byteCount &+ 36)
        data += Data("WAVEfmt ".utf8)
        append(UInt32(16))
        append(UInt16(1))
        append(channels)
        append(rate)
        append(rate &* UInt32(channels) &* 2)
        append(channels &* 2)
        append(UInt16(16))
        data += Data("data".utf8)
        append(byteCount)
        for sample in samples { append(sample) }
        return data
    }

    static func user(_ content: JSONValue) -> JSONValue { ["role": "user", "content": content] }

    static func assistant(_ path: String = "clip.wav", text: String = "ok") -> JSONValue {
        [
            "role": "assistant",
            "content": [["type": "text", "text": .string(text)], ["type": "audio", "audio_url": .string(path)]],
        ]
    }

    static func row(_ messages: [JSONValue], id: String? = nil, speaker: String? = nil) -> JSONValue {
        [
            "id": id.map(JSONValue.string) ?? .null, "speaker": speaker.map(JSONValue.string) ?? .null,
            "messages": .array(messages),
        ]
    }

    /// A row of which only the path of its clip is special.
    static func row(path: String) -> JSONValue { row([user("hello"), assistant(path)]) }

    struct Outcome {
        var result: ProgramResult
        var work: String
        /// The code of each rejected row, by its number from 1 on.
        var codes: [Int: String]
        var rejects: String
    }

    /// Ingests `rows` behind one good row, from `directory/root`, where a good `clip.wav` lies.
    static func ingestRows(
        _ rows: [JSONValue], in directory: String, fence: Bool = true, flags: [String] = []
    ) throws -> Outcome {
        let root = "\(directory)/root"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        try Self.wave().write(to: URL(fileURLWithPath: "\(root)/clip.wav"))
        let all = [Self.row(path: "clip.wav")] + rows
        let text = all.map { $0.pythonDump() + "\n" }.joined()
        // Without a fence, paths start from the manifest's folder.
        let manifest = fence ? "\(directory)/rows.jsonl" : "\(root)/rows.jsonl"
        try Data(text.utf8).write(to: URL(fileURLWithPath: manifest))
        let work = "\(directory)/work"
        let result = try ingest.run(
            [
                "--data-path", manifest, "--output", work, "--max-reject-fraction", "1", "--workers",
                "2",
            ]
                + ["--audio-root", root].filter { _ in fence } + flags
        ).expecting(0)
        let rejects = try String(
            decoding: Data(contentsOf: URL(fileURLWithPath: "\(work)/rejects.jsonl")), as: UTF8.self)
        var codes: [Int: String] = [:]
        for line in rejects.split(separator: "\n") {
            let reject = try JSONValue(parsing: String(line))
            codes[try #require(reject["row"]?.intValue)] = reject["code"]?.stringValue
        }
        return Outcome(result: result, work: work, codes: codes, rejects: rejects)
    }

    /// Every one of `rows` is rejected with `code`; the good row before them stays.
    static func expect(_ code: String, for rows: [JSONValue], _ outcome: Outcome) throws {
        for number in rows.indices {
            #expect(outcome.codes[number + 2] == code, "row \(number + 2): \(rows[number].pythonDump().prefix(300))")
        }
        #expect(outcome.codes[1] == nil)
        #expect(try MDSReader(directory: "\(outcome.work)/samples").sampleCount == 1)
    }
}
