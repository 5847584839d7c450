// A small mutation run, and the proof that a run sees what it looks for. The whole run is `make -f pipeline.mk mutate`.

import Foundation
import TestSupport
import Testing

private let mutate = BuiltProgram("mutate")

/// A row of the table: how often each verdict was reached.
private func verdicts(of format: String, in table: String) -> [Int]? {
    table.split(separator: "\n").first { $0.hasPrefix(format + " ") }
        .map { $0.dropFirst(format.count).split(separator: " ").map { Int($0) ?? 0 } }
}

@Suite struct MutationTests {
    @Test func `a crash, a hang, a memory hog, changed content and bad sentences are seen and told apart`() throws {
        let result = try mutate.run(
            ["--self-test", "--mutants", "8", "--seed", "1", "--seconds", "2", "--project", repository]
        ).expecting(1)
        // mutants, refused, same, changed, crashes, hangs, memory, broken
        for (format, place) in [
            ("crashes", 4), ("hangs", 5), ("takes memory", 6), ("lets changed content in", 3), ("says no place", 7),
            ("moves the cursor", 7), ("takes the blame", 7), ("refuses", 1),
        ] {
            var expected = [1, 0, 0, 0, 0, 0, 0, 0]
            expected[place] = 1
            #expect(verdicts(of: format, in: result.output) == expected, "\(format): \(result.output)")
        }
        #expect(result.errors.contains("7 mutants got in"))
    }

    @Test func `nothing is let in by readers of shards, records, texts, clips and tensors`() throws {
        let words = [
            "MDS shard", "index.json", "record", "tokenizer.json", "stream", "WAV", "FLAC", "Ogg", "safetensors",
        ]
        let arguments = ["--mutants", "700", "--seed", "11", "--project", repository]
        let result = try mutate.run(arguments + words.flatMap { ["--formats", $0] }).expecting(0)
        let all = try #require(verdicts(of: "all", in: result.output))
        #expect(all[0] >= 700 && all[1] > 400 && all[4...] == [0, 0, 0, 0], "\(result.output)")
    }

    @Test func `a mutant is what its format, number and seed say, and no other`() throws {
        try withTemporaryDirectory { directory in
            func mutant(_ number: Int, _ seed: Int) throws -> Data {
                let path = "\(directory)/mutant"
                try mutate.run(
                    ["show", "FLAC", "\(number)", "--seed", "\(seed)", "--output", path, "--project", repository]
                ).expecting(0)
                return try Data(contentsOf: URL(fileURLWithPath: path))
            }
            let one = try mutant(3, 5)
            #expect(try one == mutant(3, 5))
            #expect(try one != mutant(4, 5))
            #expect(try one != mutant(3, 6))
            #expect(try one != Data(contentsOf: URL(fileURLWithPath: fixture("audio/clip.flac"))))
        }
    }
}
