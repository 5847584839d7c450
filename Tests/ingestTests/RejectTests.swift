// Each code, by a row that earns it, through the whole run: what is read is kept or rejected, and nothing stops.

import Foundation
import PipelineKit
import Testing

@testable import ingest

@Suite struct RejectTests {
    /// Rejects of single rows, each beside a good one.
    private func code(
        _ row: String, options change: (inout IngestOptions) -> Void = { _ in },
        prepare: (IngestHarness) throws -> Void = { _ in }
    ) throws -> JSONValue {
        try IngestHarness.run { harness in
            try harness.writeTone("a.wav")
            try harness.writeTone("b.wav")
            try prepare(harness)
            let good = IngestHarness.cloneRow(id: "good").pythonDump()
            try harness.write("\(good)\n\(row)\n".utf8, "manifest.jsonl")
            let summary = try IngestRun(harness.options(change)).run()
            #expect(summary.counts.rows == 2)
            #expect(summary.counts.kept.samples + summary.counts.rejectedRows == 2)
            #expect(try harness.rows("samples").count == summary.counts.kept.samples)
            let rejects = try harness.rejects()
            #expect(rejects.count == summary.counts.rejectedRows)
            let reject = try #require(rejects.first)
            #expect(reject["row"] == 2 && reject["line"] == 2)
            #expect(reject["detail"]?.stringValue?.isEmpty == false)
            return reject
        }
    }

    private func target(_ item: String) -> String {
        #"{"messages": [{"role": "assistant", "content": [\#(item)]}]}"#
    }

    @Test func `what is not JSON, or too deep`() throws {
        #expect(try code("{\"id\": \"x\"")["code"] == "invalid_json")
        let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
        let reject = try code("{\"id\": \"x\", \"d\": \(deep)}")
        #expect(reject["code"] == "invalid_json")
        #expect(reject["id"]?.isNull == true && reject["path"]?.isNull == true)
    }

    @Test func `what is no conversation`() throws {
        let reject = try code(#"{"id": "x", "messages": []}"#)
        #expect(reject["code"] == "invalid_structure" && reject["id"] == "x")
        #expect(try code("[1]")["code"] == "invalid_structure")
        #expect(try code(#"{"messages": [{"role": "tool", "content": "a"}]}"#)["code"] == "invalid_structure")
    }

    @Test(arguments: ["<|AUDIO_OUT|>\u{064E}", "قبل<|eot_id|>بعد", "\u{0301}<|AUDIO|>"])
    func `control tokens in texts, roles and recipients`(token: String) throws {
        let audio = #"{"type": "audio", "url": "a.wav"}"#
        let text = #"{"type": "text", "text": "\#(token)"}"#
        #expect(try code(target(text + "," + audio))["code"] == "control_token")
        #expect(try code(#"{"messages": [{"role": "\#(token)", "content": "a"}]}"#)["code"] == "control_token")
        let recipient = #"{"messages": [{"role": "assistant", "recipient": "\#(token)", "content": [\#(audio)]}]}"#
        #expect(try code(recipient)["code"] == "control_token")
    }

    @Test func `a token in an id or a speaker harms nobody`() throws {
        try IngestHarness.run { harness in
            try harness.writeTone("a.wav")
            try harness.writeTone("b.wav")
            var row = try #require(IngestHarness.cloneRow(id: "<|eot_id|>/../x\n\u{202E}").objectValue)
            row["speaker"] = "<|AUDIO|>"
            try harness.writeManifest([.object(row)])
            _ = try IngestRun(harness.options()).run()
            let sample = try #require(try harness.rows("samples").first)
            #expect(try sample.string("id") == "<|eot_id|>/../x\n\u{202E}")
            #expect(try sample.string("speaker") == "<|AUDIO|>")
        }
    }

    @Test func `audio that is not there`() throws {
        let reject = try code(target(#"{"type": "audio", "url": "none.wav"}"#))
        #expect(reject["code"] == "missing_audio" && reject["path"] == "none.wav")
        #expect(reject["id"] == "row-2")
        #expect(try code(target(#"{"type": "audio", "url": ""}"#))["code"] == "missing_audio")
        #expect(try code(target(#"{"type": "audio", "url": "-"}"#))["code"] == "missing_audio")
        #expect(try code(target(#"{"type": "audio", "url": "a.wav\u0000b"}"#))["code"] == "missing_audio")
    }

    @Test func `paths that leave the root`() throws {
        for path in ["../a.wav", "/etc/passwd", "sub/../../a.wav", "none/../../a.wav", "link/a.wav", "../root2/b.wav"] {
            let reject = try code(
                target(#"{"type": "audio", "url": "\#(path)"}"#), options: { $0.audioRoot = rootOf($0) }
            ) { harness in
                // The good row's files lie below the root, others beside it.
                try FileManager.default.createDirectory(
                    atPath: harness.path("root/sub"), withIntermediateDirectories: true)
                for name in ["root/a.wav", "root/b.wav", "root2/b.wav", "out/a.wav"] { try harness.writeTone(name) }
                try FileManager.default.createSymbolicLink(
                    atPath: harness.path("root/link"), withDestinationPath: harness.path("out"))
            }
            #expect(reject["code"] == "path_outside_root", "\(path)")
            #expect(reject["path"] == .string(path))
        }
    }

    private func rootOf(_ options: IngestOptions) -> String {
        URL(fileURLWithPath: options.manifest).deletingLastPathComponent().appendingPathComponent("root").path
    }

    @Test func `audio that cannot be read`() throws {
        let item = target(#"{"type": "audio", "url": "x"}"#)
        #expect(try code(item, prepare: { try $0.write("noise".utf8, "x") })["code"] == "unreadable_audio")
        #expect(try code(item, prepare: { try $0.write([], "x") })["code"] == "unreadable_audio")
        let directory: (IngestHarness) throws -> Void = {
            try FileManager.default.createDirectory(atPath: $0.path("x"), withIntermediateDirectories: true)
        }
        #expect(try code(item, prepare: directory)["code"] == "unreadable_audio")
        #expect(try code(item, prepare: { _ = mkfifo($0.path("x"), 0o600) })["code"] == "unreadable_audio")
        let truncated: (IngestHarness) throws -> Void = { harness in
            try harness.write(try harness.writeTone("x").dropLast(10_000), "x")
        }
        #expect(try code(item, prepare: truncated)["code"] == "unreadable_audio")
        let notANumber: (IngestHarness) throws -> Void = { harness in
            var samples = IngestHarness.tone(seconds: 1)
            samples[9_000] = .nan
            try harness.write(
                AudioEncoder.wav(samples, channels: 1, sampleRate: 16_000, source: "x"), "x")
        }
        #expect(try code(item, prepare: notANumber)["code"] == "unreadable_audio")
        #expect(try code(target(#"{"type": "audio", "raw_audio": "QUJD"}"#))["code"] == "unreadable_audio")
        #expect(try code(target(#"{"type": "audio", "raw_audio": "not base64"}"#))["code"] == "unreadable_audio")
    }

    @Test func `audio that is too short, too long or silent`() throws {
        func code(
            _ seconds: Double, amplitude: Float = 0.3, _ change: @escaping (inout IngestOptions) -> Void = { _ in }
        )
            throws -> JSONValue?
        {
            try self.code(target(#"{"type": "audio", "url": "x"}"#), options: change) {
                try $0.writeTone("x", seconds: seconds, amplitude: amplitude)
            }["code"]
        }
        #expect(try code(0.499) == "audio_too_short")
        #expect(try code(0.039, { $0.minDuration = 0 }) == "audio_too_short")
        #expect(try code(1.201, { $0.maxDuration = 1.2 }) == "audio_too_long")
        #expect(try code(1.2, amplitude: 0.0009) == "silent_audio")
        let past = target(#"{"type": "audio", "url": "a.wav", "offset": 2}"#)
        #expect(try self.code(past)["code"] == "audio_too_short")
        let beyond = target(#"{"type": "audio", "url": "a.wav", "offset": 0.2, "duration": 0.9}"#)
        #expect(try self.code(beyond)["code"] == "audio_too_short")
        #expect(
            try self.code(target(#"{"type": "audio", "url": "a.wav", "offset": 0, "duration": 0}"#))["code"]
                == "audio_too_short")
        let long = target(#"{"type": "audio", "url": "a.wav", "offset": 0, "duration": 0.9}"#)
        #expect(try self.code(long, options: { $0.maxDuration = 0.8 })["code"] == "audio_too_long")
    }

    @Test func `texts that are too short or too long, trimmed and together`() throws {
        let audio = #"{"type": "audio", "url": "a.wav"}"#
        func code(_ texts: [String], _ change: @escaping (inout IngestOptions) -> Void = { _ in }) throws -> JSONValue?
        {
            let items = texts.map { #"{"type": "text", "text": "\#($0)"}"# } + [audio]
            return try self.code(target(items.joined(separator: ",")), options: change)["code"]
        }
        #expect(try code([""]) == "text_too_short")
        #expect(try code([" \\u00a0\\n", "\\t"]) == "text_too_short")
        #expect(try code(["ab", " ", "cd "], { $0.text.minimum = 6 }) == "text_too_short")
        #expect(try code([String(repeating: "x", count: 2_001)]) == "text_too_long")
        #expect(try code(["مُ", "xx"], { $0.text.maximum = 3 }) == "text_too_long")
    }

    @Test func `a row without a target, unless it is wanted`() throws {
        let row = #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#
        #expect(try code(row)["code"] == "no_target_audio")
        let early =
            #"{"start_index": 1, "messages": [{"role": "assistant", "content": {"type": "audio", "url": "a.wav"}}]}"#
        #expect(try code(early)["code"] == "no_target_audio")
        try IngestHarness.run { harness in
            try harness.write(row.utf8, "manifest.jsonl")
            _ = try IngestRun(harness.options { $0.keepTextOnly = true }).run()
            let audio = try #require(try harness.rows("audio").first)
            #expect(try audio.bytes("audio").isEmpty)
            #expect(try audio.array("audio_offsets", as: Int64.self).values == [0])
            #expect(try audio.array("audio_roles", as: UInt8.self).values == [0])
            #expect(try harness.rows("samples")[0].json("clips") == [])
        }
    }

    @Test func `a row that is too large`() throws {
        let filler = String(repeating: "x", count: ManifestReader.largestRow)
        #expect(try code("{\"id\": \"\(filler)\"}")["code"] == "row_too_large")
        // Seven clips of ten minutes, at a rate that keeps them small.
        let item = #"{"type": "audio", "url": "x"}"#
        let reject = try code(
            target(Array(repeating: item, count: 7).joined(separator: ",")), options: { $0.maxDuration = 3_600 }
        ) { try $0.writeTone("x", seconds: 600, rate: 1_000) }
        #expect(reject["code"] == "row_too_large")
    }

    @Test func `excluded rows are listed, and are no fault`() throws {
        let reject = try code(IngestHarness.cloneRow(id: "bad\n").pythonDump()) { options in
            options.exclude =
                URL(fileURLWithPath: options.manifest).deletingLastPathComponent()
                .appendingPathComponent("x").path
        } prepare: {
            try $0.write("\"bad\\n\"".utf8, "x")
        }
        #expect(reject["code"] == "excluded" && reject["id"] == "bad\n")
    }

    @Test func `a syntax error in an array stops the run and leaves no index`() throws {
        try IngestHarness.run { harness in
            try harness.writeTone("a.wav")
            try harness.writeTone("b.wav")
            let good = IngestHarness.cloneRow().pythonDump()
            try harness.write("[\(good),\n{\"id\": 01},\(good)]".utf8, "manifest.jsonl")
            let error = #expect(throws: ManifestError.self) { try IngestRun(harness.options()).run() }
            #expect(error?.line == 2)
            #expect(!FileManager.default.fileExists(atPath: harness.path("work/samples/index.json")))
        }
    }

    @Test func `too many rejects, or nothing left, fail without an index`() throws {
        try IngestHarness.run { harness in
            try harness.writeTone("a.wav")
            try harness.writeTone("b.wav")
            let bad: JSONValue = ["id": "bad"]
            try harness.writeManifest([bad, IngestHarness.cloneRow(), bad])
            let run = { (fraction: Double) in
                try IngestRun(harness.options { $0.maxRejectFraction = fraction }).run()
            }
            let failure = #expect(throws: Failure.self) { _ = try run(0.66) }
            #expect(failure?.status == .badData)
            #expect(!FileManager.default.fileExists(atPath: harness.path("work/samples/index.json")))
            #expect(try run(0.67).counts.rejectedRows == 2)
            #expect(FileManager.default.fileExists(atPath: harness.path("work/audio/index.json")))
            _ = #expect(throws: Failure.self) { _ = try run(0.66) }
            #expect(!FileManager.default.fileExists(atPath: harness.path("work/audio/index.json")))
            try harness.writeManifest([bad])
            let empty = #expect(throws: Failure.self) {
                _ = try IngestRun(harness.options { $0.replace = true }).run()
            }
            #expect(empty?.status == .badData)
            #expect(try harness.rejects().count == 1)
        }
    }
}
