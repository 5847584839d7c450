import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import ingest

/// Stands for a kill at a shard's end.
private struct Stop: Error {}

/// Normalization and the text report in whole runs.
@Suite struct NormalizeTests {
    private func arabic(_ options: inout IngestOptions) { options.normalization = .arabic }

    @Test func `ids are those of the normalized text, the conversation stays as it was read`() throws {
        try IngestHarness.run { harness in
            try harness.writeTone("a.wav")
            try harness.writeTone("b.wav")
            try harness.writeManifest([IngestHarness.cloneRow(text: "\u{FEE3}ـرحـبا\u{200F}")])
            let summary = try IngestRun(harness.options(arabic)).run()
            let row = try harness.rows("samples")[0]
            let ids = try row.array("input_ids", as: Int32.self).values
            #expect(Tokenizer.byteLevel.decode(ids).contains("\n\nمرحبا<|audio_out_bos|>"))
            let said = try row.json("conversation").arrayValue?[1]["content"]?.arrayValue?[0]["text"]
            #expect(said == "\u{FEE3}ـرحـبا\u{200F}")
            let stage = try JSONValue(contentsOfFile: harness.path("work/samples/stage.json"))
            #expect(stage["text"]?["normalization"] == "presentation-forms,zero-width,tatweel,nfc")
            let changes = stage["counts"]?["text"]?["normalization"]?["changes"]
            #expect(changes?["tatweel"] == ["texts": 1, "code_points": 2])
            #expect(changes?["zero-width"] == ["texts": 1, "code_points": 1])
            #expect(changes?["presentation-forms"] == ["texts": 1, "code_points": 1])
            #expect(changes?["nfc"] == nil)
            #expect(summary.text.lines.last?.contains("tatweel 2 in 1 texts") == true)
        }
    }

    @Test func `normalization never makes a control token, and never hides one`() throws {
        try IngestHarness.run { harness in
            try harness.writeTone("a.wav")
            try harness.writeTone("b.wav")
            let texts = [
                "<|AU\u{200B}DIO_OUT|>",  // made by taking the invisible away
                "<|AUDIO\u{640}_OUT|>", "\u{FEFF}<|eot\u{2060}_id|>",
                "<|AUDIO_OUT|>\u{338}",  // composed into ≯, it would be gone
                "<|reserved_special_token_\u{666}|>",  // an added token of this vocabulary, with an Arabic digit
                "<|AUDIO_OUT|>", "harmless",
            ]
            try harness.writeManifest(texts.map { IngestHarness.cloneRow(text: $0) })
            var rules = TextNormalization.arabic.rules
            rules.append(.digitsASCII)
            let policy = TextNormalization(rules)
            let summary = try IngestRun(
                harness.options {
                    $0.normalization = policy
                    $0.tokenizer = fixture("text/tokenizer.json")
                }
            ).run()
            let rejected = try harness.rejects()
            let rows = rejected.filter { $0["code"] == "control_token" }.compactMap { $0["row"]?.intValue }
            #expect(rows == [1, 2, 3, 4, 5, 6] && rejected.count == 6)
            #expect(rejected[0]["detail"] == "the text of message 1, normalized, holds <|AUDIO_OUT|>")
            #expect(summary.counts.kept.samples == 1)
        }
    }

    @Test func `a text that normalizes to nothing is too short`() throws {
        try IngestHarness.run { harness in
            try harness.writeTone("a.wav")
            try harness.writeTone("b.wav")
            try harness.writeManifest([
                IngestHarness.cloneRow(), IngestHarness.cloneRow(text: "\u{200B}\u{200F}ـ"),
            ])
            _ = try IngestRun(harness.options(arabic)).run()
            #expect(try harness.rejects().map { $0["code"] } == ["text_too_short"])
        }
    }

    @Test func `another policy is refused with the difference, and leaves the audio alone`() throws {
        try IngestHarness.run { harness in
            try harness.writeTone("a.wav")
            try harness.writeTone("b.wav")
            try harness.writeManifest([IngestHarness.cloneRow(text: "مـرحبا")])
            _ = try IngestRun(harness.options()).run()
            let before = try harness.files()
            let refusal = failure { _ = try IngestRun(harness.options(arabic)) }
            #expect(refusal?.status == .badUsage)
            #expect(
                refusal?.description.contains(
                    "text.normalization: none → \"presentation-forms,zero-width,tatweel,nfc\"") == true)
            #expect(try harness.files() == before)
            _ = try IngestRun(
                harness.options {
                    arabic(&$0); $0.replace = true
                }
            ).run()
            let after = try harness.files()
            for (name, bytes) in before where name.hasPrefix("audio/") { #expect(after[name] == bytes, "\(name)") }
            #expect(before["samples/shard.00000.mds.zstd"] != after["samples/shard.00000.mds.zstd"])
            #expect(failure { _ = try IngestRun(harness.options()) }?.description.contains("→ none") == true)
        }
    }

    @Test func `the report does not depend on workers or kills`() throws {
        try IngestHarness.run { harness in
            for number in 0..<4 { try harness.writeTone("t\(number).wav", seconds: 0.5 + 0.4 * Double(number)) }
            try harness.writeManifest(
                (0..<40).map { number in
                    number % 9 == 4
                        ? ["id": "bad"]
                        : IngestHarness.cloneRow(
                            reference: "t0.wav", target: .string("t\(number % 4).wav"),
                            text: String(repeating: "نصـٌ ", count: 1 + number * number % 23) + "\(number)")
                })
            func options(_ output: String, workers: Int) -> IngestOptions {
                harness.options {
                    arabic(&$0)
                    $0.shardSize = 200_000
                    $0.workers = workers
                    $0.output = harness.path(output)
                }
            }
            let whole = try IngestRun(options("one", workers: 1)).run()
            #expect(whole.text.rateRows == 36 && whole.shards > 3)
            _ = try IngestRun(options("three", workers: 3)).run()
            let expected = try harness.files("one")
            #expect(try harness.files("three") == expected)
            for _ in 0..<100 {
                do {
                    let run = try IngestRun(options("killed", workers: 2), afterShard: { _ in throw Stop() })
                    #expect(try run.run().text == whole.text)
                    break
                } catch is Stop {}
            }
            #expect(try harness.files("killed") == expected)
            // And one that finds everything done.
            #expect(try IngestRun(options("killed", workers: 2)).run().text == whole.text)
            // Each sample knows its row.
            let samples = try MDSReader(directory: harness.path("one/samples"))
            var number = 0
            for shard in samples.shards.indices {
                let path = harness.path("one/samples/\(ShardSidecar.basename(shard))")
                let runs = try #require(ManifestRuns(json: try ShardSidecar(path: path)?.notes["rows"]))
                #expect(runs.count == samples.shards[shard].sampleCount)
                for sample in 0..<runs.count {
                    let row = try #require(runs[sample])
                    #expect(row.row == row.line)
                    #expect(try samples.sample(number).string("id") == "row-\(row.row)")
                    number += 1
                }
            }
        }
    }
}
