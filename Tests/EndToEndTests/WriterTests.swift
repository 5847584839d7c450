import Foundation
import PipelineKit
import TestSupport
import Testing

/// Two programs at one directory, and one program with other options than before: nothing is mixed, everything is named.
@Suite(.serialized) struct WriterTests {
    /// A command, where it writes, and the file that says that it has begun.
    struct Writer: Sendable, CustomTestStringConvertible {
        var program: BuiltProgram
        var command: [String]
        /// Below the WORK, or the run directory.
        var output: String
        var begun: String
        /// Options that change what comes out, and the words that name the difference.
        var other: [String]
        var difference: [String]
        /// What says that the output is whole.
        var whole: String

        var testDescription: String { ([program.name] + command.prefix(1)).joined(separator: " ") }
    }

    private static let config = """
        model: {hidden_size: 32, intermediate_size: 64, num_hidden_layers: 2, num_attention_heads: 2}
        data_path: work
        output_dir: run
        training: {max_steps: 40, batch_size: 2, learning_rate: 1.0e-3, save_steps: 10}
        """

    static let writers = [
        Writer(
            program: ingest, command: ExampleWork.ingestFlags + ["--output", "work"], output: "work/audio",
            begun: ".stage.json", other: ["--min-duration", "0.25"], difference: ["min_duration: 0.5 → 0.25"],
            whole: "index.json"),
        Writer(
            program: featurize, command: ["--input", "work/audio", "--output", "work/features"],
            output: "work/features", begun: ".stage.json", other: ["--mel-bins", "80"],
            difference: ["mel_bins: 128 → 80"], whole: "index.json"),
        Writer(
            program: tokenize, command: ["fit", "--input", "work/audio", "--output", "work/codec"],
            output: "work/codec", begun: ".lock", other: ["--codebook-size", "32"],
            difference: ["holds a codec of another fit", "\"codebook_size\": 32"], whole: "config.json"),
        Writer(
            program: tokenize,
            command: ["encode", "--input", "work/audio", "--output", "work/codes", "--codec", "work/codec"],
            output: "work/codes", begun: ".stage.json", other: ["--compression", "zstd:9"],
            difference: ["compression: \"zstd:3\" → \"zstd:9\""], whole: "index.json"),
        Writer(
            program: train,
            command: [
                "run", "--config", "c.yaml", "--data-path", "work", "--output-dir", "run", "--threads", "1", "--resume",
            ], output: "run", begun: "config.yaml", other: ["--set", "training.learning_rate=2.0e-3"],
            difference: ["training.learning_rate (0.002, was 0.001)"], whole: "final/trainer_state.json"),
    ]

    private func withWork(_ body: (_ directory: String) throws -> Void) throws {
        try withTemporaryDirectory { directory in
            _ = try ExampleWork.copy(into: directory)
            try Data(Self.config.utf8).write(to: URL(fileURLWithPath: "\(directory)/c.yaml"))
            try body(directory)
        }
    }

    /// What a writer's directory promises, by name.
    private func promise(_ writer: Writer, _ directory: String) throws -> [String: Data] {
        try contents(of: "\(directory)/\(writer.output)").filter { name, _ in
            ["index.json", "stage.json", "config.json", "model.safetensors"].contains { name.hasSuffix($0) }
                || name.contains(".mds")
        }
    }

    @Test(arguments: writers) func `the second of two writers is refused, the first ends whole`(writer: Writer) throws {
        for attempt in 0..<20 {
            let isDone = try { () throws -> Bool in
                var isDone = false
                try withWork { directory in
                    let output = "\(directory)/\(writer.output)"
                    try? FileManager.default.removeItem(atPath: output)
                    if writer.program.name == "ingest" {
                        try FileManager.default.removeItem(atPath: "\(directory)/work/samples")
                    }
                    let first = try writer.program.start(writer.command, in: directory)
                    while first.isRunning, !FileManager.default.fileExists(atPath: "\(output)/\(writer.begun)") {
                        usleep(500)
                    }
                    // The lock file is there before the lock is; a moment, and another attempt, are for that.
                    usleep(UInt32(attempt) * 2_000)
                    first.send(SIGSTOP)
                    defer { first.send(SIGKILL) }
                    if FileManager.default.fileExists(atPath: "\(output)/\(writer.whole)") { return }
                    let second = try writer.program.run(writer.command, in: directory)
                    guard second.status != 0 else { return }
                    #expect(second.status == 1, "\(second.errors)")
                    #expect(second.errors.contains("another program is writing this directory"), "\(second.errors)")
                    let place = writer.program.name == "ingest" ? "work/samples" : writer.output
                    #expect(second.errors.contains("\(place): "), "\(second.errors)")
                    #expect(!FileManager.default.fileExists(atPath: "\(output)/\(writer.whole)"))
                    first.send(SIGCONT)
                    try first.finish().expecting(0)
                    if writer.program.name != "train" {
                        let work = try ExampleWork.path()
                        let expected = try contents(of: "\(work)/\(writer.output.dropFirst("work/".count))")
                        #expect(differences(try contents(of: output), expected) == [])
                    }
                    isDone = true
                }
                return isDone
            }()
            if isDone { return }
        }
        Issue.record("the second program never met the first")
    }

    @Test(arguments: writers) func `other options are refused by name, and made where asked`(writer: Writer) throws {
        try withWork { directory in
            if writer.program.name == "train" { try train.run(writer.command, in: directory).expecting(0) }
            let before = try contents(of: "\(directory)/\(writer.output)")
            let old = try promise(writer, directory)
            let refused = try writer.program.run(writer.command + writer.other, in: directory)
            #expect(refused.status == 2, "\(refused.errors)")
            for words in writer.difference + ["--replace"] {
                #expect(refused.errors.contains(words), "\(refused.errors)")
            }
            #expect(differences(before, try contents(of: "\(directory)/\(writer.output)")) == [])
            try writer.program.run(writer.command + writer.other + ["--replace"], in: directory).expecting(0)
            #expect(differences(old, try promise(writer, directory)) != [])
            #expect(FileManager.default.fileExists(atPath: "\(directory)/\(writer.output)/\(writer.whole)"))
            if writer.program.name == "train" {  // the old run lies aside, as it was
                #expect(differences(before, try contents(of: "\(directory)/run.1")) == [])
            } else {  // and back again: the very bytes
                try writer.program.run(writer.command + ["--replace"], in: directory).expecting(0)
                #expect(differences(before, try contents(of: "\(directory)/\(writer.output)")) == [])
            }
        }
    }
}
