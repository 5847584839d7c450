// What train says about directories that do not belong together, and that rows come out as they went in.

import Foundation
import PipelineKit
import Testing
import TestSupport

@testable import train

/// What a person reads when a run on this WORK is set up and its rows are read; nil where nothing is wrong.
private func refusal(
    _ work: SyntheticWork = SyntheticWork(), overrides: [String] = [], _ change: (_ work: String) throws -> Void
) throws -> String? {
    try withTemporaryDirectory { root in
        try work.write(to: root + "/work")
        try change(root + "/work")
        do {
            let setup = try RunSetup(work.config(work: root + "/work", run: root + "/run", overrides))
            _ = try TrainingData(
                setup.source, format: setup.format, validationFraction: 0, validationBy: .auto, workers: 2,
                isQuiet: true)
            return nil
        } catch {
            let failure = Failure(error)
            return "\(failure.status.rawValue): \(failure.description.replacing(root + "/", with: ""))"
        }
    }
}

/// Writes the WORK of `other` in place of one directory.
private func exchange(_ directory: String, in work: String, for other: SyntheticWork) throws {
    let files = FileManager.default
    try other.write(to: work + "-other")
    try files.removeItem(atPath: work + "/" + directory)
    try files.moveItem(atPath: work + "-other/" + directory, toPath: work + "/" + directory)
}

@Suite struct DataSourceTests {
    @Test func `rows come out of the shards as they went in, with and without a tower`() throws {
        for hasFeatures in [true, false] {
            try withTemporaryDirectory { root in
                let work = SyntheticWork(hasFeatures: hasFeatures, textOnlyRows: [4])
                try work.write(to: root)
                let setup = try RunSetup(work.config(work: root, run: root + "/run"))
                let cache = ShardCache(setup.source, format: setup.format, capacity: 2)
                for number in [11, 0, 7, 4, 5, 11] {
                    let expected = work.row(number), got = try cache.sample(number)
                    #expect(got.id == expected.id && got.inputIDs == expected.inputIDs)
                    #expect(got.labelIDs == expected.labelIDs && got.clips == expected.clips)
                    guard hasFeatures, number != 4 else {
                        #expect(got.features == nil)
                        continue
                    }
                    let features = try #require(got.features)
                    #expect(features.values == expected.features.values.map { Float($0) })
                    #expect(features.lengths == expected.features.lengths.map(Int.init))
                    #expect(features.chunksPerClip == [1])
                }
            }
        }
    }

    @Test func `a lone directory with all columns and no records is read like a WORK`() throws {
        try withTemporaryDirectory { root in
            let work = SyntheticWork()
            try work.write(to: root + "/work")
            let setup = try RunSetup(work.config(work: root + "/work", run: root + "/run"))
            try FileManager.default.createDirectory(atPath: root + "/base", withIntermediateDirectories: true)
            try setup.model().save(to: root + "/base")
            try work.writeJoined(to: root + "/joined")
            let joined = try RunSetup(
                work.config(work: root + "/joined", run: root + "/run", ["model=\(root)/base"]))
            #expect(joined.notes.contains { $0.contains("no text and no codec record") })
            let a = ShardCache(setup.source, format: setup.format, capacity: 1)
            let b = ShardCache(joined.source, format: joined.format, capacity: 1)
            for row in 0..<work.rows {
                let (first, second) = (try a.sample(row), try b.sample(row))
                #expect(first == second)
            }
        }
    }

    @Test func `codes or features of other audio name the stage to run again`() throws {
        for (directory, stage) in [("codes", "tokenize"), ("features", "featurize")] {
            let told = try refusal { work in
                let path = "\(work)/\(directory)/stage.json"
                let text = try String(contentsOfFile: path, encoding: .utf8)
                let digest = try #require(StageRecord(directory: "\(work)/\(directory)")?.inputDigest)
                try AtomicFile.write(Array(text.replacing(digest, with: "00000000deadbeef").utf8), to: path)
            }
            #expect(told?.hasPrefix("3: work/\(directory): made from other audio") == true, "\(told ?? "accepted")")
            #expect(told?.hasSuffix("run \(stage) again on this data") == true, "\(told ?? "accepted")")
        }
    }

    @Test func `directories that are not in step are refused`() throws {
        var other = SyntheticWork()
        other.rows = 11
        #expect(
            try refusal { try exchange("codes", in: $0, for: other) }
                == "3: work/codes: 1 samples in shard 2, but samples has 2; run tokenize again on this data")
        other.rows = 10
        #expect(
            try refusal { try exchange("features", in: $0, for: other) }
                == "3: work/features: 2 shards, but samples has 3; run featurize again on this data")
        // The same number of rows, other ids.
        other.rows = 12
        other.firstNumber = 100
        let told = try refusal { try exchange("codes", in: $0, for: other) }
        #expect(
            told
                == "3: work/codes/shard.00000.mds.zstd: sample 0 is 'صف-100', but in samples it is 'صف-0'; "
                + "run tokenize again on this data", "\(told ?? "accepted")")
    }

    @Test func `absent directories and columns are named`() throws {
        #expect(
            try refusal { try FileManager.default.removeItem(atPath: $0 + "/codes") }
                == "2: work/codes: no such directory; run tokenize first")
        #expect(
            try refusal { try FileManager.default.removeItem(atPath: $0 + "/features") }
                == "2: work/features: no such directory; run featurize first")
        #expect(
            try refusal(overrides: ["model.audio_tower="]) {
                try FileManager.default.removeItem(atPath: $0 + "/features")
            } == nil)
        #expect(
            try refusal { try FileManager.default.removeItem(atPath: $0) }
                == "2: work: neither a WORK (no samples/) nor a shard directory (no index.json); check --data-path, "
                + "or run the stages before train")
        let told = try refusal { work in
            try FileManager.default.removeItem(atPath: work + "/codes")
            try FileManager.default.copyItem(atPath: work + "/samples", toPath: work + "/codes")
        }
        #expect(told == "3: work/codes: the shards have no column audio_ids; run tokenize again")
    }

    @Test func `ids and codes beyond the model's are refused with the row`() throws {
        // The codes go to 15, the record says 8.
        let told = try refusal { work in
            let record = work + "/codes/stage.json"
            let text = try String(contentsOfFile: record, encoding: .utf8)
            try AtomicFile.write(
                Array(text.replacing("\"codebook_size\": 16", with: "\"codebook_size\": 8").utf8), to: record)
        }
        #expect(told?.hasPrefix("3: sample 'صف-0': code ") == true, "\(told ?? "accepted")")
    }

    @Test func `a model with other sizes than the records is refused`() throws {
        try withTemporaryDirectory { root in
            let made = SyntheticWork(codebooks: 2)
            try made.write(to: root + "/made")
            let base = try RunSetup(made.config(work: root + "/made", run: root + "/run")).model()
            try FileManager.default.createDirectory(atPath: root + "/base", withIntermediateDirectories: true)
            try base.save(to: root + "/base")
            let work = SyntheticWork()
            try work.write(to: root + "/work")
            let config = try work.config(work: root + "/work", run: root + "/run", ["model=\(root)/base"])
            #expect {
                try RunSetup(config)
            } throws: {
                Failure($0).status == .badData
                    && Failure($0).what == "the number of codebooks is 3, the model's config says 2"
            }
            let weights = try made.config(
                work: root + "/made", run: root + "/run", ["loss.codebook_weights=[1, 1, 1]"])
            #expect {
                try RunSetup(weights)
            } throws: {
                Failure($0).status == .badUsage && Failure($0).what.contains("3 weights, the model has 2 codebooks")
            }
        }
    }

    @Test func `an adapter on a model at random is refused, not ignored`() throws {
        let told = try refusal(overrides: ["lora.r=4"]) { _ in }
        #expect(told?.hasPrefix("2: config: an adapter (lora) needs a checkpoint as its base") == true)
    }

    @Test func `a row over max_batch_tokens is named`() throws {
        try withTemporaryDirectory { root in
            let work = SyntheticWork()
            try work.write(to: root + "/work")
            let setup = try RunSetup(work.config(work: root + "/work", run: root + "/run"))
            let data = try TrainingData(
                setup.source, format: setup.format, validationFraction: 0, validationBy: .auto, workers: 1,
                isQuiet: true)
            let longest = try #require(data.lengths.max())
            try data.check(maxBatchTokens: longest)
            let first = try #require(data.lengths.firstIndex(of: longest))
            #expect {
                try data.check(maxBatchTokens: longest - 1)
            } throws: {
                Failure($0).location == "sample 'صف-\(first)'" && Failure($0).status == .badData
            }
        }
    }
}
