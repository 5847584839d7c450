import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import inspect

@Suite struct ReportTests {
    @Test func `a shard directory shows its columns, bytes and hashes`() throws {
        let report = try ShardsReport(directory: fixture("mds/zstd"))
        #expect(report.json["samples"] == 25)
        #expect(report.json["compression"] == "zstd:3")
        #expect(report.json["columns"]?["audio_features"] == "ndarray:float16")
        #expect(report.text.contains("68ca9f5731577e50"))
        #expect(report.stage == nil)
    }

    @Test func `a row is found by number and by id, and equals the reference's`() throws {
        let shards = try ShardsReport(directory: fixture("mds/plain"))
        let number = try shards.sampleNumber(ofID: "s013")
        #expect(number == 13)
        let row = try RowReport(reader: shards.reader, sample: number).json
        let lines = try jsonLines(path: fixture("mds/rows.jsonl"))
        #expect(row["id"] == "s013")
        #expect(row["n"] == lines[13]["n"])
        #expect(row["meta"] == lines[13]["meta"])
        #expect(row["input_ids"]?["shape"] == lines[13]["input_ids"]?["shape"])
        #expect(failure { try shards.sampleNumber(ofID: "nobody") }?.status == .badUsage)
        #expect(failure { try RowReport(reader: shards.reader, sample: 25) }?.description.contains("0 to 24") == true)
    }

    @Test func `a sound directory verifies and one flipped bit does not`() throws {
        #expect(try verifyShards(ShardsReport(directory: fixture("mds/zstd"))).isSound)
        try withTemporaryDirectory { directory in
            let copy = "\(directory)/copy"
            try FileManager.default.copyItem(atPath: fixture("mds/zstd"), toPath: copy)
            let path = "\(copy)/shard.00002.mds.zstd"
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            bytes[bytes.count / 2] ^= 1
            try bytes.write(to: URL(fileURLWithPath: path))
            let findings = try verifyShards(ShardsReport(directory: copy))
            #expect(!findings.isSound)
            #expect(findings.text.contains("shard.00002.mds.zstd"))
            #expect(findings.json["checks"]?.arrayValue?.first?["problems"] == 1)
        }
    }

    @Test func `a checkpoint lists its tensors with their norms`() throws {
        let report = try CheckpointReport(directory: fixture("hf/base"))
        #expect(report.tensors.count == 47)
        #expect(report.tensors.allSatisfy { $0.isFinite && $0.norm.map { $0 > 0 } ?? false })
        #expect(report.json["config"]?["model_type"] == "higgs_audio_v2")
        #expect(report.text.contains("model.embed_tokens.weight"))
        #expect(try CheckpointReport(directory: fixture("hf/adapter")).text.contains("adapter (PEFT)"))
    }

    @Test func `a run shows each loss beside chance and entropy`() throws {
        try withTemporaryDirectory { directory in
            let lines = [
                #"{"step": 0, "epoch": 0.0, "loss": 9.0, "text_loss": 5.6, "audio_loss": 3.5, "codebook_losses": [3.4, 3.6], "chance_text": 5.59, "chance_audio": 3.52, "unigram_audio": 3.0, "unigram_codebooks": [2.9, 3.1]}"#,
                #"{"step": 9, "epoch": 1.0, "loss": 4.0, "text_loss": 1.0, "audio_loss": 3.2, "codebook_losses": [2.0, 4.4], "chance_text": 5.59, "chance_audio": 3.52, "unigram_audio": 3.0, "unigram_codebooks": [2.9, 3.1]}"#,
            ]
            try Data(lines.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: "\(directory)/metrics.jsonl"))
            let report = try RunReport(directory: directory)
            let rows = report.text.split(separator: "\n")
            func judgement(_ name: String) -> Bool? {
                rows.first { $0.contains(name) && $0.contains("below it") }.map { !$0.contains("NOT below") }
            }
            #expect(judgement("text ") == true)
            #expect(judgement("audio ") == false)
            #expect(judgement("codebook 0") == true)
            #expect(judgement("codebook 1") == false)
            try Data("{\"step\": 0}\nbroken\n".utf8).write(to: URL(fileURLWithPath: "\(directory)/metrics.jsonl"))
            #expect(failure { try RunReport(directory: directory) }?.description.contains("line 2") == true)
        }
    }

    @Test func `a run shows its best checkpoint and whether it listens`() throws {
        try withTemporaryDirectory { directory in
            let lines = [
                #"{"step": 3, "epoch": 0.5, "validation_loss": 4.25, "validation_audio_loss": 3.0, "validation_reference_swap_delta": 0.125, "validation_text_swap_delta": null}"#,
                #"{"step": 7, "epoch": 1.0, "validation_loss": 4.5, "validation_audio_loss": 3.1, "validation_reference_swap_delta": 0.25, "validation_text_swap_delta": null}"#,
            ]
            func write(_ text: String, _ name: String) throws {
                let url = URL(fileURLWithPath: "\(directory)/\(name)")
                try FileManager.default.createDirectory(
                    at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(text.utf8).write(to: url)
            }
            try write(lines.joined(separator: "\n"), "metrics.jsonl")
            #expect(try RunReport(directory: directory).json["best"] == nil)
            try write(#"{"step": 8, "best": {"step": 4, "validation_loss": 4.25}}"#, "checkpoint-8/trainer_state.json")
            try write("{}", "checkpoint-4/trainer_state.json")
            let report = try RunReport(directory: directory)
            #expect(report.json["best"]?["step"] == 4)
            #expect(report.text.contains("best: validation loss 4.250, in checkpoint-4"))
            #expect(report.text.contains("reference: +0.250, with another row's text: not measured"))
            #expect(report.text.contains("reference swap"))
            try write(#"{"step": 9, "best": {"step": 9, "validation_loss": 4.25}}"#, "final/trainer_state.json")
            #expect(try RunReport(directory: directory).text.contains("in final"))
            try write(#"{"step": 8, "best": {"step": 6, "validation_loss": 4.25}}"#, "final/trainer_state.json")
            #expect(try RunReport(directory: directory).text.contains("in checkpoint-6, which is gone"))
        }
    }
}
