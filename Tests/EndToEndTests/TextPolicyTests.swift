import Foundation
import PipelineKit
import TestSupport
import Testing

/// How texts were prepared stays with the model: by the real programs.
@Suite struct TextPolicyTests {
    private static let config = """
        model:
          hidden_size: 16
          intermediate_size: 24
          num_hidden_layers: 1
          num_attention_heads: 2
        training:
          max_steps: 2
          batch_size: 2
          learning_rate: 1.0e-3
        """

    @Test func `a checkpoint knows its text record, and other texts are refused or warned of`() throws {
        try withTemporaryDirectory { directory in
            let work = try ExampleWork.copy(into: directory), config = "\(directory)/c.yaml", run = "\(directory)/run"
            try Data(Self.config.utf8).write(to: URL(fileURLWithPath: config))
            func arguments(_ run: String, _ more: [String]) -> [String] {
                ["run", "--config", config, "--data-path", work, "--output-dir", run, "--threads", "1"] + more
            }
            try train.run(arguments(run, [])).expecting(0)
            func record(_ path: String, _ name: String = "text") throws -> JSONValue? {
                try JSONValue(contentsOfFile: path)[name]
            }
            let before = try record("\(work)/samples/stage.json")
            #expect(try record("\(run)/final/trainer_state.json") == before && before != nil)

            // The example has no presentation forms: not one id changes, only what is promised of them.
            let index = try Data(contentsOf: URL(fileURLWithPath: "\(work)/samples/index.json"))
            try ingest.run(
                ExampleWork.ingestFlags + ["--output", work, "--normalize", "presentation-forms", "--replace"]
            ).expecting(0)
            #expect(try Data(contentsOf: URL(fileURLWithPath: "\(work)/samples/index.json")) == index)
            let refusal = try train.run(arguments(run, ["--resume"])).expecting(2)
            #expect(refusal.errors.contains(#"text.normalization: none → "presentation-forms""#), "\(refusal.errors)")

            let further = try train.run(arguments("\(directory)/further", ["--model", "\(run)/final"])).expecting(0)
            #expect(further.errors.contains("was trained on texts normalized by none"), "\(further.errors)")
            let after = try record("\(directory)/further/final/trainer_state.json")
            #expect(after?["normalization"] == "presentation-forms")
            #expect(
                try inspect.run(["diff", "\(run)/final", "\(directory)/further/final"]).expecting(1).output
                    .contains("trainer_state.json.text.normalization: none"))
        }
    }
}
