import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import inspect

@Suite struct SubjectTests {
    /// Makes empty files and tells what the directory is.
    private func subject(of files: [String: String]) throws -> Subject {
        try withTemporaryDirectory { directory in
            for (name, content) in files {
                let url = URL(fileURLWithPath: "\(directory)/\(name)")
                try FileManager.default.createDirectory(
                    at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(content.utf8).write(to: url)
            }
            return try Subject(of: directory)
        }
    }

    @Test func `a directory is told from what lies in it`() throws {
        #expect(try subject(of: ["samples/index.json": "", "audio/index.json": ""]) == .work)
        #expect(try subject(of: ["samples/shard.00000.json": ""]) == .work)
        #expect(try subject(of: ["index.json": "", "shard.00000.mds": ""]) == .shards)
        #expect(try subject(of: ["shard.00000.mds.zstd.tmp": ""]) == .unfinishedShards)
        #expect(try subject(of: ["metrics.jsonl": "", "config.yaml": ""]) == .run)
        #expect(try subject(of: ["config.json": #"{"model_type": "mel_rvq"}"#]) == .codec)
        #expect(try subject(of: ["config.json": #"{"model_type": "higgs_audio_v2_tokenizer"}"#]) == .codec)
        #expect(try subject(of: ["config.json": #"{"model_type": "higgs_audio"}"#]) == .checkpoint)
        #expect(try subject(of: ["model.safetensors": ""]) == .checkpoint)
    }

    @Test func `anything else is refused with what it holds`() throws {
        let refusal = failure { try subject(of: ["notes.txt": "", "a\u{1B}b": ""]) }
        #expect(refusal?.status == .badUsage)
        #expect(refusal?.description.contains("notes.txt") == true)
        #expect(refusal?.description.contains("a\\u{1B}b") == true)
        #expect(failure { try Subject(of: "/nowhere/at/all") }?.status == .badUsage)
        #expect(failure { try Subject(of: fixture("mds/rows.jsonl")) }?.status == .badUsage)
    }
}
