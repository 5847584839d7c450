import Foundation
import PipelineKit
import TestSupport
import Testing

/// Files of a WORK, a codec or a run that are no files, name other files, or stand for more than they are.
@Suite struct IntrusionInputTests {
    /// Runs a program that must come to its end by itself.
    private func ending(_ program: BuiltProgram, _ arguments: [String], within seconds: Double = 30) throws
        -> ProgramResult
    {
        let running = try program.start(arguments)
        let deadline = Date(timeIntervalSinceNow: seconds)
        while running.isRunning, Date() < deadline { usleep(2_000) }
        if running.isRunning {
            running.send(SIGKILL)
            Issue.record("\(program.name) \(arguments.joined(separator: " ")) waits")
        }
        return try running.finish()
    }

    @Test(arguments: ["fifo", "/dev/zero", "/dev/stdin", "-", "missing", "."])
    func `no option takes a FIFO, a device, a dash or a folder for a file, and none waits for one`(kind: String) throws
    {
        try withTemporaryDirectory { directory in
            if kind == "fifo" { #expect(mkfifo("\(directory)/fifo", 0o644) == 0) }
            let path = kind.hasPrefix("/") || kind == "-" ? kind : kind == "." ? directory : "\(directory)/\(kind)"
            let output = ["--output", "\(directory)/out"], data = ["--data-path", exampleManifest, "--limit", "1"]
            let work = try ExampleWork.path()
            let cases: [(BuiltProgram, [String])] = [
                (ingest, ["--data-path", path] + output), (ingest, data + ["--tokenizer", path] + output),
                (ingest, data + ["--exclude", path] + output), (train, ["features", "--config", path]),
                (train, ["features", "--config", "\(repository)/configs/tiny.yaml", "--model", path]),
                (tokenize, ["encode", "--input", "\(work)/audio", "--codec", path] + output),
                (featurize, ["--input", path] + output), (inspect, [path]),
            ]
            for (program, arguments) in cases {
                let result = try ending(program, arguments)
                #expect(result.status == 2, "\(program.name) \(arguments): \(result.status) \(result.errors)")
                #expect(result.errors.contains("\(program.name): error: "))
            }
            #expect(!FileManager.default.fileExists(atPath: "\(directory)/out/audio/index.json"))
        }
    }

    @Test(arguments: [
        "audio/index.json", "audio/stage.json", "audio/shard.00000.mds.zstd", "samples/index.json",
        "samples/stage.json",
        "samples/shard.00000.mds.zstd", "codes/stage.json", "codes/shard.00000.mds.zstd",
        "features/shard.00000.mds.zstd",
        "rejects.jsonl", "codec/config.json", "codec/model.safetensors",
    ])
    func `a FIFO in the place of any file of a WORK is refused, and nobody waits`(name: String) throws {
        try withTemporaryDirectory { directory in
            let work = try ExampleWork.copy(into: directory)
            try FileManager.default.removeItem(atPath: "\(work)/\(name)")
            #expect(mkfifo("\(work)/\(name)", 0o644) == 0)
            let config = "\(repository)/configs/tiny.yaml"
            let runs: [(BuiltProgram, [String])] = [
                (inspect, [work]), (inspect, [work, "--verify"]), (inspect, ["\(work)/codec"]),
                (featurize, ["--input", "\(work)/audio", "--output", "\(directory)/features"]),
                (
                    tokenize,
                    [
                        "encode", "--input", "\(work)/audio", "--codec", "\(work)/codec", "--output",
                        "\(directory)/codes",
                    ]
                ),
                (train, ["features", "--config", config, "--data-path", work, "--output-dir", "\(directory)/run"]),
            ]
            let results = try runs.map { try ending($0.0, $0.1) }
            #expect(results.allSatisfy { [0, 2, 3].contains($0.status) }, "\(results.map(\.errors))")
            #expect(results.contains { [2, 3].contains($0.status) }, "\(name) is read by none of them")
        }
    }

    /// Changes the sidecar of the first shard of codes, with a digest that fits the change.
    private func forge(_ work: String, _ old: String, _ new: String) throws {
        let path = "\(work)/codes/shard.00000.json"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let changed = text.replacingOccurrences(of: old, with: new)
        #expect(changed != text)
        var json = try #require(try JSONValue(parsing: changed).objectValue)
        json["xxh64"] = nil
        let digest = XXH64.hash(JSONValue.object(json).pythonDump(sortKeys: true).utf8).hexDigits
        json["xxh64"] = .string(digest)
        try Data((JSONValue.object(json).pythonDump() + "\n").utf8).write(to: URL(fileURLWithPath: path))
    }

    @Test(arguments: [
        "../samples/shard.00000.mds.zstd", "/etc/passwd", "shard.00001.mds.zstd", "..", "index.json",
    ])
    func `a sidecar that names another file vouches for nothing`(name: String) throws {
        try withTemporaryDirectory { directory in
            let work = try ExampleWork.copy(into: directory)
            let before = try contents(of: work)
            try forge(work, "\"shard.00000.mds.zstd\"", "\"\(name)\"")
            let flags = ["--input", "\(work)/audio", "--output", "\(work)/codes", "--codec", "\(work)/codec"]
            try tokenize.run(["encode"] + flags).expecting(0)
            // The shard was made anew, and everything is as it was before.
            let after = try contents(of: work)
            #expect(differences(before, after) == [])
        }
    }

    @Test func `a sidecar whose shard has other bytes of the same size does not get them past a reader`() throws {
        try withTemporaryDirectory { directory in
            let work = try ExampleWork.copy(into: directory)
            let path = "\(work)/codes/shard.00000.mds.zstd"
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            bytes[bytes.count / 2] ^= 0x10
            try bytes.write(to: URL(fileURLWithPath: path))
            // The stage looks at sizes and goes on; whoever reads looks at hashes.
            let flags = ["--input", "\(work)/audio", "--output", "\(work)/codes", "--codec", "\(work)/codec"]
            try tokenize.run(["encode"] + flags).expecting(0)
            let verified = try inspect.run([work, "--verify"])
            #expect(verified.status == 3 && (verified.output + verified.errors).contains("xxh64"))
            #expect(try inspect.run(["\(work)/codes", "--sample", "0"]).status == 3)
        }
    }

    @Test func `shards that are links are read for what they hold, and their hashes must fit`() throws {
        try withTemporaryDirectory { directory in
            let work = try ExampleWork.copy(into: directory), files = FileManager.default
            let path = "\(work)/audio/shard.00000.mds.zstd"
            try files.moveItem(atPath: path, toPath: "\(directory)/elsewhere")
            try files.createSymbolicLink(atPath: path, withDestinationPath: "\(directory)/elsewhere")
            try inspect.run([work, "--verify"]).expecting(0)
            try files.removeItem(atPath: path)
            try files.createSymbolicLink(atPath: path, withDestinationPath: "/etc/passwd")
            #expect(try inspect.run([work, "--verify"]).status == 3)
        }
    }

    @Test func `a zstd manifest that asks for a window of gigabytes, and one that is all skipping`() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/rows.jsonl.zst"
            // A frame header with a window descriptor of 2^41 bytes; a skippable frame that claims 4 GiB.
            let bombs: [[UInt8]] = [
                [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xF8, 0x01, 0, 0], [0x50, 0x2A, 0x4D, 0x18, 0xFF, 0xFF, 0xFF, 0xFF],
            ]
            for bytes in bombs {
                try Data(bytes).write(to: URL(fileURLWithPath: path))
                let result = try ending(ingest, ["--data-path", path, "--output", "\(directory)/work"])
                #expect(result.status == 3 && result.errors.contains(path), "\(result.errors)")
            }
        }
    }

    @Test func `a config of aliases of aliases is refused by its line at once`() throws {
        try withTemporaryDirectory { directory in
            var yaml = "a: &a [x, x, x, x, x, x, x, x, x]\n"
            for (name, last) in zip("bcdefghijk", "abcdefghij") {
                yaml += "\(name): &\(name) [" + Array(repeating: "*\(last)", count: 9).joined(separator: ", ") + "]\n"
            }
            try Data(yaml.utf8).write(to: URL(fileURLWithPath: "\(directory)/c.yaml"))
            let result = try ending(train, ["features", "--config", "\(directory)/c.yaml"])
            #expect(result.status == 2 && result.errors.contains("c.yaml:2: not a config: an alias"))
        }
    }
}
