// The stage runner: what it writes, skips, refuses and names.

import Foundation
import TestSupport
import Testing

@testable import PipelineKit

@Suite struct StageRunnerTests {
    static let shards = [5, 1, 9, 31]

    private func withInput(_ body: (String) throws -> Void) throws {
        try withTemporaryDirectory { directory in
            try makeToyInput(in: directory, shards: Self.shards)
            try body(directory)
        }
    }

    @Test func `every sample is processed, in order, and split as the input`() throws {
        try withInput { directory in
            let summary = try ToyStage().run(in: directory)
            let input = try MDSReader(directory: directory + "/audio")
            let output = try MDSReader(directory: directory + "/features")
            #expect(output.shards.map(\.sampleCount) == Self.shards)
            #expect(output.shards[0].stored.basename == "shard.00000.mds.zstd")
            for sample in 0..<46 {
                let expected = try input.row(sample), got = try output.row(sample)
                #expect(try got.string("id") == expected.string("id"))
                #expect(
                    try got.array("product", as: Int32.self).values == expected.bytes("audio").map { Int32($0) * 2 })
            }
            let values = try (0..<46).reduce(0) { try $0 + input.row($1).bytes("audio").count }
            let record = try #require(try StageRecord(directory: directory + "/features"))
            #expect(record.identity.stage == "featurize")
            #expect(record.inputDigest == input.indexDigest)
            #expect(record.record("codec") == ["digest": "a"])
            #expect(record.identity.options["compression"] == "zstd:1")
            #expect(
                JSONValue.object(record.counts) == ["values": .int(values), "seconds": .double(Double(values) / 8)])
            #expect(summary.shards == 4)
            #expect(summary.samples == 46)
            #expect(summary.skipped == 0)
            #expect(JSONValue.object(summary.counts) == .object(record.counts))
            #expect(summary.bytes == output.shards.reduce(0) { $0 + $1.stored.byteCount })
            #expect(
                summary.json.objectValue?.members.map(\.key)
                    == ["stage", "shards", "samples", "skipped", "seconds", "bytes", "counts"])
        }
    }

    @Test func `one worker or eight, the same bytes`() throws {
        try withInput { directory in
            try ToyStage().run(in: directory, workers: 1)
            let one = try files(in: directory + "/features")
            try FileManager.default.removeItem(atPath: directory + "/features")
            try ToyStage().run(in: directory, workers: 8)
            #expect(differences(try files(in: directory + "/features"), one) == [])
            #expect(one.count == 4 + 4 + 4)
        }
    }

    @Test func `a second run does nothing but touch the index`() throws {
        try withInput { directory in
            try ToyStage().run(in: directory)
            func identity(_ name: String) throws -> (inode: UInt64, seconds: Int) {
                var status = stat()
                #expect(stat("\(directory)/features/\(name)", &status) == 0)
                return (UInt64(status.st_ino), status.st_mtim.tv_sec)
            }
            var past = [timespec(tv_sec: 1000, tv_nsec: 0), timespec(tv_sec: 1000, tv_nsec: 0)]
            #expect(utimensat(AT_FDCWD, directory + "/features/index.json", &past, 0) == 0)
            let shard = try identity("shard.00000.mds.zstd"), index = try identity("index.json")
            let before = try files(in: directory + "/features")
            let summary = try ToyStage().run(in: directory)
            #expect(summary.wasDone)
            #expect(summary.skipped == 4)
            #expect(try identity("shard.00000.mds.zstd") == shard)
            #expect(try identity("index.json").inode == index.inode)
            #expect(try identity("index.json").seconds > 1000)
            #expect(differences(try files(in: directory + "/features"), before) == [])
        }
    }

    @Test func `a shard that is gone or of another size is made again, the others are not`() throws {
        try withInput { directory in
            try ToyStage().run(in: directory)
            let whole = try files(in: directory + "/features")
            for change in ["shard.00002.mds.zstd", "shard.00001.json", "cut", "spoilt"] {
                if change == "cut" {
                    #expect(truncate(directory + "/features/shard.00003.mds.zstd", 3) == 0)
                } else if change == "spoilt" {
                    try Data("{\"key\": 7}".utf8).write(
                        to: URL(fileURLWithPath: directory + "/features/shard.00000.json"))
                } else {
                    try FileManager.default.removeItem(atPath: directory + "/features/" + change)
                }
                let summary = try ToyStage().run(in: directory)
                #expect(summary.skipped == 3)
                #expect(differences(try files(in: directory + "/features"), whole) == [])
            }
        }
    }

    @Test func `other options are refused with the difference, and made with replace`() throws {
        try withInput { directory in
            try ToyStage().run(in: directory)
            let old = try files(in: directory + "/features")
            let changed = ToyStage(factor: 3, outputVersion: 2, codec: "b")
            #expect {
                try changed.run(in: directory)
            } throws: {
                Failure($0).status == .badUsage
                    && (($0 as? StageMismatch)?.differences == [
                        "output version: 1 → 2", "factor: 2 → 3", #"codec.digest: "a" → "b""#,
                    ])
            }
            #expect(differences(try files(in: directory + "/features"), old) == [])
            #expect(try changed.run(in: directory, replace: true).skipped == 0)
            try withInput { fresh in
                try changed.run(in: fresh)
                #expect(
                    differences(try files(in: directory + "/features"), try files(in: fresh + "/features")) == [])
            }
        }
    }

    @Test(arguments: [ToyStage(factor: 3), ToyStage(outputVersion: 2), ToyStage(codec: "b")])
    func `each part of the key makes all shards anew`(changed: ToyStage) throws {
        try withInput { directory in
            try ToyStage().run(in: directory)
            #expect(throws: StageMismatch.self) { try changed.run(in: directory) }
            #expect(try changed.run(in: directory, replace: true).skipped == 0)
        }
    }

    @Test func `after a change of the input only the changed shards are made again`() throws {
        try withInput { directory in
            try ToyStage().run(in: directory)
            try makeToyInput(in: directory, shards: Self.shards, salt: 9, saltedShard: 2)
            #expect {
                try ToyStage().run(in: directory)
            } throws: { ($0 as? StageMismatch)?.differences.first?.hasPrefix("input.digest: ") == true }
            #expect(try ToyStage().run(in: directory, replace: true).skipped == 3)
            let replaced = try files(in: directory + "/features")
            try FileManager.default.removeItem(atPath: directory + "/features")
            try ToyStage().run(in: directory)
            #expect(differences(try files(in: directory + "/features"), replaced) == [])
        }
    }

    @Test func `a shorter input leaves nothing of the longer one`() throws {
        try withInput { directory in
            try ToyStage().run(in: directory)
            try makeToyInput(in: directory, shards: Array(Self.shards.prefix(2)))
            #expect(try ToyStage().run(in: directory, replace: true).skipped == 2)
            let names = try files(in: directory + "/features").keys.sorted()
            #expect(
                names == [
                    ".lock", ".stage.json", "index.json", "shard.00000.json", "shard.00000.mds.zstd",
                    "shard.00001.json", "shard.00001.mds.zstd", "stage.json",
                ])
        }
    }

    @Test func `samples that cannot be processed are named, and the other shards are done`() throws {
        try withInput { directory in
            let damaged = Failure(.badData, "no samples", at: "clip")
            let failing = ToyStage(failing: ["2-3": damaged, "2-7": damaged, "0-0": damaged])
            #expect {
                try failing.run(in: directory)
            } throws: { error in
                guard let failures = error as? StageFailures else { return false }
                let text = failures.first.map(\.description)
                return failures.count == 3 && failures.shardCount == 2 && failures.failure.status == .badData
                    && text.count == 3
                    && text[2].hasSuffix(#"audio/shard.00002.mds.zstd, sample 7 (id "2-7"): clip 1: clip: no samples"#)
                    && failures.description.contains("3 samples in 2 shards cannot be processed, the first is ")
            }
            let names = try files(in: directory + "/features").keys.filter { $0.hasSuffix(".json") }.sorted()
            #expect(names == [".stage.json", "shard.00001.json", "shard.00003.json"])
            // Once the samples can be processed, only their shards are left to do.
            #expect(try ToyStage().run(in: directory).skipped == 2)
        }
    }

    @Test func `a failure takes the index of a whole directory away`() throws {
        try withInput { directory in
            try ToyStage().run(in: directory)
            try FileManager.default.removeItem(atPath: directory + "/features/shard.00001.json")
            #expect(throws: StageFailures.self) {
                try ToyStage(failing: ["1-0": Failure(.badData, "broken")]).run(in: directory)
            }
            #expect(try files(in: directory + "/features")["index.json"] == nil)
        }
    }

    @Test func `any other error of a sample ends the run and names it`() throws {
        try withInput { directory in
            #expect {
                try ToyStage(failing: ["2-3": Failure(.failed, "no memory")]).run(in: directory)
            } throws: {
                Failure($0).status == .failed && Failure($0).what.contains("sample 3 (id \"2-3\"): no memory")
            }
            #expect {
                try ToyStage(failing: ["3-30": Interrupted().failure]).run(in: directory)
            } throws: {
                Failure($0) == Interrupted().failure
            }
            // What was done before stays done, though it was not written yet when the sample behind it failed.
            let summary = try ToyStage().run(in: directory)
            #expect(summary.skipped == 3)
        }
        try withInput { directory in
            for workers in [1, 8] {
                #expect(throws: Failure.self) {
                    try ToyStage(failing: ["2-0": Failure(.failed, "no memory")]).run(in: directory, workers: workers)
                }
                let done = try files(in: directory + "/features")
                #expect(done["shard.00001.json"] != nil && done["shard.00002.json"] == nil)
                try FileManager.default.removeItem(atPath: directory + "/features")
            }
        }
    }

    @Test func `an input that is missing, unfinished or of another kind is named with the stage to run`() throws {
        try withTemporaryDirectory { directory in
            func failure() -> Failure? {
                do { try ToyStage().run(in: directory) } catch { return Failure(error) }
                return nil
            }
            #expect(failure()?.status == .badUsage)
            #expect(failure()?.remedy == "run ingest first")
            try DirectoryLock.makeDirectory(directory + "/audio")
            #expect(failure()?.what == "not finished: it has no index.json")
            #expect(failure()?.remedy == "run ingest first")
            try makeToyInput(in: directory, shards: [2])
            try ToyStage().run(in: directory)
            try FileManager.default.removeItem(atPath: directory + "/audio")
            try FileManager.default.moveItem(atPath: directory + "/features", toPath: directory + "/audio")
            #expect(failure()?.what == "has no column 'audio', which featurize reads")
            #expect(failure()?.status == .badUsage)
        }
    }

    @Test func `a damaged input shard is named`() throws {
        try withInput { directory in
            let path = directory + "/audio/shard.00002.mds.zstd"
            var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            bytes[bytes.count - 1] ^= 1
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            #expect { try ToyStage().run(in: directory) } throws: {
                Failure($0).status == .badData && Failure($0).location == path
            }
            let done = try files(in: directory + "/features")
            #expect(done["index.json"] == nil)
            // The shards before it, whose samples were under way when it was read, are done.
            #expect(done["shard.00001.json"] != nil && done["shard.00002.json"] == nil)
        }
    }

    @Test func `flags are checked`() throws {
        let flags = try StageFlags.parse(["--workers", "2", "--compression", "zstd:7"])
        #expect(flags.workers == 2)
        #expect(flags.compression == .zstd(level: 7))
        #expect(try StageFlags.parse([]).workers >= 1)
        for wrong in [
            ["--workers", "0"], ["--workers", "x"], ["--compression", "zstd:20"], ["--compression", "none"],
        ] {
            #expect(throws: (any Error).self) { try StageFlags.parse(wrong) }
        }
    }

    @Test func `the compression is one of the options`() throws {
        try withInput { directory in
            try ToyStage().run(in: directory)
            var flags = try StageFlags.parse(["--compression", "zstd:3"])
            #expect {
                try ToyStage().run(input: directory + "/audio", output: directory + "/features", flags: flags)
            } throws: { ($0 as? StageMismatch)?.differences == [#"compression: "zstd:1" → "zstd:3""#] }
            flags.replace = true
            flags.quiet = true
            try ToyStage().run(input: directory + "/audio", output: directory + "/features", flags: flags)
            #expect(try MDSReader(directory: directory + "/features").shards[0].configuration.compression == "zstd:3")
        }
    }
}
