// The config of train: what it reads, what it refuses and with which words, and that what it writes reads back.

import Foundation
import PipelineKit
import Testing
import TestSupport

@testable import train

private let minimal = """
    model: base
    data_path: work
    output_dir: runs/one
    training:
      max_steps: 10
      learning_rate: 1e-4
    """

private let described = """
    model:
      hidden_size: 64
      intermediate_size: 160
      num_hidden_layers: 3
      num_attention_heads: 4
    data_path: work
    output_dir: runs/one
    training: {num_epochs: 2, learning_rate: 0.001}
    """

private func parse(_ yaml: String, _ overrides: String...) throws -> TrainConfig {
    try TrainConfig(yaml: yaml, file: "c.yaml", flags: TrainConfig.Flags(overrides: overrides))
}

/// What a person reads when the config is refused; nil where it is accepted.
private func refusal(_ yaml: String, _ overrides: String...) -> String? {
    do {
        _ = try TrainConfig(yaml: yaml, file: "c.yaml", flags: TrainConfig.Flags(overrides: overrides))
        return nil
    } catch {
        let failure = Failure(error)
        return failure.status == .badUsage ? failure.description : "status \(failure.status): \(failure)"
    }
}

@Suite struct ConfigTests {
    @Test func `defaults are those of the documentation`() throws {
        let config = try parse(minimal)
        #expect(config.model == .directory("base"))
        let training = config.training
        #expect(training.epochs == nil && training.maxSteps == 10 && training.maxBatchTokens == nil)
        #expect(training.batchSize == 1 && training.accumulationSteps == 1)
        #expect(training.adamBeta1 == 0.9 && training.adamBeta2 == 0.95 && training.adamEpsilon == 1e-8)
        #expect(training.weightDecay == 0.01 && training.maxGradNorm == 1 && training.warmupSteps == 0)
        #expect(training.scheduler == .cosine && training.shuffle && training.seed == 0)
        #expect(training.validationFraction == 0 && training.validationBy == .auto)
        #expect(!training.gradientCheckpointing && !training.requirePretrained)
        #expect(config.loss == LossConfig(textWeight: 1, audioWeight: 1, codebookWeights: nil, labelSmoothing: 0))
        #expect(config.lora == nil)
    }

    @Test func `a described model fills in what follows from its sizes`() throws {
        guard case .described(let model) = try parse(described).model else {
            Issue.record("not a description")
            return
        }
        #expect(model.headWidth == 16 && model.keyValueHeadCount == 4 && model.audioIntermediateSize == 160)
        #expect(model.dualLayers == [0, 1, 2] && model.tower == nil)
    }

    @Test func `flags go before overrides, and overrides before the file`() throws {
        let flags = TrainConfig.Flags(
            model: "other", dataPath: "elsewhere", overrides: ["training.seed=7", "data_path=x", "training.seed=8"])
        let config = try TrainConfig(yaml: minimal, file: "c.yaml", flags: flags)
        #expect(config.model == .directory("other") && config.dataPath == "elsewhere" && config.training.seed == 8)
    }

    @Test func `an override can open a section, set a list, and take a value away`() throws {
        let config = try parse(
            minimal, "loss.codebook_weights=[1, 0.5]", "lora.r=4", "training.max_steps=", "training.num_epochs=3")
        #expect(config.loss.codebookWeights == [1, 0.5] && config.lora?.r == 4)
        #expect(config.training.maxSteps == nil && config.training.epochs == 3)
    }

    @Test func `an unknown key names the nearest known one and the line`() {
        #expect(
            refusal(minimal + "\n  learnin_rate: 1\n")
                == "c.yaml:7: unknown key training.learnin_rate; the nearest known key is training.learning_rate")
        #expect(
            refusal(minimal + "\nlearning_rate: 1\n")
                == "c.yaml:7: unknown key learning_rate; the nearest known key is training.learning_rate")
        #expect(
            refusal(minimal, "trainig.seed=1")
                == "--set trainig.seed=1: unknown key trainig; the nearest known key is training")
        #expect(
            refusal(described, "model.audio_tower.d_modle=8")
                == "--set model.audio_tower.d_modle=8: unknown key model.audio_tower.d_modle; "
                + "the nearest known key is model.audio_tower.d_model")
    }

    @Test func `an ill-typed value names key, got, expected and place`() {
        let cases: [(override: String, what: String)] = [
            ("training.seed=abc", "training.seed is abc, expected a whole number"),
            ("training.seed=1.5", "training.seed is 1.5, expected a whole number"),
            ("training.seed=010", "training.seed is 010, expected a whole number"),
            ("training.seed='3'", "training.seed is \"3\", expected a whole number"),
            ("training.shuffle=3", "training.shuffle is 3, expected true or false"),
            ("training.learning_rate=fast", "training.learning_rate is fast, expected a number"),
            ("training.learning_rate=nan", "training.learning_rate is nan, expected a number"),
            ("training.learning_rate=0x10", "training.learning_rate is 0x10, expected a number"),
            ("training.lr_scheduler=step", "training.lr_scheduler is step, expected one of cosine, linear, constant"),
            ("training=3", "training is 3, expected a mapping of keys"),
            ("model=[a]", "model is a list, expected a directory or a mapping that describes a model"),
            (
                "lora.target_modules={a: 1}",
                "lora.target_modules is a mapping, expected a list of module names or a pattern"
            ),
            (
                "training.freeze=[layers]",
                "training.freeze is layers, expected a list of embeddings, heads, text_embedding, audio_embedding, "
                    + "attention, text_layers, audio_layers, text_head, audio_head, tower"
            ),
        ]
        for (override, what) in cases {
            #expect(refusal(minimal, override) == "--set \(override): \(what); correct the value")
        }
        #expect(
            refusal(minimal.replacing("max_steps: 10", with: "max_steps: ten"))
                == "c.yaml:5: training.max_steps is ten, expected a whole number; correct the value")
    }

    @Test func `a value out of range is refused`() {
        let overrides = [
            "training.batch_size=0", "training.max_steps=0", "training.learning_rate=-1", "training.adam_beta1=1",
            "training.adam_epsilon=0", "training.validation_fraction=0.6", "training.max_grad_norm=-1",
            "training.seed=-1", "loss.label_smoothing=1", "loss.text_loss_weight=-0.1", "loss.codebook_weights=[0, 0]",
            "lora.r=0", "lora.lora_dropout=1",
        ]
        for override in overrides {
            let told = refusal(minimal, override)
            #expect(told?.hasSuffix("; choose a value in that range") == true, "\(override): \(told ?? "accepted")")
        }
        #expect(refusal(minimal, "training.batch_size=0")?.contains("expected 1 to 2147483647") == true)
    }

    @Test func `a model that cannot be is refused`() {
        for override in [
            "model.num_key_value_heads=3", "model.num_attention_heads=5", "model.head_dim=15",
            "model.audio_dual_ffn_layers=[0, 0]", "model.num_hidden_layers=0", "model.hidden_size=null",
            "model.audio_tower={d_model: 30, encoder_layers: 1, encoder_attention_heads: 4, encoder_ffn_dim: 8}",
        ] {
            #expect(refusal(described, override) != nil, "\(override) was accepted")
        }
        #expect(refusal(described, "model.audio_dual_ffn_layers=[3]")?.contains("0 to 2") == true)
    }

    @Test func `what is missing is named, with the flag that gives it`() {
        let told = refusal("model: base\noutput_dir: x\ntraining: {max_steps: 1, learning_rate: 1}")
        #expect(told == "c.yaml: data_path is missing; name the data, here or with --data-path WORK")
        #expect(refusal(minimal, "training.max_steps=")?.contains("num_epochs or training.max_steps") == true)
        #expect(refusal(minimal, "training.learning_rate=")?.contains("training.learning_rate is missing") == true)
        #expect(refusal("")?.contains("model is missing") == true)
        let told2 = refusal(minimal, "loss.text_loss_weight=0", "loss.audio_loss_weight=0")
        #expect(told2?.contains("nothing would be trained") == true)
    }

    @Test func `text that is no YAML, or has a key twice, is refused with its line`() {
        #expect(refusal("model: base\n  x: [1\n")?.hasPrefix("c.yaml:2: not a config: ") == true)
        #expect(refusal(minimal + "\n  max_steps: 3\n")?.contains("max_steps stands twice") == true)
        #expect(refusal(minimal, "training.seed")?.contains("is not KEY=VALUE") == true)
        #expect(refusal(minimal, "training..seed=1")?.contains("is not KEY=VALUE") == true)
        #expect(
            refusal("- a\n- b\n") == "c.yaml:1: the config is a list, expected a mapping of keys; correct the value")
    }

    @Test func `the resolved config reads back as itself`() throws {
        let all = """
            model:
              hidden_size: 64
              intermediate_size: 160
              num_hidden_layers: 3
              num_attention_heads: 4
              num_key_value_heads: 2
              audio_dual_ffn_layers: [0, 2]
              audio_tower: {d_model: 48, encoder_layers: 2, encoder_attention_heads: 4, encoder_ffn_dim: 96}
            data_path: "عمل/\\"q\\" # no comment"
            output_dir: 'run: 1'
            training: {num_epochs: 2, max_steps: 9, learning_rate: 3e-5, adam_epsilon: 1e-12, save_steps: 4,
              eval_steps: 2, save_total_limit: 1, max_batch_tokens: 512, validation_fraction: 0.1, seed: 11}
            lora: {r: 4, target_modules: ["q_proj", "layers.0.*"], modules_to_save: [lm_head]}
            loss: {codebook_weights: [1, 0.1, 0.30000000000000004], label_smoothing: 0.1}
            """
        for yaml in [all, minimal, described] {
            let config = try parse(yaml)
            let again = try TrainConfig(yaml: config.yaml, file: "config.yaml")
            #expect(again == config)
            #expect(again.differences(from: config).isEmpty)
        }
    }

    @Test func `two configs differ by their keys, but not by where things lie`() throws {
        let a = try parse(minimal)
        let b = try parse(minimal, "training.learning_rate=2e-4", "data_path=y", "output_dir=z", "training.seed=1")
        #expect(b.differences(from: a) == ["training.learning_rate (0.0002, was 0.0001)", "training.seed (1, was 0)"])
        #expect(a.identity != b.identity)
        #expect(try parse(minimal, "training.save_steps=3").identity == a.identity)
        #expect(
            try parse(minimal, "training.num_epochs=3").differences(from: a) == ["training.num_epochs (3, was unset)"])
        #expect(
            a.differences(from: try parse(minimal, "training.num_epochs=3")) == ["training.num_epochs (unset, was 3)"])
    }

    @Test func `the edit distance counts insertions, deletions, substitutions and swaps`() {
        let cases: [(String, String, Int)] = [
            ("", "", 0), ("", "abc", 3), ("abc", "abc", 0), ("abc", "acb", 1), ("abc", "ab", 1),
            ("kitten", "sitting", 3),
            ("seed", "sede", 1), ("ca", "abc", 3),
        ]
        for (a, b, distance) in cases {
            #expect(editDistance(a, b) == distance, "\(a) → \(b)")
            #expect(editDistance(b, a) == distance, "\(b) → \(a)")
        }
    }

    @Test func `the configs that come with the project are read`() throws {
        let root = fixture("../../configs")
        let names = try FileManager.default.contentsOfDirectory(atPath: root).filter { $0.hasSuffix(".yaml") }
        #expect(names.contains("tiny.yaml") && names.contains("finetune.yaml"))
        for name in names {
            let config = try TrainConfig(file: root + "/" + name)
            #expect(try TrainConfig(yaml: config.yaml, file: name) == config)
        }
    }

    @Test func `aliases, which can stand for a billion values, are refused by their line`() {
        var bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
        for (name, last) in zip("bcdefghi", "abcdefgh") {
            bomb += "\(name): &\(name) [" + Array(repeating: "*\(last)", count: 9).joined(separator: ", ") + "]\n"
        }
        #expect(refusal(bomb)?.contains("c.yaml:2: not a config: an alias") == true)
        #expect(refusal("? &a [x]\n: 1\n? *a\n: 2\n")?.contains("c.yaml:3: not a config: an alias") == true)
        #expect(refusal(minimal, "training.seed=*a")?.contains("an alias") == true)
        // An asterisk is one only where a value begins.
        #expect(refusal(minimal, "data_path=work*2") == nil)
        #expect(refusal(minimal, "data_path=\"*work\"") == nil)
    }

    @Test(arguments: [
        "num_epochs", "max_steps", "batch_size", "max_batch_tokens", "gradient_accumulation_steps", "warmup_steps",
        "save_steps", "eval_steps", "logging_steps", "save_total_limit",
    ])
    func `numbers whose products would overflow are refused`(key: String) {
        #expect(refusal(minimal, "training.\(key)=9223372036854775807")?.contains("to 2147483647") == true)
        #expect(refusal(minimal, "training.\(key)=2147483647") == nil)
    }
}
