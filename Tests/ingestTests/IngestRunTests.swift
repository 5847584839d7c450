// Whole runs: what lands in the shards, that it does not depend on workers or kills, and what a change changes.

import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import ingest

/// Stands for a kill at a shard's end.
private struct Stop: Error {}

@Suite struct IngestRunTests {
    /// A manifest of rows with tones of several lengths, some of them rejected, some with the same id.
    private func prepare(_ harness: IngestHarness, rows count: Int = 40) throws {
        for number in 0..<8 {
            try harness.writeTone(
                "t\(number).wav", seconds: 0.5 + 0.1 * Double(number), hertz: 100 + 50 * Double(number))
        }
        try harness.writeManifest(
            (0..<count).map { number in
                switch number % 10 {
                case 3: ["id": .string("bad-\(number % 4)")]
                case 7: IngestHarness.cloneRow(id: "same", reference: "t1.wav", target: "t2.wav")
                default:
                    IngestHarness.cloneRow(
                        reference: "t\(number % 8).wav", target: .string("t\(number * 3 % 8).wav"), text: "نص \(number)"
                    )
                }
            })
    }

    private func small(_ options: inout IngestOptions) { options.shardSize = 200_000 }

    @Test func `one worker or many, the bytes are the same`() throws {
        try IngestHarness.run { harness in
            try prepare(harness)
            for workers in [1, 4] {
                _ = try IngestRun(
                    harness.options {
                        small(&$0)
                        $0.workers = workers
                        $0.output = harness.path("work\(workers)")
                    }
                ).run()
            }
            let one = try harness.files("work1"), four = try harness.files("work4")
            #expect(one.keys.count { $0.hasSuffix(".mds.zstd") } > 8)
            #expect(one == four)
        }
    }

    @Test func `stopped at any shard, the next run ends with the bytes of an undisturbed one`() throws {
        try IngestHarness.run { harness in
            try prepare(harness)
            let undisturbed = try IngestRun(harness.options(small)).run()
            let expected = try harness.files()
            try FileManager.default.removeItem(atPath: harness.path("work"))
            #expect(undisturbed.shards > 4)
            #expect(undisturbed.counts.renamed > 0 && undisturbed.counts.rejectedRows == 4)
            var stops = 0
            for round in 0..<100 {
                do {
                    // A stop after each shard that is new, the first time with one worker, then with three.
                    let run = try IngestRun(
                        harness.options {
                            small(&$0)
                            $0.workers = round % 2 == 0 ? 1 : 3
                        }, afterShard: { _ in throw Stop() })
                    let summary = try run.run()
                    #expect(summary.skipped == undisturbed.shards)
                    #expect(summary.counts == undisturbed.counts)
                    break
                } catch is Stop {
                    stops += 1
                    #expect(!FileManager.default.fileExists(atPath: harness.path("work/samples/index.json")))
                }
            }
            #expect(stops == undisturbed.shards)
            #expect(try harness.files() == expected)
            #expect(try IngestRun(harness.options(small)).run().wasDone)
            #expect(try harness.files() == expected)
        }
    }

    @Test func `a damaged shard is made again`() throws {
        try IngestHarness.run { harness in
            try prepare(harness)
            _ = try IngestRun(harness.options(small)).run()
            let expected = try harness.files()
            var shard = try #require(expected["samples/shard.00002.mds.zstd"])
            shard[shard.count / 2] ^= 0x10
            try harness.write(shard, "work/samples/shard.00002.mds.zstd")
            // Of a run that was not finished: one that was is not read again.
            try FileManager.default.removeItem(atPath: harness.path("work/audio/shard.00004.json"))
            let summary = try IngestRun(harness.options(small)).run()
            #expect(summary.skipped == 2)
            #expect(try harness.files() == expected)
        }
    }

    @Test func `rows that are added give the bytes of a fresh run`() throws {
        try IngestHarness.run { harness in
            try prepare(harness, rows: 25)
            _ = try IngestRun(harness.options(small)).run()
            try prepare(harness, rows: 40)
            #expect(throws: StageMismatch.self) { try IngestRun(harness.options(small)) }
            let options = harness.options {
                small(&$0)
                $0.replace = true
            }
            let grown = try IngestRun(options).run()
            #expect(grown.skipped > 1)
            let files = try harness.files()
            try FileManager.default.removeItem(atPath: harness.path("work"))
            _ = try IngestRun(options).run()
            #expect(try harness.files() == files)
            // And rows that go: the manifest's end moves up into an earlier shard.
            for rows in [31, 24] {
                try prepare(harness, rows: rows)
                _ = try IngestRun(options).run()
                let files = try harness.files()
                try FileManager.default.removeItem(atPath: harness.path("work"))
                _ = try IngestRun(options).run()
                #expect(try harness.files() == files)
            }
        }
    }

    @Test func `rejected rows behind the last shard do not change how it is resumed`() throws {
        try IngestHarness.run { harness in
            try prepare(harness, rows: 20)
            let options = harness.options {
                small(&$0)
                $0.replace = true
            }
            _ = try IngestRun(options).run()
            let bad = Array("{\"id\": \"bad\"}\n".utf8)
            let manifest = try Data(contentsOf: URL(fileURLWithPath: harness.path("manifest.jsonl")))
            // Cut behind the rows of the first full shard, then only rejects.
            let sidecar = try JSONValue(contentsOfFile: harness.path("work/audio/shard.00000.json"))
            let offset = try #require(sidecar["resume"]?["manifest_offset"]?.intValue)
            try harness.write(Array(manifest[..<offset]) + bad + bad, "manifest.jsonl")
            #expect(try IngestRun(options).run().counts.rejectedRows >= 2)
            let files = try harness.files()
            try FileManager.default.removeItem(atPath: harness.path("work"))
            _ = try IngestRun(options).run()
            #expect(try harness.files() == files)
        }
    }

    @Test func `another tokenizer leaves the audio alone`() throws {
        try IngestHarness.run { harness in
            try prepare(harness)
            _ = try IngestRun(harness.options(small)).run()
            let before = try harness.files()
            let options = harness.options {
                small(&$0)
                $0.replace = true
                $0.tokenizer = fixture("text/tokenizer.json")
            }
            _ = try IngestRun(options).run()
            let after = try harness.files()
            for (name, bytes) in before where name.hasPrefix("audio/") { #expect(after[name] == bytes, "\(name)") }
            #expect(before["samples/shard.00000.mds.zstd"] != after["samples/shard.00000.mds.zstd"])
            let copy = try #require(after["samples/tokenizer.json"])
            #expect(copy == Array(try Data(contentsOf: URL(fileURLWithPath: fixture("text/tokenizer.json")))))
            let tokenizer = try Tokenizer.load(samplesDirectory: harness.path("work/samples"))
            #expect(tokenizer.record.kind == .huggingFace)
            let ids = try harness.rows("samples")[0].array("input_ids", as: Int32.self).values
            #expect(tokenizer.decode(ids).hasPrefix("<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nقل"))
            // And back: the copy goes.
            _ = try IngestRun(
                harness.options {
                    small(&$0); $0.replace = true
                }
            ).run()
            #expect(try harness.files() == before)
            #expect(try Tokenizer.load(samplesDirectory: harness.path("work/samples")).record.kind == .byteLevel)
        }
    }

    @Test func `the fixture's rows arrive with the reference's ids, labels and clips`() throws {
        try IngestHarness.run { harness in
            let manifest = try Data(contentsOf: URL(fileURLWithPath: fixture("chatml/manifest.jsonl")))
            let expected = try Array(Data(contentsOf: URL(fileURLWithPath: fixture("chatml/expected.jsonl"))))
                .split(separator: 0x0A).map { try JSONValue(parsing: $0) }
            try harness.write(manifest, "manifest.jsonl")
            let urls = expected.flatMap { $0["audio_urls"]?.arrayValue ?? [] }.compactMap(\.stringValue)
            for url in Set(urls) { try harness.writeTone(url) }
            for keeps in [false, true] {
                let summary = try IngestRun(
                    harness.options {
                        $0.tokenizer = fixture("text/tokenizer.json")
                        $0.keepTextOnly = keeps
                        $0.replace = true
                    }
                ).run()
                let wanted = expected.filter { keeps || $0["kind"] != "plain_string_contents" }
                #expect(summary.counts.kept.samples == (keeps ? 60 : 58))
                let rows = try harness.rows("samples"), audio = try harness.rows("audio")
                #expect(rows.count == wanted.count)
                for (number, (row, expected)) in zip(rows, wanted).enumerated() {
                    let ids = try row.array("input_ids", as: Int32.self).values.map { JSONValue.int(Int($0)) }
                    let labels = try row.array("label_ids", as: Int32.self).values.map { JSONValue.int(Int($0)) }
                    #expect(.array(ids) == expected["input_ids"])
                    #expect(.array(labels) == expected["label_ids"])
                    #expect(try .string(row.string("speaker")) == expected["speaker"])
                    let clips = try #require(try row.json("clips").arrayValue)
                    #expect(JSONValue.array(clips.compactMap { $0["path"] }) == expected["audio_urls"])
                    #expect(try audio[number].string("id") == row.string("id"))
                    #expect(try audio[number].array("audio_offsets", as: Int64.self).values.count == clips.count + 1)
                }
            }
        }
    }

    @Test func `the first rows alone, for a trial`() throws {
        try IngestHarness.run { harness in
            try prepare(harness)
            let summary = try IngestRun(harness.options { $0.limit = 5 }).run()
            #expect(summary.counts.rows == 5 && summary.counts.kept.samples == 4)
            #expect(try IngestRun(harness.options { $0.limit = 5 }).run().wasDone)
        }
    }

    @Test func `what the bytes are is noticed`() throws {
        try IngestHarness.run { harness in
            try harness.writeManifest([IngestHarness.cloneRow(id: "one"), ["id": "two"]])
            // Square waves of integers: no floating point that another machine might round otherwise.
            for (name, half) in [("a.wav", 40), ("b.wav", 25)] {
                let samples = (0..<8_000).map { Float($0 / half % 2 == 0 ? 0.25 : -0.25) }
                try harness.write(
                    AudioEncoder.wav16(samples, channels: 1, sampleRate: 16_000, source: name), name)
            }
            _ = try IngestRun(harness.options()).run()
            let raw = try ["samples", "audio"].map { name in
                try MDSReader(directory: harness.path("work/\(name)")).shards[0].raw.xxh64 ?? ""
            }
            // Other bytes for the same input and options need another IngestOptions.outputVersion.
            #expect(IngestOptions.outputVersion == 2)
            #expect(raw == ["267e4d7b83260781", "f6e8b54681af4352"])
            let rejects = try XXH64.hash(Data(contentsOf: URL(fileURLWithPath: harness.path("work/rejects.jsonl"))))
            #expect(rejects.hexDigits == "142c70c29fb11983")
        }
    }

    @Test func `paths that are wrong are bad usage`() throws {
        try IngestHarness.run { harness in
            func status(_ change: @escaping (inout IngestOptions) -> Void) -> PipelineKit.ExitStatus? {
                failure { _ = try IngestRun(harness.options(change)).run() }?.status
            }
            #expect(status { _ in } == .badUsage)  // no manifest yet
            try harness.writeManifest([IngestHarness.cloneRow()])
            #expect(status { $0.manifest = harness.directory } == .badUsage)
            #expect(status { $0.audioRoot = harness.path("none") } == .badUsage)
            #expect(status { $0.tokenizer = harness.path("none") } == .badUsage)
            #expect(status { $0.output = harness.path("manifest.jsonl") } == .badUsage)
            #expect(status { $0.exclude = harness.path("none") } != nil)
            #expect(!FileManager.default.fileExists(atPath: harness.path("work")))
            try harness.write([], "manifest.jsonl")
            #expect(status { _ in } == .badData)
        }
    }
}
