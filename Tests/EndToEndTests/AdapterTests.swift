import Foundation
import PipelineKit
import TestSupport
import Testing

/// Adapters as a person has them: a base is trained, an adapter on it, both are merged; and what is refused.
@Suite(.serialized) struct AdapterTests {
    private static let base = """
        model: {hidden_size: 32, intermediate_size: 48, num_hidden_layers: 2, num_attention_heads: 2,
                audio_tower: {d_model: 16, encoder_layers: 1, encoder_attention_heads: 2, encoder_ffn_dim: 32}}
        data_path: work
        output_dir: run
        training: {max_steps: 6, batch_size: 2, learning_rate: 3.0e-3}
        """
    private static let lora = """
        model: base
        data_path: work
        output_dir: run
        training: {max_steps: 6, batch_size: 2, learning_rate: 1.0e-2, save_steps: 2}
        lora: {r: 4, lora_alpha: 8, lora_dropout: 0.1}
        """

    /// Runs `body` in a directory with a trained base in base/final and a config lora.yaml.
    private func withBase(
        _ body: (_ directory: String, _ arguments: (String, String) throws -> [String]) throws -> Void
    )
        throws
    {
        try withTemporaryDirectory { directory in
            for (name, text) in [("base.yaml", Self.base), ("lora.yaml", Self.lora)] {
                try Data(text.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
            }
            func arguments(_ config: String, _ run: String) throws -> [String] {
                [
                    "--config", "\(directory)/\(config)", "--data-path", try ExampleWork.path(), "--output-dir",
                    "\(directory)/\(run)", "--threads", "1",
                ]
            }
            try train.run(["run"] + arguments("base.yaml", "base")).expecting(0)
            try body(directory, arguments)
        }
    }

    private func logits(_ arguments: [String], in directory: String) throws -> [String: [Float]] {
        let path = "\(directory)/logits.safetensors"
        try train.run(["logits", "--output", path] + arguments).expecting(0)
        let file = try SafetensorsFile(path: path)
        return ["text_logits": try file.floats("text_logits"), "audio_logits": try file.floats("audio_logits")]
    }

    @Test func `an adapter is checked, trained, stopped, resumed and merged, and the merged model computes the same`()
        throws
    {
        try withBase { directory, arguments in
            let base = ["--model", "\(directory)/base/final"]
            let check = try train.run(["check"] + arguments("lora.yaml", "run") + base).expecting(0)
            #expect(check.output.contains("✓ adapter probe") && check.output.contains("20 modules move the loss"))

            let run = try train.run(["run"] + arguments("lora.yaml", "run") + base).expecting(0)
            #expect(run.output.contains("adapter:    20 modules, norm of the change"))
            #expect(run.errors.contains("trained: an adapter of rank 4 on 20 modules"))

            // Killed somewhere, it ends in the same bytes.
            let running = try train.start(["run"] + arguments("lora.yaml", "killed") + base + ["--resume"])
            Thread.sleep(forTimeInterval: 0.3)
            running.send(SIGKILL)
            _ = try running.finish()
            try train.run(["run"] + arguments("lora.yaml", "killed") + base + ["--resume"]).expecting(0)
            let files = [
                "adapter_model.safetensors", "adapter_config.json", "adapter_proof.json", "optimizer.safetensors",
            ]
            for file in files {
                let whole = try Data(contentsOf: URL(fileURLWithPath: "\(directory)/run/final/\(file)"))
                let killed = try Data(contentsOf: URL(fileURLWithPath: "\(directory)/killed/final/\(file)"))
                #expect(whole == killed, "\(file)")
            }

            let pair = base + ["--adapter", "\(directory)/run/final"]
            let merged = try train.run(["merge"] + pair + ["--output", "\(directory)/merged"]).expecting(0)
            #expect(merged.output.contains("checked: its logits differ by at most"))
            #expect(!FileManager.default.fileExists(atPath: "\(directory)/merged.partial"))
            let both = try logits(pair, in: directory), plain = try logits(base, in: directory)
            let own = try logits(["--model", "\(directory)/merged"], in: directory)
            for (name, values) in both {
                #expect(mismatch(name, got: own[name] ?? [], expected: values, tolerance: 1e-5) == nil)
                #expect(mismatch(name, got: plain[name] ?? [], expected: values, tolerance: 1e-3) != nil)
            }
            // A merged model is a model: it trains, and inspect reads it.
            try train.run(["run"] + arguments("lora.yaml", "next") + ["--model", "\(directory)/merged"]).expecting(0)
            #expect(try inspect.run(["\(directory)/run/final"]).expecting(0).output.contains("adapter (PEFT)"))
        }
    }

    @Test func `what does not belong together is refused with exit code 2`() throws {
        try withBase { directory, arguments in
            let base = ["--model", "\(directory)/base/final"], adapter = ["--adapter", "\(directory)/run/final"]
            try train.run(["run"] + arguments("lora.yaml", "run") + base).expecting(0)
            try train.run(["run"] + arguments("base.yaml", "other") + ["--set", "training.seed=9"]).expecting(0)
            let other = ["--model", "\(directory)/other/final"]
            func refusal(_ arguments: [String]) throws -> String { try train.run(arguments).expecting(2).errors }

            #expect(try refusal(["merge", "--output", "\(directory)/m"] + other + adapter).contains("another base"))
            let run = try arguments("lora.yaml", "next")
            #expect(try refusal(["run"] + run + other + adapter).contains("another base"))
            #expect(
                try refusal(["run"] + run + base + ["--adapter", "\(directory)/none"]).contains(
                    "no adapter_config.json"))
            #expect(try refusal(["run"] + run + base + adapter + ["--set", "lora.r=8"]).contains("lora.r is not what"))
            let names = "lora.target_modules=[q_porj]"
            #expect(try refusal(["run"] + run + base + ["--set", names]).contains("nearest names are q_proj"))
            #expect(
                try refusal(["run"] + arguments("base.yaml", "next") + ["--set", "lora.r=8"]).contains(
                    "needs a checkpoint"))
            #expect(try refusal(["merge", "--output", "\(directory)/run"] + base + adapter).contains("exists already"))
            #expect(try refusal(["run"] + arguments("lora.yaml", "run") + other + ["--resume"]).contains("model ("))
        }
    }
}
