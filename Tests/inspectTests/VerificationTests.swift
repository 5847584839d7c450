import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import inspect

/// Each promise of a WORK, broken once: --verify must find it, under its name.
@Suite struct VerificationTests {
    /// The names of the checks that find a problem.
    private func findings(_ change: (inout MiniWork) throws -> Void, _ after: (String) throws -> Void = { _ in }) throws
        -> [String]
    {
        try withTemporaryDirectory { work in
            var mini = try MiniWork()
            try change(&mini)
            try mini.write(to: work)
            try after(work)
            let findings = try verifyWork(Work(directory: work))
            return (findings.json["checks"]?.arrayValue ?? []).filter { $0["problems"] != 0 }
                .compactMap { $0["name"]?.stringValue }
        }
    }

    @Test func `a sound WORK has no findings`() throws {
        #expect(try findings { _ in } == [])
    }

    @Test func `values that break a promise are found under its name`() throws {
        func array<T: ArrayElement>(_ row: MDSRow, _ column: String, _: T.Type) throws -> [T] {
            try row.array(column, as: T.self).values
        }
        let conversations = "conversations: ids in their places, labels where they belong"
        let clips = "clips: placeholders, roles, hashes"
        let codes = "codes: one range a clip, below the codebook size"
        let features = "features: offsets, lengths, finite"

        #expect(try findings { $0.codes[1]["id"] = .str("c") } == ["ids are equal in all directories"])
        #expect(
            try findings { work in
                for part in [\MiniWork.samples, \.audio, \.features, \.codes] {
                    work[keyPath: part][1]["id"] = .str("أمل-1")
                }
            } == ["ids are unique"])
        #expect(
            try findings { work in  // a label that is not its id
                var labels = try array(work.samples[0], "label_ids", Int32.self)
                labels[labels.count - 1] += 1
                work.samples[0]["label_ids"] = .array(labels)
            } == ["ids and labels"])
        #expect(
            try findings { work in  // a word of the user is trained
                let ids = try array(work.samples[0], "input_ids", Int32.self)
                var labels = try array(work.samples[0], "label_ids", Int32.self)
                labels[9] = ids[9]
                work.samples[0]["label_ids"] = .array(labels)
            } == [conversations])
        #expect(
            try findings { work in  // a word of the assistant is not
                var labels = try array(work.samples[0], "label_ids", Int32.self)
                labels[labels.count - 1] = ignoredLabel
                work.samples[0]["label_ids"] = .array(labels)
            } == [conversations])
        #expect(
            try findings { work in  // a header is broken
                var ids = try array(work.samples[0], "input_ids", Int32.self)
                ids[2] += 1
                work.samples[0]["input_ids"] = .array(ids)
            } == [conversations])
        #expect(
            try findings { work in  // a placeholder more than clips
                var ids = try array(work.samples[1], "input_ids", Int32.self)
                ids[9] = Tokenizer.byteLevel.record.controlTokens[.audio] ?? 0
                work.samples[1]["input_ids"] = .array(ids)
            } == [clips])
        #expect(try findings { $0.audio[0]["audio_roles"] = .array([UInt8(1), 1]) } == [clips])
        #expect(try findings { $0.audio[1]["audio"] = .bytes(Array("reference b targeT".utf8)) } == [clips])
        #expect(
            try findings { work in  // swapped in samples/ alone
                let entries = try work.samples[0].json("clips").arrayValue ?? []
                work.samples[0]["clips"] = .json(.array(entries.reversed()))
            } == [clips])
        #expect(
            try findings { work in
                var ids = try array(work.codes[0], "audio_ids", UInt16.self)
                ids[3] = UInt16(MiniWork.codebookSize)
                work.codes[0]["audio_ids"] = .array(ids, shape: [MiniWork.codebooks, 20])
            } == [codes])
        #expect(
            try findings { work in  // codes of another clip: seven frames are not 0.44 s
                work.codes[1]["audio_ids"] = .array(
                    [UInt16](repeating: 1, count: MiniWork.codebooks * 18), shape: [MiniWork.codebooks, 18])
            } == [codes])
        #expect(try findings { $0.codes[1]["audio_ids_start"] = .array([Int32(0)]) } == [codes])
        #expect(
            try findings { work in
                var values = try array(work.features[0], "audio_features", Float16.self)
                values[5] = .nan
                work.features[0]["audio_features"] = .array(values, shape: [2, 42])
            } == [features])
        #expect(
            try findings { $0.features[0] = $0.features[0].with("feature_lengths", .array([Int32(39)])) } == [features])
        #expect(
            try findings { work in  // log-mels of another clip
                let longer = work.features[1]
                work.features[0]["audio_features"] = longer["audio_features"]
                work.features[0]["feature_offsets"] = longer["feature_offsets"]
                work.features[0]["feature_lengths"] = longer["feature_lengths"]
            } == [features])
    }

    @Test func `records that contradict each other are found`() throws {
        let records = "records: sidecars, their keys and counts, the index"
        func edit(_ path: String, _ change: (inout JSONObject) -> Void) throws {
            var json = try #require(try JSONValue(contentsOfFile: path).objectValue)
            change(&json)
            try AtomicFile.write(JSONValue.object(json).pretty().utf8, to: path)
        }
        func broken(_ after: @escaping (String) throws -> Void) throws -> [String] { try findings({ _ in }, after) }

        #expect(try broken { try FileManager.default.removeItem(atPath: "\($0)/codes/shard.00001.json") } == [records])
        #expect(
            try broken { try edit("\($0)/features/shard.00000.json") { $0["counts"] = ["samples": 2] } } == [records])
        #expect(try broken { try edit("\($0)/codes/shard.00000.json") { $0["key"] = "0000000000000000" } } == [records])
        #expect(
            try broken { try edit("\($0)/samples/stage.json") { $0["counts"] = ["samples": 2, "rows": 3] } }
                == ["every row is a sample or a reject"])
        #expect(
            try broken { try AtomicFile.write("{\"code\": \"excluded\"}\n".utf8, to: "\($0)/rejects.jsonl") }
                == ["every row is a sample or a reject"])
        // Brought here without any sidecar, nothing contradicts anything.
        #expect(
            try broken { work in
                for part in Subject.workDirectories {
                    for shard in 0..<2 {
                        try FileManager.default.removeItem(atPath: "\(work)/\(part)/shard.0000\(shard).json")
                    }
                }
            } == [])
        // Of another manifest: keys and pending record say so too.
        let found = try broken {
            try edit("\($0)/audio/stage.json") { $0["input"] = ["digest": "0", "audio_root": "/clips"] }
        }
        #expect(found.contains("samples/ and audio/ are of one ingest"))
        #expect(try broken { try flip("\($0)/samples/shard.00001.mds.zstd") }.contains("shards (hashes, structure)"))
    }

    private func flip(_ path: String) throws {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
    }
}

extension MDSRow {
    /// The row with another value.
    fileprivate func with(_ column: String, _ value: MDSValue) -> MDSRow {
        var row = self
        row[column] = value
        return row
    }
}
