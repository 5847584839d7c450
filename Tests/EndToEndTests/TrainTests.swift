import Foundation
import PipelineKit
import TestSupport
import Testing

/// The trainer as a process: runs, stops, goes on, refuses.
@Suite(.serialized) struct TrainTests {
    private static let config = """
        model: {hidden_size: 32, intermediate_size: 64, num_hidden_layers: 2, num_attention_heads: 2,
                audio_tower: {d_model: 16, encoder_layers: 1, encoder_attention_heads: 2, encoder_ffn_dim: 32}}
        data_path: work
        output_dir: run
        training: {max_steps: 60, batch_size: 2, learning_rate: 1.0e-3, save_steps: 5, validation_fraction: 0.2}
        """

    /// Writes the config and runs `body` with the arguments that name it, the data and a run directory.
    private func withConfig(
        _ text: String = config, _ body: (_ directory: String, _ arguments: [String]) throws -> Void
    )
        throws
    {
        try withTemporaryDirectory { directory in
            try Data(text.utf8).write(to: URL(fileURLWithPath: "\(directory)/c.yaml"))
            let arguments = [
                "--config", "\(directory)/c.yaml", "--data-path", try ExampleWork.path(), "--output-dir",
                "\(directory)/run",
            ]
            try body(directory, arguments)
        }
    }

    /// The lines of metrics.jsonl without what depends on the time.
    private func metrics(_ run: String) throws -> [JSONObject] {
        try String(contentsOfFile: "\(run)/metrics.jsonl", encoding: .utf8).split(separator: "\n").map { line in
            var object = try JSONValue(parsing: String(line)).objectValue ?? [:]
            object["tokens_per_second"] = nil
            return object
        }
    }

    private func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

    @Test func `killed and stopped runs end in the metrics and bytes of an undisturbed one`() throws {
        try withConfig { directory, arguments in
            try train.run(["run"] + arguments).expecting(0)
            let undisturbed = try metrics("\(directory)/run")
            #expect(undisturbed.count { $0["loss"] != nil } == 60)
            #expect(undisturbed.allSatisfy { $0["loss"] == nil || $0["chance_audio"] != nil })

            let other = arguments.dropLast() + ["\(directory)/killed"]
            for (signal, lines) in [(SIGKILL, 3), (SIGINT, 12), (SIGKILL, 23), (SIGTERM, 32)] {
                let running = try train.start(["run"] + other + ["--resume"])
                let path = "\(directory)/killed/metrics.jsonl"
                func lineCount() -> Int { (try? bytes(path).count { $0 == 0x0A }) ?? 0 }
                // The rest of the 60 steps is left for the signal to land in.
                while running.isRunning, lineCount() < lines { usleep(1_000) }
                running.send(signal)
                let result = try running.finish()
                #expect(result.status == (signal == SIGKILL ? 128 + SIGKILL : 130), "\(result.errors)")
            }
            try train.run(["run"] + other + ["--resume"]).expecting(0)
            #expect(
                try metrics("\(directory)/killed").map { JSONValue.object($0) }
                    == undisturbed.map { JSONValue.object($0) })
            for file in ["final/model.safetensors", "final/optimizer.safetensors"] {
                #expect(try bytes("\(directory)/killed/\(file)") == bytes("\(directory)/run/\(file)"))
            }

            // A finished run is touched and left as it is; without a word for it, it is refused.
            let before = try contents(of: "\(directory)/run")
            try train.run(["run"] + arguments + ["--resume", "--replace"]).expecting(0)
            #expect(differences(before, try contents(of: "\(directory)/run")) == [])
            #expect(try train.run(["run"] + arguments).status != 0)
            let report = try inspect.run(["\(directory)/run"]).expecting(0).output
            #expect(report.contains("finished, 60 logged steps") && report.contains("unigram entropy"))
        }
    }

    @Test func `codes made from other audio are refused with the stage to run again`() throws {
        try withConfig { directory, arguments in
            let work = try ExampleWork.copy(into: directory)
            try ingest.run(
                ExampleWork.ingestFlags.map { $0 == "\(ExampleWork.rows)" ? "8" : $0 } + [
                    "--output", work, "--replace",
                ]
            )
            .expecting(0)
            let stale = try arguments.map { $0 == (try ExampleWork.path()) ? work : $0 }
            let remedies: [(part: String, program: BuiltProgram, command: [String])] = [
                ("codes", tokenize, ["encode", "--codec", "\(work)/codec"]), ("features", featurize, []),
            ]
            for (part, program, command) in remedies {
                let result = try train.run(["run"] + stale)
                #expect(result.status == 3, "\(result.errors)")
                #expect(result.errors.contains("run \(program.name) again"), "\(result.errors)")
                #expect(!FileManager.default.fileExists(atPath: "\(directory)/run/final"))
                let report = try inspect.run([work, "--verify"])
                #expect(report.status == 3 && report.output.contains("\(part) was not"), "\(report.output)")
                try program.run(command + ["--input", "\(work)/audio", "--output", "\(work)/\(part)", "--replace"])
                    .expecting(0)
            }
            try train.run(["run"] + stale + ["--set", "training.max_steps=1"]).expecting(0)
        }
    }

    @Test(arguments: [
        ("learning_rate: 1.0e-3", "learning_rat: 1.0e-3", "learning_rate"),
        ("max_steps: 6", "max_steps: many", "max_steps"),
        ("batch_size: 2", "batch_size: 0", "batch_size"), ("data_path: work", "data_path: [", "c.yaml"),
    ])
    func `a config that makes no sense is refused with key and line`(old: String, new: String, word: String) throws {
        try withConfig(Self.config.replacingOccurrences(of: old, with: new)) { directory, arguments in
            let result = try train.run(["run"] + arguments)
            #expect(
                result.status == 2 && result.errors.contains(word) && result.errors.contains("c.yaml"),
                "\(result.errors)")
            #expect(!FileManager.default.fileExists(atPath: "\(directory)/run"))
        }
    }

    @Test func `a checkpoint with missing and mis-shaped tensors is refused with all of them`() throws {
        try withConfig { directory, arguments in
            try train.run(["run"] + arguments + ["--set", "training.max_steps=1"]).expecting(0)
            let final = "\(directory)/run/final"
            let file = try SafetensorsFile(path: "\(final)/model.safetensors")
            var writer = SafetensorsWriter()
            for tensor in file.tensors where tensor.name != "layers.1.mlp.up_proj.weight" {
                let values = try file.floats(tensor.name)
                let isFlat = tensor.name == "audio_codebook_embeddings.weight"
                writer.add(tensor.name, shape: isFlat ? [values.count] : tensor.shape, values)
            }
            try writer.write(to: "\(final)/model.safetensors")
            let result = try train.run(["check"] + arguments.dropLast() + ["\(directory)/new", "--model", final])
            #expect(result.status != 0)
            let said = result.output + result.errors
            #expect(
                said.contains("layers.1.mlp.up_proj.weight") && said.contains("audio_codebook_embeddings.weight"),
                "\(said)")
            #expect(!FileManager.default.fileExists(atPath: "\(directory)/new"))
        }
    }

    @Test func `the preflight of the example is all well`() throws {
        try withConfig { directory, arguments in
            let table = try train.run(["check"] + arguments).expecting(0).output
            #expect(
                table.contains("✓ leak probe") && table.contains("✓ causality probe") && !table.contains("✗"),
                "\(table)")
            #expect(!FileManager.default.fileExists(atPath: "\(directory)/run"))
        }
    }
}
