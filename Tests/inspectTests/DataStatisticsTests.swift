import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import inspect

@Suite struct DataStatisticsTests {
    private struct Clip {
        var role: String
        var seconds: Double
        var hash: String
    }

    private let text = TextRecord(
        kind: .byteLevel, vocabularySize: 300, digest: "0123456789abcdef",
        controlTokens: [.audio: 266, .audioOut: 267, .endOfTurn: 261])

    /// A row of samples/ with the columns that statistics read.
    private func row(
        _ id: String, _ speaker: String, _ clips: [Clip], said: String, ids: [Int32], labels: [Int32]
    ) -> MDSRow {
        MDSRow([
            ("id", .str(id)), ("speaker", .str(speaker)), ("input_ids", .array(ids)), ("label_ids", .array(labels)),
            (
                "conversation",
                .json([["role": "user", "content": "not counted"], ["role": "assistant", "content": .string(said)]])
            ),
            (
                "clips",
                .json(
                    .array(
                        clips.map {
                            [
                                "role": .string($0.role), "seconds": .double($0.seconds), "sample_rate": 24_000,
                                "hash": .string($0.hash),
                            ]
                        }))
            ),
        ])
    }

    private func statistics(_ rows: [MDSRow], text: TextRecord?) throws -> DataStatistics {
        try withTemporaryDirectory { directory in
            let columns = [
                MDSColumn(name: "id", encoding: .str), MDSColumn(name: "speaker", encoding: .str),
                MDSColumn(name: "input_ids", encoding: .ndarray(type: .int32, shape: nil)),
                MDSColumn(name: "label_ids", encoding: .ndarray(type: .int32, shape: nil)),
                MDSColumn(name: "conversation", encoding: .json), MDSColumn(name: "clips", encoding: .json),
            ]
            let configuration = MDSConfiguration(columns: columns, compression: .zstd(level: 1))
            let writer = try ShardDirectoryWriter(
                directory: "\(directory)/samples",
                identity: StageIdentity(stage: "ingest", outputVersion: 1, options: [:], input: ["digest": "test"]),
                configuration: configuration, replace: true)
            // A shard a row: numbers count over shards.
            for (number, row) in rows.enumerated() {
                let builder = MDSShardBuilder(configuration: configuration)
                try builder.append(row)
                try writer.write(try builder.finish(), as: number, key: "\(number)", counts: [:])
            }
            try writer.finish(shards: rows.count)
            return try DataStatistics(samples: MDSReader(directory: "\(directory)/samples"), text: text)
        }
    }

    private var rows: [MDSRow] {
        let reference = Clip(role: "in", seconds: 3, hash: "a")
        return [
            // Ids 1 and 2 are trained text, 261 is control; the answer of 2 s is a target: 1 id a second.
            row(
                "x", "amal", [reference, Clip(role: "out", seconds: 2, hash: "b")], said: "قَلم",
                ids: [9, 266, 1, 2, 267, 261], labels: [-100, -100, 1, 2, 267, 261]),
            // Two answers of 1 s and 4 s, of which only the second is a target: 8 ids in 4 s.
            row(
                "y", "amal",
                [reference, Clip(role: "out", seconds: 1, hash: "c"), Clip(role: "out", seconds: 4, hash: "d")],
                said: "abc", ids: [266, 267, 1, 2, 3, 4, 5, 6, 7, 8, 267],
                labels: [-100, -100, 1, 2, 3, 4, 5, 6, 7, 8, 267]),
            // Nothing is trained; no speaker.
            row(
                "z", "", [Clip(role: "out", seconds: 0.5, hash: "e")], said: "", ids: [1, 267], labels: [-100, -100]),
        ]
    }

    @Test func `hours, speakers and texts are those of the rows`() throws {
        let found = try statistics(rows, text: text)
        #expect(found.samples == 3)
        #expect(found.references.count == 2 && found.references.sum == 6)
        #expect(found.answers.count == 4 && found.answers.sum == 7.5)
        #expect(found.distinctSeconds == 3 + 2 + 1 + 4 + 0.5)
        #expect(found.rates == [24_000: 6])
        #expect(found.namedSpeakers.map(\.name) == ["amal"])
        #expect(found.namedSpeakers[0].totals.samples == 2)
        #expect(found.namedSpeakers[0].totals.answerSeconds == 7 && found.namedSpeakers[0].totals.referenceSeconds == 6)
        #expect(found.unnamed?.samples == 1 && found.unnamed?.answerSeconds == 0.5)
        // A haraka is a character of its own; a sample that says nothing has no length.
        #expect(found.characters.count == 2 && found.characters.smallest == 3 && found.characters.largest == 4)
        #expect(found.textIDs.count == 2 && found.textIDs.smallest == 2 && found.textIDs.largest == 8)
        #expect(found.idsPerSecond.smallest == 1 && found.idsPerSecond.largest == 2)
    }

    @Test func `extremes are shown first, with their reasons, and the choice is always the same`() throws {
        let found = try statistics(rows, text: text)
        #expect(found.longest?.sample == 1 && found.longest?.value == 5)
        #expect(found.shortest?.sample == 2 && found.fastest?.sample == 1 && found.slowest?.sample == 0)
        let chosen = ChosenSample.choose(from: found, count: 3)
        #expect(chosen.map(\.sample) == [1, 2, 0])
        #expect(
            chosen[0].reasons == ["longest: 5.0 s of answers", "fastest: 2.0 text ids a second", "drawn at random"])
        #expect(chosen.allSatisfy { $0.isExtreme })
        #expect(ChosenSample.choose(from: found, count: 3).map(\.reasons) == chosen.map(\.reasons))
    }

    @Test(arguments: [0, 1, 6, 7, 100_000])
    func `samples are drawn without repeats, from all of them`(count: Int) {
        let drawn = ChosenSample.choose(from: nil, count: count).map(\.sample)
        #expect(drawn.count == min(count, ChosenSample.drawn) && Set(drawn).count == drawn.count)
        #expect(drawn == drawn.sorted() && drawn.allSatisfy { (0..<count).contains($0) })
    }

    @Test func `without a record of the vocabulary there are no rates, and no guess`() throws {
        let found = try statistics(rows, text: nil)
        #expect(found.textIDs.count == 0 && found.idsPerSecond.count == 0 && found.fastest == nil)
        #expect(found.characters.count == 2)
    }

    @Test func `rejects are counted by code with their first examples`() throws {
        try withTemporaryDirectory { directory in
            let lines =
                (1...5).map {
                    #"{"row": \#($0), "line": 1, "id": "r\#($0)", "code": "missing_audio", "detail": "no such file", "path": "p"}"#
                } + [#"{"row": 9, "line": 1, "id": null, "code": "invalid_json", "detail": "x", "path": null}"#]
            let path = "\(directory)/rejects.jsonl"
            try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: path))
            let record = StageRecord(
                identity: StageIdentity(stage: "ingest", outputVersion: 1, options: [:], input: [:]),
                counts: ["rows": 20, "rejected": ["missing_audio": ["rows": 5, "seconds": 12.5]]])
            let found = try RejectStatistics(directory: directory, record: record)
            #expect(found.rows == 6 && found.rowsRead == 20 && found.seconds == 12.5)
            #expect(found.codes.map(\.name) == ["missing_audio", "invalid_json"])
            #expect(found.codes[0].examples.map(\.id) == ["r1", "r2", "r3"])
            #expect(found.codes[1].examples.map(\.row) == [9] && found.codes[1].examples[0].id == nil)
            try Data("{\"code\": \"x\"}\n\n{}\n".utf8).write(to: URL(fileURLWithPath: path))
            let broken = failure { try RejectStatistics(directory: directory, record: nil) }
            #expect(broken?.status == .badData && broken?.description.contains("line 3") == true)
        }
    }
}
