import Foundation
import PipelineKit
import TestSupport
import Testing

/// The data stages as processes: whole, repeatable, killed in the middle.
@Suite(.serialized) struct DataStagesTests {
    @Test func `the example goes through all stages and keeps every promise`() throws {
        let work = try ExampleWork.path()
        let verification = try inspect.run([work, "--verify", "--json"]).expecting(0)
        let findings = try JSONValue(parsing: verification.output)
        #expect(findings["sound"] == true)
        #expect(findings["checks"]?.arrayValue?.count ?? 0 >= 6)

        let report = try JSONValue(parsing: inspect.run([work, "--json"]).expecting(0).output)
        #expect(report["samples"] == .int(ExampleWork.rows))
        for name in ["samples", "audio", "features", "codes"] {
            #expect(report["directories"]?[name]?["samples"] == .int(ExampleWork.rows), "\(name)")
        }
        #expect(report["audio"]?["speakers"]?.objectValue?.members.count == 4)
        #expect(report["directories"]?["audio"]?["shards"]?.intValue ?? 0 > 2)
    }

    @Test func `one sample is joined over all directories`() throws {
        let work = try ExampleWork.path()
        let sample = try JSONValue(parsing: inspect.run([work, "--id", "dalia-06", "--json"]).expecting(0).output)
        let clips = sample["clips"]?.arrayValue ?? []
        #expect(clips.map { $0["role"]?.stringValue } == ["in", "out", "out"])
        // start_index 3: the first answer is context.
        #expect(clips.map { $0["is_target"]?.boolValue } == [false, false, true])
        for clip in clips {
            let seconds = clip["seconds"]?.doubleValue ?? 0
            let frames = clip["codes"]?.arrayValue?.first?.arrayValue?.count ?? 0
            #expect(abs(Double(frames) - seconds * 25) <= 1)
        }
        #expect(sample["input_ids"]?.arrayValue?.count == sample["pieces"]?.arrayValue?.count)
        let text = try inspect.run([work, "--id", "dalia-06"]).expecting(0).output
        #expect(text.contains("سافرنا إلى القاهرة"))
        #expect(text.contains("<|AUDIO_OUT|>"))
    }

    @Test func `a codes directory shows how its codebooks are used`() throws {
        let codes = "\(try ExampleWork.path())/codes"
        let report = try JSONValue(parsing: inspect.run([codes, "--json"]).expecting(0).output)
        let reader = try MDSReader(directory: codes)
        let first = try (0..<reader.sampleCount).flatMap { number -> [UInt16] in
            let (values, shape) = try reader.row(number).array("audio_ids", as: UInt16.self)
            return Array(values[..<shape[1]])
        }
        #expect(report["codes"]?["frames"]?.intValue == first.count)
        let book = report["codes"]?["codebooks"]?.arrayValue?.first
        #expect(book?["used"]?.intValue == Set(first).count)
        let shares = Dictionary(grouping: first) { $0 }.values.map { Double($0.count) / Double(first.count) }
        let entropy = -shares.reduce(0) { $0 + $1 * log2($1) }
        #expect(abs((book?["entropy_bits"]?.doubleValue ?? 0) - entropy) < 1e-9)
    }

    @Test func `one worker or five give the same bytes`() throws {
        try withTemporaryDirectory { directory in
            for workers in [1, 5] { try ExampleWork.make("\(directory)/\(workers)", workers: workers) }
            let (one, five) = (try contents(of: "\(directory)/1"), try contents(of: "\(directory)/5"))
            #expect(differences(one, five) == [])
            #expect(differences(one, try contents(of: ExampleWork.path())) == [])
            #expect(one.count > 30)
        }
    }

    @Test func `a second run changes nothing and says so`() throws {
        try withTemporaryDirectory { directory in
            let work = try ExampleWork.copy(into: directory)
            let before = try contents(of: work)
            let again = try ingest.run(ExampleWork.ingestFlags + ["--output", work]).expecting(0)
            #expect(again.errors.contains("already"))
            try ExampleWork.derive(work)
            #expect(differences(before, try contents(of: work)) == [])
        }
    }

    @Test func `killed at any moment, the same command goes on to the same bytes`() throws {
        try withTemporaryDirectory { directory in
            let work = "\(directory)/work"
            let seed = UInt64.random(in: 0...UInt64.max)
            var random = SeededGenerator(seed: seed)
            var landed = 0
            /// Kills a program after a moment, again and again, until it gets through by itself.
            func survive(_ program: BuiltProgram, _ arguments: [String]) throws {
                for _ in 0..<8 {
                    let running = try program.start(arguments)
                    Thread.sleep(forTimeInterval: Double.random(in: 0.005...0.15, using: &random))
                    running.send(SIGKILL)
                    let result = try running.finish()
                    if result.status == 0 { break }
                    try #require(result.status == 128 + SIGKILL, "seed \(seed): \(result.errors)")
                    landed += 1
                }
                try program.run(arguments).expecting(0)
            }
            let flags = ["--workers", "2", "--input", "\(work)/audio"]
            try survive(ingest, ExampleWork.ingestFlags + ["--output", work])
            try survive(featurize, flags + ["--output", "\(work)/features"])
            try survive(tokenize, ["fit"] + flags + ["--output", "\(work)/codec"])
            try survive(tokenize, ["encode"] + flags + ["--output", "\(work)/codes", "--codec", "\(work)/codec"])
            let differing = differences(try contents(of: work), try contents(of: ExampleWork.path()))
            #expect(differing == [], "seed \(seed)")
            #expect(landed >= 4, "seed \(seed): \(landed) kills landed")
        }
    }

    @Test(arguments: ["", ".gz", ".zst"]) func `a killed ingest decodes no clip a second time`(suffix: String) throws {
        try withTemporaryDirectory { directory in
            let rows = 24, clip = "\(repository)/examples/arabic-mini/audio/amal-00.flac"
            var manifest = ""
            for row in 0..<rows {
                try FileManager.default.copyItem(atPath: clip, toPath: "\(directory)/\(row).flac")
                manifest += #"{"id": "\#(row)", "messages": [{"role": "assistant", "content": "#
                manifest += #"[{"type": "audio", "audio_url": "\#(row).flac"}]}]}"# + "\n"
            }
            let plain = "\(directory)/m.jsonl", bytes = Array(manifest.utf8)
            try Data(bytes).write(to: URL(fileURLWithPath: plain))
            switch suffix {
            case ".gz": try BuiltProgram(path: "/bin/sh").run(["-c", "gzip -k '\(plain)'"]).expecting(0)
            case ".zst":
                let frame = try bytes.withUnsafeBytes { try Zstd.compress($0, level: 3) }
                try Data(frame).write(to: URL(fileURLWithPath: plain + suffix))
            default: break
            }
            func command(_ manifest: String, _ work: String) -> [String] {
                ["--data-path", manifest, "--output", "\(directory)/\(work)", "--shard-size", "250KiB"]
            }
            try ingest.run(command(plain, "whole")).expecting(0)
            let whole = try contents(of: "\(directory)/whole"), work = "\(directory)/killed"
            for _ in 0..<30 {
                try? FileManager.default.removeItem(atPath: work)
                let running = try ingest.start(command(plain + suffix, "killed") + ["--workers", "1"])
                while running.isRunning, access("\(work)/audio/shard.00001.json", F_OK) != 0 { usleep(200) }
                running.send(SIGKILL)
                if try running.finish().status == 128 + SIGKILL { break }
            }
            #expect(access("\(work)/audio/index.json", F_OK) != 0, "every kill came after the end")
            // The rows of finished shards are done: their files are not even there any more.
            var done = 0, number = 0
            func sidecar() -> JSONValue? {
                let path = "\(work)/audio/shard.\(String(format: "%05d", number)).json"
                return (try? String(contentsOfFile: path, encoding: .utf8)).flatMap { try? JSONValue(parsing: $0) }
            }
            while let sidecar = sidecar() {
                done += sidecar["counts"]?["samples"]?.intValue ?? 0
                number += 1
            }
            #expect(done > 0 && done < rows)
            for row in 0..<done { try FileManager.default.removeItem(atPath: "\(directory)/\(row).flac") }
            let resumed = try ingest.run(command(plain + suffix, "killed") + ["--json"]).expecting(0)
            #expect(try JSONValue(parsing: resumed.output)["skipped"] == .int(number))
            #expect(differences(try contents(of: work), whole) == [])
        }
    }

    /// Stops a command by a signal as soon as `begun` is there, from an empty `output` on. Where the work ended before the
    /// signal came it is begun again; a stop that never lands is an error.
    private func stop(
        _ program: BuiltProgram, _ arguments: [String], by signal: Int32, outputs: [String], once begun: String
    ) throws {
        for _ in 0..<30 {
            for output in outputs { try? FileManager.default.removeItem(atPath: output) }
            let running = try program.start(arguments)
            while running.isRunning, !FileManager.default.fileExists(atPath: begun) { usleep(200) }
            running.send(signal)
            let result = try running.finish()
            if result.status == 0 { continue }
            try result.expecting(130)
            #expect(result.errors.contains("interrupted; the same command goes on from here"), "\(result.errors)")
            return
        }
        throw UnexpectedEnd(description: "\(program.name) ended before every signal")
    }

    @Test(arguments: [SIGINT, SIGTERM]) func `a stop leaves 130 and a state that goes on`(signal: Int32) throws {
        try withTemporaryDirectory { directory in
            let work = "\(directory)/work"
            let flags = ["--input", "\(work)/audio", "--workers", "1"]
            let stages: [(program: BuiltProgram, command: [String], outputs: [String], begun: String)] = [
                (
                    ingest, ExampleWork.ingestFlags + ["--output", work, "--workers", "1"],
                    ["samples", "audio", "rejects.jsonl"], "samples/shard.00000.json"
                ),
                (featurize, flags + ["--output", "\(work)/features"], ["features"], "features/shard.00000.json"),
                (tokenize, ["fit"] + flags + ["--output", "\(work)/codec"], ["codec"], "codec/.lock"),
                (
                    tokenize, ["encode"] + flags + ["--output", "\(work)/codes", "--codec", "\(work)/codec"], ["codes"],
                    "codes/shard.00000.json"
                ),
            ]
            for (program, command, outputs, begun) in stages {
                let paths = outputs.map { "\(work)/\($0)" }
                try stop(program, command, by: signal, outputs: paths, once: "\(work)/\(begun)")
                for path in paths {
                    #expect(!FileManager.default.fileExists(atPath: "\(path)/index.json"), "\(path)")
                    #expect(!FileManager.default.fileExists(atPath: "\(path)/config.json"), "\(path)")
                }
                try program.run(command).expecting(0)
            }
            #expect(differences(try contents(of: work), try contents(of: ExampleWork.path())) == [])
        }
    }

    @Test func `every row is kept or rejected, with its reason`() throws {
        try withTemporaryDirectory { directory in
            let audio = "\(repository)/examples/arabic-mini/audio/amal-00.flac"
            func row(_ id: String, text: String = "سلام", path: String = audio) -> String {
                #"{"id": "\#(id)", "messages": [{"role": "user", "content": "\#(text)"}, "#
                    + #"{"role": "assistant", "content": [{"type": "audio", "audio_url": "\#(path)"}]}]}"#
            }
            let lines = [
                row("good"), row("token", text: "<|AUDIO_OUT|>\u{64E}"), "{broken", row("lost", path: "none.wav"),
                row("good"), #"{"messages": 7}"#, row("text", path: "\(repository)/Package.swift"),
            ]
            try Data(lines.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: "\(directory)/m.jsonl"))
            let result = try ingest.run([
                "--data-path", "\(directory)/m.jsonl", "--output", "\(directory)/work", "--max-reject-fraction", "0.9",
                "--json",
            ]).expecting(0)
            #expect(try JSONValue(parsing: result.output).objectValue != nil)
            let rejects = try String(contentsOfFile: "\(directory)/work/rejects.jsonl", encoding: .utf8)
                .split(separator: "\n").map { try JSONValue(parsing: String($0)) }
            #expect(
                rejects.map { $0["code"]?.stringValue } == [
                    "control_token", "invalid_json", "missing_audio", "invalid_structure", "unreadable_audio",
                ])
            #expect(rejects.map { $0["line"]?.intValue } == [2, 3, 4, 6, 7])
            let kept = try MDSReader(directory: "\(directory)/work/samples")
            #expect(try (0..<kept.sampleCount).map { try kept.row($0).string("id") } == ["good", "good~2"])
            #expect(rejects.count + kept.sampleCount == lines.count)
        }
    }
}

/// A seeded generator (SplitMix64), so that a failing case can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
