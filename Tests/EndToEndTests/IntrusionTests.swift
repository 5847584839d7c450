import Foundation
import PipelineKit
import TestSupport
import Testing

/// What a manifest may try: each row is refused with its code, or carried through harmless.
@Suite struct IntrusionTests {
    /// A second of sound as a WAV of 16 bits at 16 kHz; the header may claim anything else.
    private static func wave(rate: UInt32 = 16_000, channels: UInt16 = 1, claimedBytes: UInt32? = nil) -> Data {
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

    private static func user(_ content: JSONValue) -> JSONValue { ["role": "user", "content": content] }

    private static func assistant(_ path: String = "clip.wav", text: String = "ok") -> JSONValue {
        [
            "role": "assistant",
            "content": [["type": "text", "text": .string(text)], ["type": "audio", "audio_url": .string(path)]],
        ]
    }

    private static func row(_ messages: [JSONValue], id: String? = nil, speaker: String? = nil) -> JSONValue {
        [
            "id": id.map(JSONValue.string) ?? .null, "speaker": speaker.map(JSONValue.string) ?? .null,
            "messages": .array(messages),
        ]
    }

    /// A row of which only the path of its clip is special.
    private static func row(path: String) -> JSONValue { row([user("hello"), assistant(path)]) }

    private struct Outcome {
        var result: ProgramResult
        var work: String
        /// The code of each rejected row, by its number from 1 on.
        var codes: [Int: String]
        var rejects: String
    }

    /// Ingests `rows` behind one good row, from `directory/root`, where a good `clip.wav` lies.
    private func ingestRows(_ rows: [JSONValue], in directory: String, fence: Bool = true) throws -> Outcome {
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
                + ["--audio-root", root].filter { _ in fence }
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
    private func expect(_ code: String, for rows: [JSONValue], _ outcome: Outcome) throws {
        for number in rows.indices {
            #expect(outcome.codes[number + 2] == code, "row \(number + 2): \(rows[number].pythonDump().prefix(300))")
        }
        #expect(outcome.codes[1] == nil)
        #expect(try MDSReader(directory: "\(outcome.work)/samples").sampleCount == 1)
    }

    @Test func `a control token in any text, role or recipient, with combining marks behind it`() throws {
        let tokens = [
            "<|AUDIO_OUT|>", "<|AUDIO_OUT|>\u{064E}", "<|eot_id|>\u{0301}\u{0301}", "<|AUDIO|>\u{200D}",
            "x<|start_header_id|>y", "<|begin_of_text|>\u{FE0F}",
        ]
        var rows: [JSONValue] = []
        for token in tokens {
            let value = JSONValue.string(token)
            let answer = Self.assistant()
            rows.append(Self.row([["role": "system", "content": value], Self.user("a"), answer]))
            rows.append(Self.row([Self.user(value), answer]))
            rows.append(Self.row([Self.user(["type": "text", "text": value]), answer]))
            rows.append(
                Self.row([Self.user([["type": "text", "text": "a"], ["type": "text", "text": value]]), answer]))
            rows.append(Self.row([Self.user("a"), Self.assistant(text: token)]))
            rows.append(Self.row([["role": value, "content": "a"], answer]))
            rows.append(Self.row([["role": .string("user\(token)"), "content": "a"], answer]))
            rows.append(
                Self.row([Self.user("a"), answer, ["role": "assistant", "recipient": value, "content": "a"]]))
        }
        try withTemporaryDirectory { directory in
            try expect("control_token", for: rows, ingestRows(rows, in: directory))
        }
    }

    @Test func `paths that leave the audio root by their words, by links or by absolute names`() throws {
        try withTemporaryDirectory { directory in
            let files = FileManager.default
            try files.createDirectory(atPath: "\(directory)/root/sub", withIntermediateDirectories: true)
            try files.createDirectory(atPath: "\(directory)/root-twin", withIntermediateDirectories: true)
            for name in ["outside.wav", "root-twin/clip.wav"] {
                try Self.wave().write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
            }
            try files.createSymbolicLink(atPath: "\(directory)/root/link.wav", withDestinationPath: "../outside.wav")
            try files.createSymbolicLink(atPath: "\(directory)/root/up", withDestinationPath: "..")
            try files.createSymbolicLink(atPath: "\(directory)/root/chain.wav", withDestinationPath: "link.wav")
            let rows = [
                "../outside.wav", "sub/../../outside.wav", "\(directory)/outside.wav", "link.wav", "up/outside.wav",
                "chain.wav", "../root-twin/clip.wav", "../nowhere.wav", "sub/none/../../../nowhere.wav", "/etc/passwd",
                "/dev/zero", "..",
            ].map(Self.row(path:))
            try expect("path_outside_root", for: rows, ingestRows(rows, in: directory))
        }
    }

    @Test func `a FIFO, a device, a directory and a dash are no audio, and nobody waits for them`() throws {
        try withTemporaryDirectory { directory in
            try FileManager.default.createDirectory(atPath: "\(directory)/root/sub", withIntermediateDirectories: true)
            #expect(mkfifo("\(directory)/root/fifo.wav", 0o644) == 0)
            let rows = ["fifo.wav", "sub", ".", "/dev/zero", "/dev/stdin"].map { path in
                Self.row(path: path.hasPrefix("/") ? path : "\(directory)/root/\(path)")
            }
            try expect("unreadable_audio", for: rows, ingestRows(rows, in: directory, fence: false))
        }
        try withTemporaryDirectory { directory in
            let rows = ["-", "clip.wav\0.txt"].map(Self.row(path:))
            try expect("missing_audio", for: rows, ingestRows(rows, in: directory))
        }
    }

    @Test func `headers that claim the impossible`() throws {
        try withTemporaryDirectory { directory in
            let root = "\(directory)/root"
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
            let files: [String: Data] = [
                "rate.wav": Self.wave(rate: 1 << 31), "most.wav": Self.wave(rate: .max),
                "still.wav": Self.wave(rate: 0),
                "channels.wav": Self.wave(channels: 1_024), "all.wav": Self.wave(channels: .max),
                "none.wav": Self.wave(channels: 0),
            ]
            for (name, data) in files { try data.write(to: URL(fileURLWithPath: "\(root)/\(name)")) }
            let rows = files.keys.sorted().map(Self.row(path:))
            try expect("unreadable_audio", for: rows, ingestRows(rows, in: directory))
        }
    }

    @Test func `an hour of silence is left after its first half minute`() throws {
        try withTemporaryDirectory { directory in
            let root = "\(directory)/root"
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
            let header = Self.wave(claimedBytes: 3_600 * 32_000).prefix(44)
            let path = "\(root)/hour.wav"
            try header.write(to: URL(fileURLWithPath: path))
            #expect(truncate(path, 44 + 3_600 * 32_000) == 0)
            let rows = [Self.row(path: "hour.wav")]
            try expect("audio_too_long", for: rows, ingestRows(rows, in: directory))
        }
    }

    @Test func `speakers and ids are carried through: never a token, never a path, escaped where printed`() throws {
        let names = [
            "../../../escape", "/etc/passwd", "a\nb", "\u{202E}dlrow\u{2066}", "\u{1B}[2J", "<|AUDIO_OUT|>",
            "caf\u{E9}", "cafe\u{301}", "<|eot_id|>\u{064E}",
        ]
        let rows = names.map { Self.row([Self.user("hello"), Self.assistant()], id: $0, speaker: $0) }
        try withTemporaryDirectory { directory in
            let before = try FileManager.default.contentsOfDirectory(atPath: directory).count
            let outcome = try ingestRows(rows, in: directory)
            #expect(outcome.codes == [:])
            // rows.jsonl, root and work, and nothing beside them.
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory).count == before + 3)
            let samples = try MDSReader(directory: "\(outcome.work)/samples")
            #expect(samples.sampleCount == names.count + 1)
            let plain = try samples.row(0).array("input_ids", as: Int32.self).values
            for (number, name) in names.enumerated() {
                let row = try samples.row(number + 1)
                #expect(Array(try row.string("id").utf8) == Array(name.utf8))
                #expect(Array(try row.string("speaker").utf8) == Array(name.utf8))
                #expect(try row.array("input_ids", as: Int32.self).values == plain)
                for flags in [["--id", name], ["--sample", "\(number + 1)"]] {
                    let shown = try inspect.run([outcome.work] + flags).expecting(0).output
                    let harmful = shown.unicodeScalars.filter {
                        $0.value < 32 && $0 != "\n" || (0x202A...0x202E).contains($0.value)
                            || (0x2066...0x2069).contains($0.value)
                    }
                    #expect(harmful.isEmpty, "\(name.debugDescription): \(harmful.map(\.value))")
                }
            }
        }
    }

    /// A manifest that is small on disk and endless in memory: one row of 512 MiB, after which the others go on.
    @Test(arguments: ["gzip", "zstd"]) func `zip bombs are read in bounded memory`(format: String) throws {
        func shell(_ command: String) throws -> (status: Int32, errors: String) {
            let process = Process(), pipe = Pipe()
            process.executableURL = URL(fileURLWithPath: "/bin/bash")
            process.arguments = ["-c", "set -o pipefail; " + command]
            process.standardError = pipe
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            let errors = pipe.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            return (process.terminationStatus, String(decoding: errors, as: UTF8.self))
        }
        try withTemporaryDirectory { directory in
            try Self.wave().write(to: URL(fileURLWithPath: "\(directory)/clip.wav"))
            let good = Self.row(path: "clip.wav").pythonDump() + "\n"
            try Data(good.utf8).write(to: URL(fileURLWithPath: "\(directory)/good"))
            if format == "gzip" {
                let source =
                    "{ cat good; printf '{\"x\": \"'; head -c 512M /dev/zero | tr '\\0' x; echo '\"}'; cat good; }"
                let packed = try shell("cd '\(directory)' && \(source) | gzip -1 -c >rows.jsonl.packed")
                #expect(packed.status == 0, "\(packed.errors)")
            } else {
                var rows = Array((good + #"{"x": ""#).utf8)
                rows += repeatElement(UInt8(ascii: "x"), count: 512 << 20)
                rows += Array(("\"}\n" + good).utf8)
                let frame = try rows.withUnsafeBytes { try Zstd.compress($0, level: 1) }
                try Data(frame).write(to: URL(fileURLWithPath: "\(directory)/rows.jsonl.packed"))
            }
            let binary = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
                .deletingLastPathComponent().appendingPathComponent("ingest").path
            let result = try shell(
                "cd '\(directory)' && ulimit -d 393216 && '\(binary)' --data-path rows.jsonl.packed --output work --workers 1"
            )
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.errors.contains("row_too_large"), "\(result.errors)")
            #expect(try MDSReader(directory: "\(directory)/work/samples").sampleCount == 2)
        }
    }

    @Test func `index entries that name other directories`() throws {
        for name in ["../x", "/etc/passwd", "sub/shard.00000.mds.zstd", "..", ""] {
            try withTemporaryDirectory { directory in
                let work = try ExampleWork.copy(into: directory)
                let path = "\(work)/audio/index.json"
                let text = try String(decoding: Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
                let changed = text.replacingOccurrences(of: "\"shard.00000.mds.zstd\"", with: "\"\(name)\"")
                #expect(changed != text)
                try Data(changed.utf8).write(to: URL(fileURLWithPath: path))
                let output = "\(directory)/out"
                let result = try featurize.run(["--input", "\(work)/audio", "--output", output])
                #expect(result.status == 3, "\(name): \(result.errors)")
                #expect(result.errors.contains("index.json"), "\(result.errors)")
                #expect(!FileManager.default.fileExists(atPath: "\(output)/index.json"))
                #expect(try inspect.run([work, "--verify"]).status == 3)
            }
        }
    }
}
