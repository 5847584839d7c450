import Foundation
import PipelineKit
import TestSupport
import Testing

/// Bad input: one clear sentence, the right exit code, nothing that looks whole.
@Suite struct RefusalTests {
    /// Runs `program` and checks how it refuses.
    private func expectRefusal(
        _ program: BuiltProgram, _ arguments: [String], status: Int32, saying words: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let result = try program.run(arguments)
        #expect(result.status == status, "\(result.errors)", sourceLocation: sourceLocation)
        for word in words {
            #expect(result.errors.contains(word), "\(result.errors)", sourceLocation: sourceLocation)
        }
        #expect(result.output.isEmpty, sourceLocation: sourceLocation)
        #expect(!result.errors.contains("Fatal"), sourceLocation: sourceLocation)
    }

    private func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    @Test func `manifests that cannot be used`() throws {
        try withTemporaryDirectory { directory in
            let work = "\(directory)/work"
            func refuse(_ manifest: String, _ status: Int32, _ word: String, _ more: [String] = []) throws {
                try expectRefusal(
                    ingest, ["--data-path", manifest, "--output", work] + more, status: status, saying: word, manifest)
                #expect(!FileManager.default.fileExists(atPath: "\(work)/audio/index.json"))
                #expect(!FileManager.default.fileExists(atPath: "\(work)/samples/index.json"))
            }
            try refuse("\(directory)/none.json", 2, "no such file")
            try refuse(directory, 2, "is a directory")
            try write("", to: "\(directory)/empty.json")
            try refuse("\(directory)/empty.json", 3, "empty")
            try write("[]", to: "\(directory)/nothing.json")
            try refuse("\(directory)/nothing.json", 3, "holds no rows")
            try write(#"[{"messages": []}, {"messages": 1}]"#, to: "\(directory)/bad.json")
            try refuse("\(directory)/bad.json", 3, "none of 2 rows")
            try write(#"[{"messages": [}]"#, to: "\(directory)/syntax.json")
            try refuse("\(directory)/syntax.json", 3, "line 1: syntax error")
        }
    }

    @Test func `outputs that cannot be written`() throws {
        try withTemporaryDirectory { directory in
            try write("", to: "\(directory)/file")
            try expectRefusal(
                ingest, ["--data-path", exampleManifest, "--output", "\(directory)/file/work"], status: 1,
                saying: "\(directory)/file")
            try expectRefusal(
                featurize, ["--input", "\(ExampleWork.path())/audio", "--output", "/proc/none/features"], status: 1,
                saying: "/proc/none")
        }
    }

    @Test func `inputs that are missing, unfinished or of another kind`() throws {
        try withTemporaryDirectory { directory in
            let output = "\(directory)/out"
            try expectRefusal(
                featurize, ["--input", "\(directory)/none", "--output", output], status: 2, saying: "no such directory",
                "ingest")
            try FileManager.default.createDirectory(
                atPath: "\(directory)/unfinished", withIntermediateDirectories: true)
            try expectRefusal(
                featurize, ["--input", "\(directory)/unfinished", "--output", output], status: 2, saying: "index.json")
            let codes = "\(try ExampleWork.path())/codes"
            try expectRefusal(
                featurize, ["--input", codes, "--output", output], status: 2, saying: "no column 'audio'")
            #expect(!FileManager.default.fileExists(atPath: "\(output)/index.json"))
            try expectRefusal(inspect, ["\(directory)/unfinished"], status: 2, saying: "empty")
        }
    }

    @Test func `command lines that make no sense`() throws {
        try expectRefusal(ingest, [], status: 2, saying: "--data-path")
        try expectRefusal(
            ingest, ["--data-path", "x", "--output", "y", "--shard-size", "many"], status: 2, saying: "shard-size")
        try expectRefusal(
            featurize, ["--input", "x", "--output", "y", "--mel-bins", "100"], status: 2, saying: "80 or 128")
        try expectRefusal(
            featurize, ["--input", "x", "--output", "y", "--workers", "0"], status: 2, saying: "--workers")
        try expectRefusal(
            tokenize, ["encode", "--input", "x", "--output", "y", "--codec", "z", "--compression", "lz4"], status: 2,
            saying: "compression")
        try expectRefusal(inspect, ["x", "--sample", "1", "--verify"], status: 2, saying: "exclude each other")
    }

    @Test func `other options are refused with the difference, unless replaced`() throws {
        try withTemporaryDirectory { directory in
            let work = try ExampleWork.copy(into: directory)
            let before = try contents(of: "\(work)/features")
            let arguments = ["--input", "\(work)/audio", "--output", "\(work)/features", "--mel-bins", "80"]
            try expectRefusal(featurize, arguments, status: 2, saying: "mel_bins: 128 → 80", "--replace")
            #expect(differences(before, try contents(of: "\(work)/features")) == [])
            try featurize.run(arguments + ["--replace"]).expecting(0)
            #expect(
                try MDSReader(directory: "\(work)/features").row(0).array("audio_features", as: Float16.self).shape[0]
                    == 80)
        }
    }

    @Test func `damage is found, named and never trained on`() throws {
        try withTemporaryDirectory { directory in
            let work = try ExampleWork.copy(into: directory)
            let path = "\(work)/audio/shard.00001.mds.zstd"
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            bytes[bytes.count / 2] ^= 0x10
            try bytes.write(to: URL(fileURLWithPath: path))
            let verification = try inspect.run([work, "--verify"]).expecting(3)
            #expect(verification.output.contains("shard.00001.mds.zstd"))
            try expectRefusal(
                featurize, ["--input", "\(work)/audio", "--output", "\(directory)/features"], status: 3,
                saying: "shard.00001.mds.zstd")
            #expect(!FileManager.default.fileExists(atPath: "\(directory)/features/index.json"))
        }
    }

    @Test func `an id or a clip that is not there`() throws {
        let work = try ExampleWork.path()
        let decode = ["decode", "\(work)/codes", "--codec", "\(work)/codec", "--output", "/dev/null/x.wav"]
        try expectRefusal(tokenize, decode + ["--id", "nobody"], status: 2, saying: "nobody")
        try expectRefusal(tokenize, decode + ["--id", "amal-00", "--clip", "9"], status: 2, saying: "9")
        try expectRefusal(inspect, [work, "--id", "no\u{1B}body"], status: 2, saying: "no\\u{1B}body")
        try expectRefusal(inspect, [work, "--sample", "99"], status: 2, saying: "0 to 9")
    }
}
