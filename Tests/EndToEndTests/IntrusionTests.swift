import Foundation
import PipelineKit
import TestSupport
import Testing

/// What a manifest may try: each row is refused with its code, or carried through harmless.
@Suite struct IntrusionTests {
    @Test func `a control token in any text, role or recipient, with combining marks behind it`() throws {
        let tokens = [
            "<|AUDIO_OUT|>", "<|AUDIO_OUT|>\u{064E}", "<|eot_id|>\u{0301}\u{0301}", "<|AUDIO|>\u{200D}",
            "x<|start_header_id|>y", "<|begin_of_text|>\u{FE0F}",
        ]
        var rows: [JSONValue] = []
        for token in tokens {
            let value = JSONValue.string(token)
            let answer = HostileManifest.assistant()
            rows.append(
                HostileManifest.row([["role": "system", "content": value], HostileManifest.user("a"), answer]))
            rows.append(HostileManifest.row([HostileManifest.user(value), answer]))
            rows.append(HostileManifest.row([HostileManifest.user(["type": "text", "text": value]), answer]))
            rows.append(
                HostileManifest.row([
                    HostileManifest.user([["type": "text", "text": "a"], ["type": "text", "text": value]]), answer,
                ]))
            rows.append(HostileManifest.row([HostileManifest.user("a"), HostileManifest.assistant(text: token)]))
            rows.append(HostileManifest.row([["role": value, "content": "a"], answer]))
            rows.append(HostileManifest.row([["role": .string("user\(token)"), "content": "a"], answer]))
            rows.append(
                HostileManifest.row([
                    HostileManifest.user("a"), answer, ["role": "assistant", "recipient": value, "content": "a"],
                ]))
        }
        try withTemporaryDirectory { directory in
            try HostileManifest.expect("control_token", for: rows, HostileManifest.ingestRows(rows, in: directory))
        }
    }

    @Test func `paths that leave the audio root by their words, by links or by absolute names`() throws {
        try withTemporaryDirectory { directory in
            let files = FileManager.default
            try files.createDirectory(atPath: "\(directory)/root/sub", withIntermediateDirectories: true)
            try files.createDirectory(atPath: "\(directory)/root-twin", withIntermediateDirectories: true)
            for name in ["outside.wav", "root-twin/clip.wav"] {
                try HostileManifest.wave().write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
            }
            try files.createSymbolicLink(atPath: "\(directory)/root/link.wav", withDestinationPath: "../outside.wav")
            try files.createSymbolicLink(atPath: "\(directory)/root/up", withDestinationPath: "..")
            try files.createSymbolicLink(atPath: "\(directory)/root/chain.wav", withDestinationPath: "link.wav")
            let rows = [
                "../outside.wav", "sub/../../outside.wav", "\(directory)/outside.wav", "link.wav", "up/outside.wav",
                "chain.wav", "../root-twin/clip.wav", "../nowhere.wav", "sub/none/../../../nowhere.wav", "/etc/passwd",
                "/dev/zero", "..",
            ].map(HostileManifest.row(path:))
            try HostileManifest.expect("path_outside_root", for: rows, HostileManifest.ingestRows(rows, in: directory))
        }
    }

    @Test func `a FIFO, a device, a directory and a dash are no audio, and nobody waits for them`() throws {
        try withTemporaryDirectory { directory in
            try FileManager.default.createDirectory(atPath: "\(directory)/root/sub", withIntermediateDirectories: true)
            #expect(mkfifo("\(directory)/root/fifo.wav", 0o644) == 0)
            let rows = ["fifo.wav", "sub", ".", "/dev/zero", "/dev/stdin"].map { path in
                HostileManifest.row(path: path.hasPrefix("/") ? path : "\(directory)/root/\(path)")
            }
            try HostileManifest.expect(
                "unreadable_audio", for: rows, HostileManifest.ingestRows(rows, in: directory, fence: false))
        }
        try withTemporaryDirectory { directory in
            let rows = ["-", "clip.wav\0.txt"].map(HostileManifest.row(path:))
            try HostileManifest.expect("missing_audio", for: rows, HostileManifest.ingestRows(rows, in: directory))
        }
    }

    @Test func `headers that claim the impossible`() throws {
        try withTemporaryDirectory { directory in
            let root = "\(directory)/root"
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
            let files: [String: Data] = [
                "rate.wav": HostileManifest.wave(rate: 1 << 31), "most.wav": HostileManifest.wave(rate: .max),
                "still.wav": HostileManifest.wave(rate: 0),
                "channels.wav": HostileManifest.wave(channels: 1_024), "all.wav": HostileManifest.wave(channels: .max),
                "none.wav": HostileManifest.wave(channels: 0),
            ]
            for (name, data) in files { try data.write(to: URL(fileURLWithPath: "\(root)/\(name)")) }
            let rows = files.keys.sorted().map(HostileManifest.row(path:))
            try HostileManifest.expect("unreadable_audio", for: rows, HostileManifest.ingestRows(rows, in: directory))
        }
    }

    @Test func `an hour of silence is left after its first half minute`() throws {
        try withTemporaryDirectory { directory in
            let root = "\(directory)/root"
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
            let header = HostileManifest.wave(claimedBytes: 3_600 * 32_000).prefix(44)
            let path = "\(root)/hour.wav"
            try header.write(to: URL(fileURLWithPath: path))
            #expect(truncate(path, 44 + 3_600 * 32_000) == 0)
            let rows = [HostileManifest.row(path: "hour.wav")]
            try HostileManifest.expect("audio_too_long", for: rows, HostileManifest.ingestRows(rows, in: directory))
        }
    }

    @Test func `speakers and ids are carried through: never a token, never a path, escaped where printed`() throws {
        let names = [
            "../../../escape", "/etc/passwd", "a\nb", "\u{202E}dlrow\u{2066}", "\u{1B}[2J", "<|AUDIO_OUT|>",
            "caf\u{E9}", "cafe\u{301}", "<|eot_id|>\u{064E}",
        ]
        let rows = names.map {
            HostileManifest.row([HostileManifest.user("hello"), HostileManifest.assistant()], id: $0, speaker: $0)
        }
        try withTemporaryDirectory { directory in
            let before = try FileManager.default.contentsOfDirectory(atPath: directory).count
            let outcome = try HostileManifest.ingestRows(rows, in: directory)
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
            try HostileManifest.wave().write(to: URL(fileURLWithPath: "\(directory)/clip.wav"))
            let good = HostileManifest.row(path: "clip.wav").pythonDump() + "\n"
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
