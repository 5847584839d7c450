// Shard directories by themselves: the lock, refusals, two directories in step, counts, a full disk.

import Foundation
import TestSupport
import Testing

@testable import PipelineKit

@Suite struct StageDirectoryTests {
    private let configuration = MDSConfiguration(columns: [MDSColumn("id", .str)], compression: .zstd(level: 1))

    private func open(
        _ directory: String, stage: String = "ingest", options: JSONObject = [:], replace: Bool = false,
        faultPoint: FaultPoint? = nil
    ) throws -> ShardDirectoryWriter {
        try ShardDirectoryWriter(
            directory: directory,
            identity: StageIdentity(stage: stage, outputVersion: 1, options: options, input: [:]),
            configuration: configuration, replace: replace, faultPoint: faultPoint)
    }

    private func shard(_ id: String) throws -> MDSRawShard {
        let builder = MDSShardBuilder(configuration: configuration)
        try builder.append(MDSRow([("id", .str(id))]))
        return try builder.finish()
    }

    @Test func `a second writer is refused, and the lock goes with the first`() throws {
        try withTemporaryDirectory { directory in
            let first = try open(directory)
            #expect { try open(directory) } throws: {
                Failure($0).status == .failed && Failure($0).location == directory
                    && Failure($0).what == "another program is writing this directory"
            }
            try first.finish(shards: 0)
        }
        try withTemporaryDirectory { directory in
            do { _ = try open(directory) }
            _ = try open(directory)
        }
    }

    @Test func `a sidecar that was changed anywhere is not believed`() throws {
        try withTemporaryDirectory { directory in
            let writer = try open(directory)
            let written = try writer.write(
                shard("a"), as: 0, key: "k", counts: ["clips": 3, "by": ["x": [1, 2]]], resume: ["offset": 5])
            let path = directory + "/shard.00000.json"
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            for index in bytes.indices {
                var changed = bytes
                changed[index] ^= 1
                try changed.write(to: URL(fileURLWithPath: path))
                // White space between tokens may differ; what is read may not.
                guard let sidecar = try writer.sidecar(0) else { continue }
                #expect(sidecar.bytes == written.bytes, "byte \(index)")
            }
            // A document that is well formed and lies.
            let text = String(decoding: bytes, as: UTF8.self)
            for (old, new) in [
                ("\"clips\": 3", "\"clips\": \"x\""), ("\"offset\": 5", "\"offset\": 50"), ("\"k\"", "\"l\""),
            ] {
                let lie = text.replacingOccurrences(of: old, with: new)
                #expect(lie != text)
                try Data(lie.utf8).write(to: URL(fileURLWithPath: path))
                #expect(try writer.sidecar(0) == nil)
            }
        }
    }

    @Test func `the output of another stage is never replaced`() throws {
        try withTemporaryDirectory { directory in
            try open(directory).write(shard("a"), as: 0, key: "k", counts: [:])
            for replace in [false, true] {
                #expect { try open(directory, stage: "tokenize", replace: replace) } throws: {
                    Failure($0).status == .badUsage
                        && Failure($0).what == "holds the output of ingest, not of tokenize"
                }
            }
        }
    }

    @Test(arguments: ["index.json", "shard.00000.mds", "shard.00007.json", "shard.123456.mds.zstd.tmp"])
    func `shards that no stage has a record of are never replaced`(name: String) throws {
        try withTemporaryDirectory { directory in
            try Data().write(to: URL(fileURLWithPath: directory + "/" + name))
            #expect { try open(directory, replace: true) } throws: {
                Failure($0).status == .badUsage && Failure($0).what.hasPrefix("holds shards without a record")
            }
        }
    }

    @Test func `files of others stay`() throws {
        try withTemporaryDirectory { directory in
            for name in ["tokenizer.json", "shard.txt", "shard.00009.note", "shard.1.json"] {
                try Data().write(to: URL(fileURLWithPath: directory + "/" + name))
            }
            let writer = try open(directory)
            try writer.write(shard("a"), as: 0, key: "k", counts: [:])
            try writer.finish(shards: 1)
            for name in ["tokenizer.json", "shard.txt", "shard.00009.note", "shard.1.json"] {
                #expect(access(directory + "/" + name, F_OK) == 0, "\(name)")
            }
        }
    }

    @Test func `an unfinished directory remembers its options`() throws {
        try withTemporaryDirectory { directory in
            try open(directory, options: ["a": 1, "b": ["c": 2]]).write(shard("a"), as: 0, key: "k", counts: [:])
            #expect(access(directory + "/index.json", F_OK) != 0)
            #expect {
                try open(directory, options: ["a": 1, "b": ["c": 3], "d": "x"])
            } throws: { ($0 as? StageMismatch)?.differences == ["b.c: 2 → 3", #"d: none → "x""#] }
            _ = try open(directory, options: ["b": ["c": 2], "a": 1])
        }
    }

    @Test func `a damaged record is refused without replace`() throws {
        try withTemporaryDirectory { directory in
            try open(directory).write(shard("a"), as: 0, key: "k", counts: [:])
            try Data("{".utf8).write(to: URL(fileURLWithPath: directory + "/.stage.json"))
            #expect { try open(directory) } throws: { Failure($0).status == .badData }
            let writer = try open(directory, replace: true)
            try writer.write(shard("b"), as: 0, key: "k", counts: [:])
            try writer.finish(shards: 1)
            #expect(try MDSReader(directory: directory).row(0).string("id") == "b")
        }
    }

    @Test func `two directories in step go on after the last shard that both have`() throws {
        try withTemporaryDirectory { directory in
            let samples = try open(directory + "/samples"), audio = try open(directory + "/audio")
            for number in 0..<4 {
                let resume: JSONObject = ["offset": .int(number * 10)]
                try samples.write(shard("\(number)"), as: number, key: "s", counts: ["n": 1], resume: resume)
                if number < 3 {
                    try audio.write(shard("\(number)"), as: number, key: "a", counts: ["n": 1], resume: resume)
                }
            }
            var seen: [Int] = []
            let point = try ShardDirectoryWriter.resumePoint(of: [samples, audio]) { number, sidecars in
                seen.append(number)
                #expect(sidecars.map(\.key) == ["s", "a"])
                return sidecars.allSatisfy { $0.resume["offset"]?.intValue == number * 10 }
            }
            #expect(point == 3)
            #expect(seen == [0, 1, 2])
            #expect(
                try ShardDirectoryWriter.resumePoint(of: [samples, audio]) { number, _ in number < 2 } == 2)
            let shards = try (0..<4).compactMap { try samples.sidecar($0)?.shard }
            let unfinished = MDSReader(directory: samples.directory, shards: shards)
            #expect(try unfinished.row(3).string("id") == "3")
            #expect(throws: Failure.self) { try audio.finish(shards: 4) }
            try samples.finish(shards: 3, counts: ["rows": 3])
            try audio.finish(shards: 3)
            #expect(try MDSReader(directory: directory + "/samples").sampleCount == 3)
            #expect(try StageRecord(directory: directory + "/samples")?.counts["rows"] == 3)
            #expect(try StageRecord(directory: directory + "/audio")?.counts["n"] == 3)
            #expect(try files(in: directory + "/samples")["shard.00003.json"] == nil)
            // A finished pair is found whole too.
            #expect(try ShardDirectoryWriter.resumePoint(of: [samples, audio]) { _, _ in true } == 3)
        }
    }

    @Test func `a link in the place of an unfinished file is refused, and what it leads to stays`() throws {
        try withTemporaryDirectory { directory in
            let foreign = directory + "/foreign", link = directory + "/out/shard.00000.mds.zstd.tmp"
            try Data("mine".utf8).write(to: URL(fileURLWithPath: foreign))
            try FileManager.default.createDirectory(atPath: directory + "/out", withIntermediateDirectories: true)
            #expect(symlink(foreign, link) == 0)
            // The link would count as a shard without a record.
            try StageRecord(
                identity: StageIdentity(stage: "ingest", outputVersion: 1, options: [:], input: [:]), counts: [:]
            ).bytes.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: directory + "/out/.stage.json")) }
            let writer = try open(directory + "/out")
            #expect { try writer.write(shard("a"), as: 0, key: "k", counts: [:]) } throws: {
                ($0 as? FileError)?.code == ELOOP && ($0 as? FileError)?.path == link
                    && Failure($0).remedy == "remove the link that lies there"
            }
            #expect(try Data(contentsOf: URL(fileURLWithPath: foreign)) == Data("mine".utf8))
        }
    }

    @Test func `a full disk is told with a remedy`() {
        let failure = Failure(FileError("write", "x.tmp", code: ENOSPC))
        #expect(failure.remedy == "free some space and run the same command again")
    }

    @Test func `an output that cannot be a directory is named`() throws {
        try withTemporaryDirectory { directory in
            try Data().write(to: URL(fileURLWithPath: directory + "/file"))
            for path in ["/file", "/file/below"] {
                #expect { try open(directory + path) } throws: {
                    ($0 as? FileError)?.code == ENOTDIR && Failure($0).location?.hasPrefix(directory) == true
                }
            }
            _ = try open(directory + "/deep/er/still")
        }
    }

    @Test func `counts add up by name, by place and by member`() {
        var counts: JSONObject = ["n": 1, "seconds": 0.5, "codes": [1, 2], "roles": ["in": 1]]
        counts.add(counts: ["n": 2, "seconds": 1, "codes": [1, 1, 1], "roles": ["in": 1, "out": 3], "new": 4])
        #expect(
            JSONValue.object(counts) == [
                "n": 3, "seconds": 1.5, "codes": [2, 3, 1], "roles": ["in": 2, "out": 3], "new": 4,
            ])
    }

    @Test func `keys depend on everything but the input's digest`() {
        let identity = StageIdentity(stage: "a", outputVersion: 1, options: ["o": 1, "p": 2], input: ["digest": "x"])
        let key = identity.key(of: "shard")
        #expect(key.utf8.count == 16)
        var other = identity
        other.input = ["digest": "y"]
        other.options = ["p": 2, "o": 1]
        #expect(other.key(of: "shard") == key)
        other.outputVersion = 2
        #expect(other.key(of: "shard") != key)
        #expect(identity.key(of: "other") != key)
        other = identity
        other.records = ["codec": "z"]
        #expect(other.key(of: "shard") != key)
        other = identity
        other.stage = "b"
        #expect(other.key(of: "shard") != key)
    }
}
