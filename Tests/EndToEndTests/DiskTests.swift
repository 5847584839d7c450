import Foundation
import PipelineKit
import TestSupport
import Testing

/// A disk that is full, read-only or broken, from any call on that changes a file: each program says which file, what the
/// system said and what to do, leaves nothing that looks whole and is not, and goes on by the same command afterwards.
@Suite(.serialized) struct DiskTests {
    /// A command that writes below `output`, in a folder where its input lies.
    struct Command: Sendable, CustomTestStringConvertible {
        var program: BuiltProgram
        var arguments: [String]
        /// Directories and files that it makes.
        var outputs: [String]
        /// What may stand only where the directory that holds it is whole.
        var promises: [String]
        /// Whether it refuses an output that is whole, where others find nothing to do.
        var refusesOutput = false

        var testDescription: String { ([program.name] + arguments.prefix(1)).joined(separator: " ") }
    }

    private static let config = """
        model: {hidden_size: 16, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2}
        data_path: work
        output_dir: run
        training: {max_steps: 3, batch_size: 2, learning_rate: 1.0e-3, save_steps: 2, validation_fraction: 0.25}
        """

    static let commands = [
        Command(
            program: ingest,
            arguments: [
                "--data-path", exampleManifest, "--output", "work", "--limit", "4", "--shard-size", "512KiB",
            ], outputs: ["work/samples", "work/audio", "work/rejects.jsonl"],
            promises: ["work/samples/index.json", "work/audio/index.json"]),
        Command(
            program: featurize, arguments: ["--input", "work/audio", "--output", "work/features"],
            outputs: ["work/features"], promises: ["work/features/index.json"]),
        Command(
            program: tokenize,
            arguments: ["fit", "--input", "work/audio", "--output", "work/codec", "--codebook-size", "16"],
            outputs: ["work/codec"], promises: ["work/codec/config.json"]),
        Command(
            program: tokenize,
            arguments: ["encode", "--input", "work/audio", "--output", "work/codes", "--codec", "work/codec"],
            outputs: ["work/codes"], promises: ["work/codes/index.json"]),
        Command(
            program: train,
            arguments: [
                "run", "--config", "c.yaml", "--data-path", "work", "--output-dir", "run", "--threads", "1", "--resume",
            ], outputs: ["run"], promises: ["run/checkpoint-2/trainer_state.json", "run/final/trainer_state.json"]),
        Command(
            program: train,
            arguments: [
                "predict", "--model", "run/final", "--data-path", "work", "--output", "predicted", "--threads", "1",
            ], outputs: ["predicted"], promises: ["predicted/index.json"], refusesOutput: true),
    ]

    /// The folder with everything made, once for all tests.
    private static let made = Result { () throws -> String in
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("sawt-disk-\(getpid())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        removeAtExit(folder)
        try Data(config.utf8).write(to: URL(fileURLWithPath: "\(folder)/c.yaml"))
        for command in commands { try command.program.run(command.arguments, in: folder).expecting(0) }
        return folder
    }

    /// A copy of the folder without what a command makes.
    private func without(_ command: Command, in directory: String) throws -> String {
        let folder = "\(directory)/f"
        try FileManager.default.copyItem(atPath: Self.made.get(), toPath: folder)
        for output in command.outputs { try FileManager.default.removeItem(atPath: "\(folder)/\(output)") }
        return folder
    }

    /// The bytes of what a command makes, without what a clock put into a run.
    private func output(_ command: Command, _ folder: String) throws -> [String: Data] {
        let all = try contents(of: folder)
        return all.filter { name, _ in
            command.outputs.contains { name == $0 || name.hasPrefix($0 + "/") }
                && !["metrics.jsonl", "trainer_state.json"].contains { name.hasSuffix($0) }
                && !name.contains("tfevents")
        }
    }

    private static let library = BuiltProgram("libDiskFaults.so").path

    private func environment(_ folder: String, _ more: [String: String]) -> [String: String] {
        ["LD_PRELOAD": Self.library, "SAWT_FAULT_UNDER": folder].merging(more) { $1 }
    }

    /// How a disk fails, and what is to be read of it.
    struct Trouble: Sendable, CustomTestStringConvertible {
        var code: Int32
        var words: String
        var remedy: String
        var testDescription: String { words }

        static let all = [
            Trouble(
                code: ENOSPC, words: "No space left on device", remedy: "free some space and run the same command again"
            ),
            Trouble(
                code: EROFS, words: "Read-only file system", remedy: "check the permissions, or choose another place"),
            Trouble(
                code: EIO, words: "Input/output error", remedy: "check the disk, then run the same command again"),
            Trouble(code: EFBIG, words: "File too large", remedy: "raise the limit on the size of files"),
        ]
    }

    @Test(arguments: commands, Trouble.all)
    func `at every call that changes a file`(command: Command, trouble: Trouble) throws {
        #expect(access(Self.library, R_OK) == 0, "\(Self.library) is not built")
        let expected = try output(command, Self.made.get())
        let count = try withTemporaryDirectory { directory -> Int in
            let folder = try without(command, in: directory), file = "\(directory)/count"
            try command.program.run(
                command.arguments, in: folder, environment: environment(folder, ["SAWT_FAULT_COUNT": file])
            ).expecting(0)
            return Int(try String(contentsOfFile: file, encoding: .utf8).dropLast()) ?? 0
        }
        #expect(count > 15, "\(count) calls")
        // All calls for the two that users meet; every seventh, from a random one on, for the others.
        let isCommon = [ENOSPC, EROFS].contains(trouble.code)
        let first = isCommon ? 1 : Int.random(in: 1...7)
        try withTemporaryDirectory { directory in
            let folder = try without(command, in: directory)
            for call in stride(from: first, through: count, by: isCommon ? 1 : 7) {
                for output in command.outputs { try? FileManager.default.removeItem(atPath: "\(folder)/\(output)") }
                let failing = ["SAWT_FAULT_AT": "\(call)", "SAWT_FAULT_ERROR": "\(trouble.code)"]
                let result = try command.program.run(
                    command.arguments, in: folder, environment: environment(folder, failing))
                let comment: Comment = "call \(call): \(result.status), \(result.errors)"
                // What a full disk lets pass (renaming, removing) may be the last call of all.
                let isUnharmed = result.status == 0
                #expect(isUnharmed ? call == count : result.status == 1, comment)
                if !isUnharmed {
                    #expect(result.errors.contains(trouble.words) && result.errors.contains(trouble.remedy), comment)
                    #expect(command.outputs.contains { result.errors.contains($0) }, comment)
                    #expect(!result.errors.contains("Fatal") && !result.errors.contains("NSCocoa"), comment)
                }
                for promise in command.promises where access("\(folder)/\(promise)", F_OK) == 0 {
                    let place = promise.split(separator: "/").dropLast().joined(separator: "/") + "/"
                    let claimed = try output(command, folder).filter {
                        $0.key.hasPrefix(place) && !$0.key.contains("/.") && !$0.key.hasSuffix(".tmp")
                    }
                    let whole = expected.filter { $0.key.hasPrefix(place) && !$0.key.contains("/.") }
                    #expect(differences(claimed, whole) == [], comment)
                }
                try command.program.run(command.arguments, in: folder)
                    .expecting(isUnharmed && command.refusesOutput ? 2 : 0)
                #expect(differences(try output(command, folder), expected) == [], comment)
            }
        }
    }

    @Test(arguments: commands) func `too little room is told before the work, with both figures`(command: Command)
        throws
    {
        try withTemporaryDirectory { directory in
            let folder = try without(command, in: directory)
            let result = try command.program.run(
                command.arguments, in: folder, environment: environment(folder, ["SAWT_FAULT_FREE": "999"]))
            #expect(result.status == 1, "\(result.errors)")
            for words in [
                "will need about", "0.0 MB are free", "free some space and run the same command again", "work",
            ] {
                #expect(
                    result.errors.contains(words) || words == "work" && command.program.name == "train",
                    "\(result.errors)")
            }
            // Nothing but the directory and its lock.
            let made = try output(command, folder).keys.filter { !$0.hasSuffix(".lock") }
            #expect(made == [], "\(made)")
            try command.program.run(command.arguments, in: folder).expecting(0)
            #expect(differences(try output(command, folder), try output(command, Self.made.get())) == [])
        }
    }

    @Test func `a limit on the size of files is an error like others`() throws {
        try withTemporaryDirectory { directory in
            let folder = try without(Self.commands[0], in: directory)
            // 64 blocks of 512 bytes; the shards of audio are larger.
            let limited = ["-c", "ulimit -f 64; exec \"$0\" \"$@\"", Self.commands[0].program.path]
            let result = try BuiltProgram(path: "/bin/sh").run(limited + Self.commands[0].arguments, in: folder)
            #expect(result.status == 1, "\(result.errors)")
            #expect(
                result.errors.contains("audio/shard.00000.mds.zstd.tmp: cannot write: File too large; raise the limit"))
            #expect(access("\(folder)/work/audio/shard.00000.mds.zstd.tmp", F_OK) != 0)
        }
    }

    @Test func `a log that cannot be written does not end the work, a lost result does`() throws {
        try withTemporaryDirectory { directory in
            let folder = try without(Self.commands[0], in: directory)
            func run(_ redirection: String, _ more: String...) throws -> ProgramResult {
                try BuiltProgram(path: "/bin/sh").run(
                    ["-c", "exec \"$0\" \"$@\" \(redirection)", Self.commands[0].program.path]
                        + Self.commands[0].arguments + more, in: folder)
            }
            try run("2>/dev/full").expecting(0)
            try run("2>&-").expecting(0)
            let lost = try run(">/dev/full", "--json").expecting(1)
            #expect(lost.errors.contains("standard output: cannot write: No space left on device"), "\(lost.errors)")
            #expect(
                differences(try output(Self.commands[0], folder), try output(Self.commands[0], Self.made.get())) == [])
        }
    }
}

/// A file system in memory, small and full: the real thing, where mounting is permitted.
@Suite(.serialized) struct SmallDiskTests {
    /// Mounts a tmpfs of `size` at `path`; false where that is not permitted.
    private static func mount(_ path: String, _ options: String) -> Bool {
        let result = try? BuiltProgram(path: "/bin/mount").run(["-t", "tmpfs", "-o", options, "tmpfs", path])
        return result?.status == 0
    }

    private static let canMount: Bool = {
        (try? withTemporaryDirectory { directory in
            guard mount(directory, "size=64k") else { return false }
            return try BuiltProgram(path: "/bin/umount").run([directory]).status == 0
        }) ?? false
    }()

    @Test(
        .enabled(
            if: canMount, "mounting a tmpfs is not permitted here; DiskTests shows the same by a preloaded library"))
    func `a small disk is refused, a full one too, and a larger one is used`() throws {
        try withTemporaryDirectory { directory in
            let disk = "\(directory)/disk"
            try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
            try #require(Self.mount(disk, "size=512k"))
            defer { _ = try? BuiltProgram(path: "/bin/umount").run([disk]) }
            func remount(_ options: String) throws {
                try BuiltProgram(path: "/bin/mount").run(["-o", "remount,\(options)", disk]).expecting(0)
            }
            let arguments = ExampleWork.ingestFlags + ["--output", "\(disk)/work"]
            let small = try ingest.run(arguments).expecting(1)
            #expect(small.errors.contains("\(disk)/work: the audio will need about"), "\(small.errors)")
            #expect(small.errors.contains("0.5 MB are free"), "\(small.errors)")

            // Room by the estimate, and gone when it is needed: filled while the program stands still.
            try remount("size=16m")
            var full: ProgramResult?
            for _ in 0..<30 where full == nil {
                try? FileManager.default.removeItem(atPath: "\(disk)/work")
                let running = try ingest.start(arguments + ["--workers", "1"])
                while running.isRunning, access("\(disk)/work/samples/.stage.json", F_OK) != 0 { usleep(200) }
                running.send(SIGSTOP)
                let filler = open("\(disk)/filler", O_WRONLY | O_CREAT, 0o644)
                let block = [UInt8](repeating: 7, count: 1 << 16)
                while write(filler, block, block.count) > 0 {}
                close(filler)
                running.send(SIGCONT)
                let result = try running.finish()
                if result.status != 0 { full = try result.expecting(1) }
                unlink("\(disk)/filler")
            }
            let words = try #require(full, "the disk was never full in time").errors
            #expect(words.contains("No space left on device; free some space"), "\(words)")
            #expect(words.contains("\(disk)/work/"), "\(words)")
            #expect(access("\(disk)/work/audio/index.json", F_OK) != 0)

            try remount("ro")
            let readOnly = try ingest.run(arguments).expecting(1)
            #expect(readOnly.errors.contains("Read-only file system; check the permissions"), "\(readOnly.errors)")
            try remount("rw")
            try ingest.run(arguments).expecting(0)
            let expected = try contents(of: ExampleWork.path())
            for (name, data) in try contents(of: "\(disk)/work") { #expect(expected[name] == data, "\(name)") }
        }
    }
}
