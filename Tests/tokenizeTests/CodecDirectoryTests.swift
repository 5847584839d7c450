import ArgumentParser
import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import Codecs
@testable import tokenize

@Suite struct CodecDirectoryTests {
    private func failure<T>(_ body: () throws -> T) -> Failure? {
        do {
            _ = try body()
            return nil
        } catch {
            return Failure(error)
        }
    }

    private func fit(_ directory: String, _ arguments: String...) throws {
        let command = try FitCommand.parse(
            ["--input", directory + "/audio", "--output", directory + "/codec", "--quiet"] + arguments)
        try command.run()
    }

    @Test func `a codec comes back from its directory`() throws {
        try withTemporaryDirectory { directory in
            try CodecFixture.writeAudio(directory + "/audio")
            try fit(directory)
            let codec = try openCodec(directory + "/codec")
            #expect(codec.record.name == "mel_rvq" && codec.codebooks == 8 && codec.codebookSize == 16)
            #expect(codec.sampleRate == 24_000 && codec.frameRate == 25 && codec.record.digest.count == 16)
            let samples = CodecFixture.samples(seconds: 1, seed: 4)
            let again = try openCodec(directory + "/codec")
            #expect(try again.record == codec.record && again.encode(samples) == codec.encode(samples))
            let config = try codecConfig(directory + "/codec/config.json")
            let distances = config["lost"]?["mel_distance_db"]?.arrayValue?.compactMap(\.doubleValue) ?? []
            #expect(distances.count == 8 && zip(distances, distances.dropFirst()).allSatisfy(>=))
            #expect(fitTable(codec.record, config["lost"] ?? .null).contains("8 codebooks of 16 codewords"))
        }
    }

    @Test func `the same fit again changes nothing, another one needs --replace`() throws {
        try withTemporaryDirectory { directory in
            try CodecFixture.writeAudio(directory + "/audio")
            try fit(directory, "--workers", "1")
            let first = try directoryContent(directory + "/codec")
            #expect(Set(first.keys) == ["config.json", "model.safetensors"])
            try fit(directory, "--workers", "3")
            #expect(try directoryContent(directory + "/codec") == first)
            let refused = failure { try fit(directory, "--codebook-size", "32") }
            #expect(refused?.status == .badUsage && refused?.remedy?.contains("--replace") == true)
            #expect(try directoryContent(directory + "/codec") == first)
            try fit(directory, "--codebook-size", "32", "--replace")
            #expect(try openCodec(directory + "/codec").codebookSize == 32)
            try fit(directory, "--replace", "--workers", "2")
            #expect(try directoryContent(directory + "/codec") == first)
        }
    }

    @Test func `a damaged codec is noticed and a killed fit is finished`() throws {
        try withTemporaryDirectory { directory in
            try CodecFixture.writeAudio(directory + "/audio")
            try fit(directory)
            let codec = directory + "/codec"
            let whole = try directoryContent(codec)
            let model = whole["model.safetensors"] ?? []
            // Killed between model and config: the same command goes on, another one needs a word for it.
            try FileManager.default.removeItem(atPath: codec + "/config.json")
            #expect(failure { try openCodec(codec) }?.status == .badUsage)
            #expect(failure { try fit(directory, "--codebook-size", "32") }?.remedy?.contains("--replace") == true)
            try fit(directory)
            #expect(try directoryContent(codec) == whole)
            // Without a word on whose the model is, nothing is touched.
            try FileManager.default.removeItem(atPath: codec + "/config.json")
            try FileManager.default.removeItem(atPath: codec + "/.fit.json")
            #expect(failure { try fit(directory) }?.what.contains("model.safetensors without config.json") == true)
            try fit(directory, "--replace")
            #expect(try directoryContent(codec) == whole)
            try AtomicFile.write(model.dropLast(4), to: codec + "/model.safetensors")
            #expect(failure { try openCodec(codec) }?.status == .badData)
            var bad = model
            bad.replaceSubrange(bad.count - 4..<bad.count, with: [0, 0, 0xC0, 0x7F])  // NaN
            try AtomicFile.write(bad, to: codec + "/model.safetensors")
            #expect(failure { try openCodec(codec) }?.what.contains("NaN") == true)
            // A no-op would leave it damaged.
            #expect(failure { try fit(directory) }?.status == .badUsage)
            try fit(directory, "--replace")
            #expect(try directoryContent(codec) == whole)
            try FileManager.default.removeItem(atPath: codec + "/model.safetensors")
            #expect(failure { try openCodec(codec) }?.what.contains("no model.safetensors") == true)
        }
    }

    @Test func `codecs that are none or of an unknown kind are refused by name and never replaced`() throws {
        try withTemporaryDirectory { directory in
            #expect(failure { try openCodec(directory + "/none") }?.what == "no such codec directory")
            #expect(failure { try openCodec(directory) }?.what.contains("no config.json") == true)
            try CodecFixture.writeAudio(directory + "/audio")
            let codec = directory + "/codec"
            try FileManager.default.createDirectory(atPath: codec, withIntermediateDirectories: true)
            for (config, status) in [
                (#"{"model_type": "hubert"}"#, ExitStatus.badUsage), ("{}", .badUsage), ("[1]", .badData),
                ("{", .badData),
            ] {
                try AtomicFile.write(config.utf8, to: codec + "/config.json")
                #expect(failure { try openCodec(codec) }?.status == status, "\(config)")
                #expect(failure { try fit(directory, "--replace") }?.status == status)
                #expect(try directoryContent(codec)["config.json"] == Array(config.utf8))
            }
        }
    }

    @Test func `audio that is unfinished, foreign or empty is refused`() throws {
        try withTemporaryDirectory { directory in
            let audio = directory + "/audio"
            #expect(failure { try fit(directory) }?.status == .badUsage)
            try CodecFixture.writeAudio(audio)
            try FileManager.default.removeItem(atPath: audio + "/index.json")
            #expect(failure { try fit(directory) }?.status == .badUsage)
            try writeAudioDirectory(audio, [])
            #expect(failure { try fit(directory) }?.status == .badData)
            #expect(throws: (any Error).self) {
                try FitCommand.parse(["--input", "a", "--output", "b", "--codebook-size", "1"])
            }
        }
    }
}
