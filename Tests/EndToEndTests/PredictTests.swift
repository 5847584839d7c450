import Foundation
import PipelineKit
import TestSupport
import Testing

/// Hearing what a model predicts, as a person does: train, predict, decode, look.
@Suite struct PredictTests {
    private static let config = """
        model: {hidden_size: 256, intermediate_size: 512, num_hidden_layers: 4, num_attention_heads: 4}
        data_path: work
        output_dir: run
        training: {max_steps: 1, batch_size: 1, learning_rate: 1.0e-3}
        """

    /// Runs `body` with a model after one step in run/final.
    private func withModel(_ body: (_ directory: String, _ arguments: [String]) throws -> Void) throws {
        try withTemporaryDirectory { directory in
            try Data(Self.config.utf8).write(to: URL(fileURLWithPath: "\(directory)/c.yaml"))
            let work = try ExampleWork.path()
            try train.run([
                "run", "--config", "\(directory)/c.yaml", "--data-path", work, "--output-dir", "\(directory)/run",
            ]).expecting(0)
            try body(directory, ["predict", "--model", "\(directory)/run/final", "--data-path", work])
        }
    }

    private func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

    @Test func `predicted codes are decoded and looked at like those of the data`() throws {
        try withModel { directory, arguments in
            let work = try ExampleWork.path(), heard = "\(directory)/heard"
            // A WORK whose codes are the predicted ones.
            try FileManager.default.createDirectory(atPath: heard, withIntermediateDirectories: true)
            for name in ["samples", "audio", "features", "codec"] {
                try FileManager.default.createSymbolicLink(
                    atPath: "\(heard)/\(name)", withDestinationPath: "\(work)/\(name)")
            }
            let result = try train.run(arguments + ["--output", "\(heard)/codes"]).expecting(0)
            #expect(result.output.contains("Teacher-forced") && result.output.contains("all samples"))
            let id = try MDSReader(directory: "\(work)/codes").row(0).string("id")
            for clip in ["0", "1"] {
                for (codes, name) in [("\(work)/codes", "true"), ("\(heard)/codes", "predicted")] {
                    try tokenize.run([
                        "decode", codes, "--id", id, "--clip", clip, "--codec", "\(work)/codec", "--output",
                        "\(directory)/\(name)-\(clip).wav",
                    ]).expecting(0)
                }
            }
            // The reference is what it was; the target is as long as it was, and other.
            #expect(try bytes("\(directory)/true-0.wav") == bytes("\(directory)/predicted-0.wav"))
            let (true1, predicted1) = (try bytes("\(directory)/true-1.wav"), try bytes("\(directory)/predicted-1.wav"))
            #expect(true1.count == predicted1.count && true1 != predicted1)

            let report = try inspect.run(["\(heard)/codes"]).expecting(0).output
            #expect(report.contains("predict (output version 1)") && report.contains("options.teacher_forced"))
            try inspect.run(["\(heard)/codes", "--verify"]).expecting(0)
            let plots = try inspect.run([heard, "--id", id, "--plot", "\(directory)/plots"]).expecting(0).output
            #expect(plots.contains("decoded.wav") && !plots.contains("codes were not decoded"), "\(plots)")
            try inspect.run([heard, "--verify"]).expecting(0)
        }
    }

    @Test func `one sample as JSON, and what is refused`() throws {
        try withModel { directory, arguments in
            let id = try MDSReader(directory: "\(try ExampleWork.path())/codes").row(2).string("id")
            let output = ["--output", "\(directory)/one"]
            let result = try train.run(arguments + output + ["--id", id, "--json"]).expecting(0)
            let json = try JSONValue(parsing: result.output)
            #expect(json["samples"]?.arrayValue?.first?["id"]?.stringValue == id)
            #expect(json["all"]?["samples"]?.intValue == 1)
            #expect(try MDSReader(directory: "\(directory)/one").sampleCount == 1)

            let again = try train.run(arguments + output).expecting(2)
            #expect(again.errors.contains("exists already and is not empty"), "\(again.errors)")
            let unknown = try train.run(arguments + ["--output", "\(directory)/two", "--id", id + "x"]).expecting(2)
            #expect(unknown.errors.contains("'\(id)x' (the nearest is '\(id)')"), "\(unknown.errors)")
            try train.run(arguments + ["--output", "\(directory)/two", "--limit", "0"]).expecting(2)
            #expect(!FileManager.default.fileExists(atPath: "\(directory)/two"))
        }
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGKILL])
    func `a stop leaves nothing that looks whole`(signal: Int32) throws {
        try withModel { directory, arguments in
            let output = "\(directory)/out"
            let running = try train.start(arguments + ["--output", output])
            // The first shard stands, more are to come.
            while running.isRunning, access("\(output).partial/shard.00000.json", F_OK) != 0 { usleep(1_000) }
            running.send(signal)
            let result = try running.finish()
            #expect(result.status == (signal == SIGKILL ? 128 + SIGKILL : 130), "\(result.errors)")
            #expect(!FileManager.default.fileExists(atPath: output) && result.output.isEmpty)
            #expect(!FileManager.default.fileExists(atPath: "\(output).partial/index.json"))
            #expect(FileManager.default.fileExists(atPath: "\(output).partial") == (signal == SIGKILL))
            try train.run(arguments + ["--output", output]).expecting(0)
            #expect(!FileManager.default.fileExists(atPath: "\(output).partial"))
            try inspect.run([output, "--verify"]).expecting(0)
        }
    }
}
