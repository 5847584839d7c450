import Foundation
import PipelineKit
import TestSupport
import Testing

/// Looking into shards by text, from samples to the manifest and back, and what differs: by the real program.
@Suite struct LookingInsideTests {
    private func json(_ arguments: [String], status: Int32 = 0) throws -> JSONValue {
        try JSONValue(parsing: try inspect.run(arguments + ["--json"]).expecting(status).output)
    }

    /// The texts of the example's rows, message by message.
    private func manifestTexts() throws -> [[(role: String, text: String)]] {
        let rows = try #require(try JSONValue(contentsOfFile: exampleManifest).arrayValue)
        return rows.prefix(ExampleWork.rows).map { row in
            (row["messages"]?.arrayValue ?? []).flatMap { message in
                let content = message["content"] ?? .null
                return (content.arrayValue ?? [content]).compactMap { item -> (role: String, text: String)? in
                    guard let text = item.stringValue ?? item["text"]?.stringValue else { return nil }
                    return (message["role"]?.stringValue ?? "", text)
                }
            }
        }
    }

    @Test func `grep finds what the manifest holds, and nothing else`() throws {
        let work = try ExampleWork.path()
        let texts = try manifestTexts()
        for (pattern, role) in [("صباح", nil), ("ال", "assistant"), ("Speak", nil), ("\u{64E}", nil)]
            as [(String, String?)]
        {
            let expected = texts.enumerated().flatMap { number, row in
                row.filter { role == nil || $0.role == role }.compactMap { said -> Int? in
                    let bytes = Array(said.text.utf8), wanted = Array(pattern.utf8)
                    let isThere = (0...max(0, bytes.count - wanted.count)).contains {
                        bytes[$0...].starts(with: wanted)
                    }
                    return isThere ? number : nil
                }
            }
            let flags = ["grep", pattern, work] + (role.map { ["--role", $0] } ?? [])
            let found = try json(flags, status: expected.isEmpty ? 1 : 0)
            #expect(found["count"] == .int(expected.count), "\(pattern)")
            #expect(found["matches"]?.arrayValue?.compactMap { $0["sample"]?.intValue } == expected)
        }
        let speaker = try json(["grep", "", work, "--speaker", "omar"])
        #expect(speaker["matches"]?.arrayValue?.allSatisfy { $0["speaker"] == "omar" } == true)
        try inspect.run(["grep", "nobody says this", work]).expecting(1)
        try inspect.run(["grep", "x", "\(work)/codes"]).expecting(2)
        try inspect.run(["grep", "x", work, "--role", "narrator"]).expecting(2)
        let lines = try inspect.run(["grep", "ال", work, "--limit", "3"]).expecting(0).output
        #expect(lines.split(separator: "\n").count == 3 && lines.contains("⟦ال⟧"))
    }

    @Test func `tokens explains every id of a sample`() throws {
        let work = try ExampleWork.path()
        let samples = try MDSReader(directory: "\(work)/samples"), codes = try MDSReader(directory: "\(work)/codes")
        for number in 0..<ExampleWork.rows {
            let report = try json(["tokens", work, "--sample", "\(number)"])
            let ids = try samples.row(number).array("input_ids", as: Int32.self).values
            let labels = try samples.row(number).array("label_ids", as: Int32.self).values
            let tokens = try #require(report["tokens"]?.arrayValue)
            #expect(report["sound"] == true && tokens.compactMap { $0["id"]?.intValue } == ids.map { Int($0) })
            #expect(tokens.map { $0["learnt"] != "no" } == labels.map { $0 != ignoredLabel })
            let shape = try codes.row(number).array("audio_ids", as: UInt16.self).shape
            let clips = tokens.filter { $0["part"] == "placeholder" }
            #expect(clips.reduce(0) { $0 + ($1["frames"]?.intValue ?? 0) } == shape[1])
            let merged = ids.count + shape[1] + clips.count * (2 + shape[0] - 1 - 1)
            #expect(report["positions_without_tower"] == .int(merged))
        }
        let table = try inspect.run(["tokens", work, "--id", "amal-00"]).expecting(0).output
        #expect(
            table.contains("a reference is heard, not learnt") && table.contains("target: the codes are, the id is not")
        )
        try inspect.run(["tokens", work]).expecting(2)
        try inspect.run(["tokens", work, "--sample", "99"]).expecting(2)
    }

    @Test func `where leads from samples to rows and back, rejected rows included`() throws {
        try withTemporaryDirectory { directory in
            let clip = "\(repository)/examples/arabic-mini/audio/amal-00.flac"
            func row(_ id: String) -> String {
                let json: JSONValue = [
                    "id": .string(id),
                    "messages": [
                        ["role": "user", "content": "قل"],
                        [
                            "role": "assistant",
                            "content": [
                                ["type": "text", "text": "نعم"], ["type": "audio", "audio_url": .string(clip)],
                            ],
                        ],
                    ],
                ]
                return json.pythonDump()
            }
            // Lines 1, 2, 4, 5 and 7 hold rows; the third of them is none.
            let lines = [row("one"), row("two"), "", "broken", row("four"), "", row("five")]
            let manifest = "\(directory)/rows.jsonl", work = "\(directory)/work"
            try Data(lines.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: manifest))
            try ingest.run(["--data-path", manifest, "--output", work, "--shard-size", "100KiB"]).expecting(0)
            #expect(try MDSReader(directory: "\(work)/samples").shards.count > 1)
            let expected = [("one", 1, 1), ("two", 2, 2), ("four", 4, 5), ("five", 5, 7)]
            for (sample, (id, row, line)) in expected.enumerated() {
                let places = [["--sample", "\(sample)"], ["--id", id], ["--row", "\(row)"], ["--line", "\(line)"]]
                for place in places {
                    let found = try json(["where", work] + place)
                    #expect(found["sample"] == .int(sample) && found["id"] == .string(id), "\(place)")
                    #expect(found["row"] == .int(row) && found["line"] == .int(line), "\(place)")
                }
            }
            for place in [["--row", "3"], ["--line", "4"]] {
                #expect(try json(["where", work] + place)["code"] == "invalid_json")
            }
            for place in [["--row", "6"], ["--line", "3"], ["--sample", "4"], ["--row", "0"], []] {
                try inspect.run(["where", work] + place).expecting(2)
            }
        }
    }

    @Test func `a lost index comes back byte for byte`() throws {
        try withTemporaryDirectory { directory in
            let work = try ExampleWork.copy(into: directory)
            let before = try contents(of: work)
            for name in ["samples", "audio", "features", "codes"] {
                try FileManager.default.removeItem(atPath: "\(work)/\(name)/index.json")
                try inspect.run(["repair", "\(work)/\(name)", "--check"]).expecting(0)
                #expect(!FileManager.default.fileExists(atPath: "\(work)/\(name)/index.json"))
                try inspect.run(["repair", "\(work)/\(name)"]).expecting(0)
                #expect(differences(before, try contents(of: work)) == [])
            }
            for name in ["samples", "codes"] {
                try FileManager.default.removeItem(atPath: "\(work)/\(name)/index.json")
            }
            #expect(try json(["repair", work])["directories"]?.arrayValue?.count == 2)
            #expect(differences(before, try contents(of: work)) == [])
            try inspect.run([work, "--verify"]).expecting(0)
        }
    }

    @Test func `what is not whole is never made to look whole`() throws {
        try withTemporaryDirectory { directory in
            let work = try ExampleWork.copy(into: directory)
            let files = FileManager.default
            let count = try MDSReader(directory: "\(work)/codes").shards.count
            let last = String(format: "shard.%05d", count - 1)
            func expectRefusal(_ name: String, _ word: String, _ damage: (String) throws -> Void) throws {
                let copy = "\(directory)/damaged"
                try? files.removeItem(atPath: copy)
                try files.copyItem(atPath: work, toPath: copy)
                let part = "\(copy)/\(name)"
                try files.removeItem(atPath: "\(part)/index.json")
                try damage(part)
                let result = try inspect.run(["repair", part]).expecting(3)
                #expect(result.errors.contains(word), "\(word): \(result.errors)")
                #expect(!files.fileExists(atPath: "\(part)/index.json"))
            }
            try expectRefusal("codes", "has not finished") { try files.removeItem(atPath: "\($0)/stage.json") }
            try expectRefusal("codes", "stage.json says") {
                try files.removeItem(atPath: "\($0)/\(last).json")
                try files.removeItem(atPath: "\($0)/\(last).mds.zstd")
            }
            try expectRefusal("samples", "has no sidecar") { try files.removeItem(atPath: "\($0)/\(last).json") }
            try expectRefusal("features", "missing") { try files.removeItem(atPath: "\($0)/shard.00000.mds.zstd") }
            try expectRefusal("audio", "shard.00001.mds.zstd") { part in
                let path = "\(part)/shard.00001.mds.zstd"
                var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
                bytes[bytes.count / 2] ^= 1
                try bytes.write(to: URL(fileURLWithPath: path))
            }
            try expectRefusal("audio", "belongs to none") { part in
                try Data().write(to: URL(fileURLWithPath: "\(part)/shard.00077.mds.zstd.tmp"))
            }
            try expectRefusal("codes", "the sidecar of another shard") { part in
                try files.removeItem(atPath: "\(part)/shard.00001.json")
                try files.copyItem(atPath: "\(part)/shard.00000.json", toPath: "\(part)/shard.00001.json")
            }
            // A shard and its sidecar from a run with other options, which counts alike.
            let other = "\(directory)/other"
            try featurize.run(["--input", "\(work)/audio", "--output", other, "--mel-bins", "80"]).expecting(0)
            try expectRefusal("features", "has the key") { part in
                for name in ["shard.00000.json", "shard.00000.mds.zstd"] {
                    try files.removeItem(atPath: "\(part)/\(name)")
                    try files.copyItem(atPath: "\(other)/\(name)", toPath: "\(part)/\(name)")
                }
            }
            // An index that is there and wrong is not ours to overwrite.
            try Data("{}".utf8).write(to: URL(fileURLWithPath: "\(work)/codes/index.json"))
            try inspect.run(["repair", "\(work)/codes"]).expecting(3)
            #expect(try Data(contentsOf: URL(fileURLWithPath: "\(work)/codes/index.json")) == Data("{}".utf8))
        }
    }

    @Test func `diff ends with 0 where all is equal and with 1 where something is not`() throws {
        try withTemporaryDirectory { directory in
            let work = try ExampleWork.copy(into: directory), original = try ExampleWork.path()
            #expect(try json(["diff", original, work])["equal"] == true)
            let other = "\(directory)/other"
            try ingest.run(ExampleWork.ingestFlags + ["--output", other, "--normalize", "digits=ascii,harakat=strip"])
                .expecting(0)
            let result = try inspect.run(["diff", original, other]).expecting(1)
            #expect(result.output.contains(#"text.normalization: none → "harakat=strip,digits=ascii""#))
            #expect(result.output.contains("= audio: rows") && result.output.contains("input_ids: "))
            #expect(result.output.contains("codes\n    finished only in"))
            try inspect.run(["diff", "\(work)/codes", "\(work)/features"]).expecting(1)
            try inspect.run(["diff", work, "\(work)/codes"]).expecting(2)
            try inspect.run(["diff", work]).expecting(2)
        }
    }

    @Test func `the report on the texts is printed and kept`() throws {
        try withTemporaryDirectory { directory in
            let work = "\(directory)/work"
            let flags = ExampleWork.ingestFlags + ["--output", work, "--normalize", "arabic", "--json"]
            let result = try ingest.run(flags).expecting(0)
            #expect(result.errors.contains("ids a second of target audio"))
            #expect(result.errors.contains("normalized by presentation-forms,zero-width,tatweel,nfc"))
            let summary = try JSONValue(parsing: result.output)["text"]
            #expect(try JSONValue(contentsOfFile: "\(work)/samples/stage.json")["counts"]?["text"] == summary)
            #expect(try json([work])["text"] == summary)
            for place in [work, "\(work)/samples"] {
                #expect(try inspect.run([place]).expecting(0).output.contains("ids a second of target audio"))
            }
            // The same flags without a rule are another data set.
            let refusal = try ingest.run(ExampleWork.ingestFlags + ["--output", work]).expecting(2)
            #expect(refusal.errors.contains("text.normalization"))
            let unknown = try ingest.run(ExampleWork.ingestFlags + ["--output", work, "--normalize", "nfcc"])
            #expect(unknown.status == 2 && unknown.errors.contains("nfcc") && unknown.errors.contains("tatweel"))
        }
    }
}
