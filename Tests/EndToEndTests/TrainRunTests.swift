import Foundation
import PipelineKit
import TestSupport
import Testing

/// What a run tells, keeps and takes up again, as a process on the example.
@Suite(.serialized) struct TrainRunTests {
    /// A model of a few thousand parameters with a tower, and a run of a few steps with everything in it.
    private static let config = """
        model:
          hidden_size: 32
          intermediate_size: 48
          num_hidden_layers: 2
          num_attention_heads: 2
          audio_tower: {d_model: 16, encoder_layers: 1, encoder_attention_heads: 2, encoder_ffn_dim: 32}
        data_path: work
        output_dir: run
        training:
          max_steps: 9
          batch_size: 2
          learning_rate: 3.0e-3
          warmup_steps: 2
          validation_fraction: 0.3
          eval_steps: 3
          save_steps: 2
          save_total_limit: 2
        """

    private func arguments(_ command: String, _ config: String, run: String, work: String, _ more: [String] = [])
        -> [String]
    {
        [command, "--config", config, "--data-path", work, "--output-dir", run, "--threads", "1"] + more
    }

    private func withConfig<Result>(_ body: (_ directory: String, _ config: String) throws -> Result) throws -> Result {
        try withTemporaryDirectory { directory in
            let config = "\(directory)/small.yaml"
            try Data(Self.config.utf8).write(to: URL(fileURLWithPath: config))
            return try body(directory, config)
        }
    }

    /// The lines of metrics.jsonl without what depends on the clock.
    private func metrics(_ run: String) -> [String] {
        let text = (try? String(contentsOfFile: "\(run)/metrics.jsonl", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map { line in
            guard var object = try? JSONValue(parsing: String(line)).objectValue else { return "half a line" }
            object["tokens_per_second"] = nil
            return JSONValue.object(object).pythonDump()
        }
    }

    private func expectSame(_ run: String, _ whole: String) throws {
        #expect(metrics(run) == metrics(whole))
        for name in ["model.safetensors", "optimizer.safetensors", "config.json"] {
            let isSame = FileManager.default.contentsEqual(
                atPath: "\(run)/final/\(name)", andPath: "\(whole)/final/\(name)")
            #expect(isSame, "\(name)")
        }
    }

    /// Starts the trainer and waits until its metrics have so many lines, or it has ended.
    private func start(_ arguments: [String], run: String, untilLines count: Int) throws -> RunningProgram {
        let program = try train.start(arguments)
        while program.isRunning, metrics(run).count < count { usleep(2_000) }
        return program
    }

    @Test func `killed at any moment, --resume goes on to the same metrics and the same bytes`() throws {
        try withConfig { directory, config in
            let work = try ExampleWork.path()
            let whole = "\(directory)/whole", run = "\(directory)/killed"
            let more = ["--resume", "--set", "training.max_steps=40"]
            try train.run(arguments("run", config, run: whole, work: work, more)).expecting(0)
            for lines in [1, 8, 15, 22] {
                let program = try start(
                    arguments("run", config, run: run, work: work, more), run: run, untilLines: lines)
                program.send(SIGKILL)
                try program.finish().expecting(128 + SIGKILL)
            }
            try train.run(arguments("run", config, run: run, work: work, more)).expecting(0)
            try expectSame(run, whole)
        }
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func `a stop saves, ends with 130, and the same command goes on to the same end`(signal: Int32) throws {
        try withConfig { directory, config in
            let work = try ExampleWork.path()
            let whole = "\(directory)/whole", run = "\(directory)/stopped"
            // Long enough that the signal comes before the end.
            let more = ["--resume", "--set", "training.max_steps=40"]
            try train.run(arguments("run", config, run: whole, work: work, more)).expecting(0)
            let program = try start(arguments("run", config, run: run, work: work, more), run: run, untilLines: 3)
            program.send(signal)
            let result = try program.finish().expecting(130)
            #expect(result.errors.contains("saved checkpoint-"))
            #expect(!FileManager.default.fileExists(atPath: "\(run)/final"))
            try train.run(arguments("run", config, run: run, work: work, more)).expecting(0)
            try expectSame(run, whole)
        }
    }

    @Test func `a run tells its config and cost first, and a finished one is touched`() throws {
        try withConfig { directory, config in
            let work = try ExampleWork.path(), run = "\(directory)/run"
            let first = try train.run(arguments("run", config, run: run, work: work)).expecting(0)
            for words in [
                "learning_rate: 0.003", "adam_beta2: 0.95", "parameters trained, 9 steps", "memory:", "activations",
                "time: about", "chance", "unigram",
            ] {
                #expect(first.errors.contains(words), "\(words)")
            }
            #expect(first.output.contains("last step:") && first.output.contains("validation:"))
            #expect(FileManager.default.fileExists(atPath: "\(run)/events.out.tfevents.0.sawt"))
            let before = try contents(of: run)
            let again = try train.run(arguments("run", config, run: run, work: work, ["--resume", "--replace"]))
                .expecting(0)
            #expect(again.output.contains("already trained, 9 steps"))
            #expect(differences(before, try contents(of: run)) == [])
            let refused = try train.run(arguments("run", config, run: run, work: work)).expecting(2)
            #expect(refused.errors.contains("holds a run already") && refused.errors.contains("--resume"))
            let report = try JSONValue(parsing: inspect.run([run, "--json"]).expecting(0).output)
            #expect(report["finished"] == true)
            #expect(report["best"]?["validation_loss"]?.doubleValue != nil)
            #expect(report["last_validation"]?["validation_text_swap_delta"]?.doubleValue != nil)
        }
    }

    @Test func `check passes on the example and leaves nothing behind`() throws {
        try withConfig { directory, config in
            let work = try ExampleWork.path()
            let result = try train.run(arguments("check", config, run: "\(directory)/run", work: work)).expecting(0)
            #expect(!result.output.contains("✗"), "\(result.output)")
            for title in ["ranks", "memory", "leak probe", "causality probe", "save and reload"] {
                #expect(result.output.contains("✓ \(title)"), "\(result.output)")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["small.yaml"])
        }
    }

    /// Runs the trainer and checks how it refuses, and that no run was begun.
    private func expectRefusal(
        _ arguments: [String], run: String, status: Int32, saying words: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let result = try train.run(arguments)
        #expect(result.status == status, "\(result.errors)", sourceLocation: sourceLocation)
        for word in words { #expect(result.errors.contains(word), "\(result.errors)", sourceLocation: sourceLocation) }
        #expect(!result.errors.contains("Fatal"), sourceLocation: sourceLocation)
        #expect(!FileManager.default.fileExists(atPath: "\(run)/config.yaml"), sourceLocation: sourceLocation)
    }

    @Test func `configs that do not fit the model`() throws {
        try withConfig { directory, config in
            let work = try ExampleWork.path(), run = "\(directory)/run"
            func refuse(_ override: String, _ words: String) throws {
                try expectRefusal(
                    arguments("run", config, run: run, work: work, ["--set", override]), run: run, status: 2,
                    saying: words)
            }
            try refuse("loss.codebook_weights=[1, 1]", "2 weights, the model has 8 codebooks")
            try refuse("training.validation_fraction=0.9", "0 to 0.5")
        }
    }

    @Test func `data that changed since the checkpoint is refused by its shards`() throws {
        try withConfig { directory, config in
            let work = try ExampleWork.copy(into: directory), run = "\(directory)/run"
            let program = try start(
                arguments("run", config, run: run, work: work, ["--set", "training.max_steps=200"]), run: run,
                untilLines: 3)
            program.send(SIGTERM)
            try program.finish().expecting(130)
            let flags = ["--input", "\(work)/audio", "--workers", "2"]
            try tokenize.run(["fit"] + flags + ["--codebook-size", "64", "--output", "\(directory)/codec"]).expecting(0)
            try tokenize.run(
                ["encode"] + flags + ["--output", "\(work)/codes", "--codec", "\(directory)/codec", "--replace"]
            ).expecting(0)
            let result = try train.run(
                arguments("run", config, run: run, work: work, ["--resume", "--set", "training.max_steps=200"]))
            #expect(result.status == 2)
            #expect(result.errors.contains("has changed since checkpoint-"), "\(result.errors)")
            #expect(result.errors.contains("codes shard 0"), "\(result.errors)")
        }
    }

    @Test func `a model of other codes is refused with both sizes`() throws {
        try withConfig { directory, config in
            let work = try ExampleWork.copy(into: directory), run = "\(directory)/run", made = "\(directory)/made"
            try train.run(arguments("run", config, run: made, work: work, ["--set", "training.max_steps=1"])).expecting(
                0)
            let base = "\(made)/final"
            func refuse(_ status: Int32, _ words: String...) throws {
                let result = try train.run(arguments("run", config, run: run, work: work, ["--model", base]))
                #expect(result.status == status, "\(result.errors)")
                for word in words { #expect(result.errors.contains(word), "\(result.errors)") }
                #expect(!FileManager.default.fileExists(atPath: "\(run)/final"))
            }
            // A codec of another size than the model's.
            let flags = ["--input", "\(work)/audio", "--workers", "2"]
            let size = try CodecRecord(
                json: StageRecord(directory: "\(work)/codes")?.record("codec") ?? .null, path: work
            ).codebookSize
            try tokenize.run(
                ["fit"] + flags + ["--codebook-size", "\(size == 16 ? 32 : 16)", "--output", "\(directory)/codec"]
            ).expecting(0)
            try tokenize.run(
                ["encode"] + flags + ["--output", "\(work)/codes", "--codec", "\(directory)/codec", "--replace"]
            ).expecting(0)
            try refuse(3, "the codebook size is", "the model's config says \(size)", "tokenize")
        }
    }
}
