import Foundation
import PipelineKit
import TestSupport
import Testing

/// Several threads compute what one does, but for the last bits.
struct TrainThreadsTests {
    /// Wide enough that every kernel cuts its work, odd so that the pieces are unequal.
    private static let config = """
        model: {hidden_size: 136, intermediate_size: 264, num_hidden_layers: 2, num_attention_heads: 4,
                num_key_value_heads: 2, head_dim: 34,
                audio_tower: {d_model: 72, encoder_layers: 1, encoder_attention_heads: 3, encoder_ffn_dim: 200}}
        data_path: work
        output_dir: run
        training: {max_steps: 3, batch_size: 8, learning_rate: 1.0e-3, warmup_steps: 0, logging_steps: 1}
        """

    private func metrics(threads: Int, in directory: String) throws -> [JSONValue] {
        let run = "\(directory)/\(threads)"
        try train.run([
            "run", "--config", "\(directory)/c.yaml", "--data-path", try ExampleWork.path(), "--output-dir", run,
            "--threads", String(threads),
        ]).expecting(0)
        return try String(contentsOfFile: "\(run)/metrics.jsonl", encoding: .utf8).split(separator: "\n")
            .map { try JSONValue(parsing: String($0)) }
            .filter { $0["loss"] != nil }
    }

    @Test func `one thread and three see the same losses and gradients`() throws {
        try withTemporaryDirectory { directory in
            try Data(Self.config.utf8).write(to: URL(fileURLWithPath: "\(directory)/c.yaml"))
            let one = try metrics(threads: 1, in: directory), three = try metrics(threads: 3, in: directory)
            #expect(one.count == 3)
            for key in ["loss", "text_loss", "audio_loss", "grad_norm"] {
                func values(_ lines: [JSONValue]) -> [Float] {
                    lines.compactMap { $0[key]?.doubleValue.map { Float($0) } }
                }
                #expect(values(one).count == 3, "\(key)")
                let problem = mismatch(key, got: values(three), expected: values(one), tolerance: 1e-4)
                #expect(problem == nil)
            }
        }
    }
}
