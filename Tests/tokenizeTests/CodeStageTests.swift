import ArgumentParser
import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import Codecs
@testable import tokenize

@Suite struct CodeStageTests {
    private func failure<T>(_ body: () throws -> T) -> Failure? {
        do {
            _ = try body()
            return nil
        } catch {
            return Failure(error)
        }
    }

    @Test func `the codes of all clips lie one after another`() throws {
        let codec = CodecFixture.codec()
        let clips = [
            try CodecFixture.flac(seconds: 1, seed: 1), try CodecFixture.flac(seconds: 0.04, seed: 2),
            try CodecFixture.flac(seconds: 0.5, seed: 3),
        ]
        let output = try CodeStage(codec: codec).process(AudioSample("a", zip([0, 1, 0], clips).map { ($0, $1) }).row)
        let (ids, shape): ([UInt16], [Int]) = try output.array("audio_ids")
        let starts: [Int32] = try output.array("audio_ids_start").values
        #expect(shape == [8, 25 + 1 + 13] && starts == [0, 25, 26])
        #expect(try CodeStage(codec: codec).counts(of: output)["frames"] == 39)
        let expected = try clips.map { codec.encode(try AudioDecoder(bytes: $0, source: "x").decodeMono()) }
        #expect(try CodeColumns.clips(of: output, codec: codec.record) == expected)
        #expect(ids[39 + 26] == expected[2][1, 0])
    }

    @Test func `a sample without clips has one zero code`() throws {
        let output = try CodeStage(codec: CodecFixture.codec()).process(AudioSample("a", []).row)
        #expect(output["audio_ids"] == .array([UInt16](repeating: 0, count: 8), shape: [8, 1]))
        #expect(output["audio_ids_start"] == .array([Int32(0)]))
        #expect(try CodeStage(codec: CodecFixture.codec()).counts(of: output)["clips"] == 0)
    }

    @Test func `the bytes of the output are those of version 4`() throws {
        let clips = [
            try CodecFixture.flac(seconds: 2, seed: 4),
            try CodecFixture.flac(seconds: 1.5, rate: 44_100, channels: 2, seed: 5),
        ]
        let stage = CodeStage(codec: CodecFixture.codec())
        let output = try stage.process(AudioSample("golden", clips.map { (1, $0) }).row)
        let encoded = try MDSConfiguration(columns: stage.columns, compression: .none).encode(output)
        // A change of this digest is a change of what users have on disk: raise CodeStage.outputVersion with it.
        #expect(stage.outputVersion == 4)
        #expect(XXH64.hash(encoded.bytes).hexDigits == "6391e1eb4e9a5ad9")
    }

    @Test func `columns that do not fit the codec are bad data`() throws {
        let record = CodecFixture.codec().record
        func row(_ ids: [UInt16], _ shape: [Int], _ starts: [Int32]) -> MDSRow {
            MDSRow([("audio_ids", .array(ids, shape: shape)), ("audio_ids_start", .array(starts))])
        }
        let ids = [UInt16](repeating: 3, count: 24)
        #expect(try CodeColumns.clips(of: row(ids, [8, 3], [0, 1]), codec: record).map(\.frames) == [1, 2])
        for bad in [
            row(ids, [4, 6], [0]), row(ids, [24], [0]), row(ids, [8, 3], [1]), row(ids, [8, 3], [0, 2, 2]),
            row(ids, [8, 3], [0, 3]), row([UInt16](repeating: 16, count: 8), [8, 1], [0]),
        ] { #expect(throws: MDSError.self) { try CodeColumns.clips(of: bad, codec: record) } }
    }

    // MARK: The commands

    private func run<Command: ParsableCommand>(_ type: Command.Type, _ arguments: [String]) throws {
        var command = try type.parse(arguments)
        try command.run()
    }

    @Test func `fit, encode and decode go together, and the workers do not show`() throws {
        try withTemporaryDirectory { directory in
            let audio = directory + "/audio", codec = directory + "/codec"
            try CodecFixture.writeAudio(audio)
            try run(FitCommand.self, ["--input", audio, "--output", codec, "--quiet"])
            for workers in ["1", "3"] {
                try run(
                    EncodeCommand.self,
                    [
                        "--input", audio, "--output", directory + "/\(workers)", "--codec", codec, "--workers", workers,
                        "--quiet",
                    ])
            }
            let codes = directory + "/1"
            #expect(try directoryContent(codes) == directoryContent(directory + "/3"))
            let recorded = try StageRecord(directory: codes)?.record("codec")
            let record = try CodecRecord(json: #require(recorded), path: "stage.json")
            #expect(try record == openCodec(codec).record)

            let wav = directory + "/x.wav"
            func decode(_ more: String...) throws {
                try run(DecodeCommand.self, [codes, "--codec", codec, "--output", wav, "--quiet"] + more)
            }
            try decode("--id", "row-5", "--clip", "1")
            let decoder = try AudioDecoder(bytes: Array(Data(contentsOf: URL(fileURLWithPath: wav))), source: wav)
            #expect(decoder.info.sampleRate == 24_000 && decoder.info.channels == 1)
            let (frames, peak) = try decoder.survey()
            #expect(frames == 50 * 960 && peak > 0.05)

            let unknown = failure { try decode("--id", "row-55") }
            #expect(unknown?.status == .badUsage && unknown?.remedy?.contains("\"row-5\"") == true)
            let outOfRange = failure { try decode("--id", "row-5", "--clip", "2") }
            #expect(outOfRange?.status == .badUsage && outOfRange?.what.contains("2 clips") == true)
            #expect(failure { try decode("--id", "row-5", "--clip", "-1") } != nil)
        }
    }

    @Test func `codes that another codec made are refused with both digests`() throws {
        try withTemporaryDirectory { directory in
            let audio = directory + "/audio"
            try CodecFixture.writeAudio(audio, count: 2)
            for (name, size) in [("a", "16"), ("b", "17")] {
                try run(
                    FitCommand.self,
                    ["--input", audio, "--output", directory + "/" + name, "--codebook-size", size, "--quiet"])
            }
            func encode(_ codec: String, _ more: String...) throws {
                try run(
                    EncodeCommand.self,
                    ["--input", audio, "--output", directory + "/codes", "--codec", directory + "/" + codec, "--quiet"]
                        + more)
            }
            try encode("a")
            let decode = failure {
                try run(
                    DecodeCommand.self,
                    [
                        directory + "/codes", "--id", "row-0", "--output", directory + "/x.wav", "--codec",
                        directory + "/b",
                    ])
            }
            #expect(decode?.status == .badUsage)
            for codec in ["a", "b"] {
                #expect(decode?.what.contains(try openCodec(directory + "/" + codec).record.digest) == true)
            }
            #expect(access(directory + "/x.wav", F_OK) != 0)
            #expect(failure { try encode("b") }?.status == .badUsage)
            try encode("b", "--replace")
            let record = try StageRecord(directory: directory + "/codes")?.record("codec")
            #expect(record?["codebook_size"]?.intValue == 17)
        }
    }

    @Test func `distances of ids count bytes`() {
        for (a, b, distance) in [
            ("", "", 0), ("abc", "", 3), ("abc", "acb", 2), ("row-1", "row-12", 1), ("é", "e\u{301}", 3),
        ] {
            #expect(editDistance(a, b, limit: 64) == distance)
        }
    }
}
