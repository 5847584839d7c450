// What is stored of a clip: whole files untouched, segments without loss.

import Foundation
import PipelineKit
import Testing

@testable import ingest

@Suite struct ClipLoaderTests {
    private func load(
        _ harness: IngestHarness, _ source: ClipRequest.Source, offset: Double? = nil, duration: Double? = nil
    ) throws -> LoadedClip {
        let loader = ClipLoader(
            root: try AudioRoot(directory: harness.directory, isFence: false), minDuration: 0.1, maxDuration: 30)
        return try loader.load(ClipRequest(source: source, offset: offset, duration: duration, isOut: false))
    }

    @Test func `a whole file's bytes stay as they are`() throws {
        try IngestHarness.run { harness in
            let bytes = try harness.writeTone("sub/a.wav", seconds: 1.25, rate: 8_000)
            for clip in [
                try load(harness, .path("sub/a.wav")),
                try load(harness, .path(harness.path("sub/a.wav"))),
                try load(harness, .path("sub/a.wav"), duration: 0.5),  // a note
                try load(harness, .path("sub/a.wav"), offset: 0),
                try load(harness, .base64(Data(bytes).base64EncodedString())),
            ] {
                #expect(clip.bytes == bytes)
                #expect(clip.content.frames == 10_000 && clip.content.sampleRate == 8_000 && clip.content.channels == 1)
                #expect(clip.seconds == 1.25 && clip.content.container == "wav")
            }
        }
    }

    @Test func `a file that comes again is told alike, another of the same size is not`() throws {
        try IngestHarness.run { harness in
            let loader = ClipLoader(
                root: try AudioRoot(directory: harness.directory, isFence: false), minDuration: 0.1, maxDuration: 30)
            func load(_ name: String) throws -> LoadedClip {
                try loader.load(ClipRequest(source: .path(name), isOut: false))
            }
            try harness.write(
                AudioEncoder.wav16([Float](repeating: 0.5, count: 8_000), channels: 1, sampleRate: 8_000, source: "x"),
                "loud.wav")
            try harness.write(
                AudioEncoder.wav16([Float](repeating: 0, count: 8_000), channels: 1, sampleRate: 8_000, source: "x"),
                "silent.wav")
            let first = try load("loud.wav"), second = try load("loud.wav")
            #expect(first.digest == second.digest && first.digest == XXH64.hash(first.bytes))
            #expect(second.content.frames == 8_000 && second.content.peak == 0.5)
            for _ in 0..<2 { #expect(throws: Reject.self) { try load("silent.wav") } }
        }
    }

    @Test func `a segment of integers becomes FLAC with the same samples`() throws {
        try IngestHarness.run { harness in
            let bytes = try harness.writeTone("a.wav", seconds: 2)
            let all = try AudioDecoder(bytes: bytes, source: "a").decodeMono()
            for source in [ClipRequest.Source.path("a.wav"), .base64(Data(bytes).base64EncodedString())] {
                let clip = try load(harness, source, offset: 0.5, duration: 0.75)
                #expect(clip.content.container == "flac" && clip.content.frames == 12_000)
                #expect(try AudioDecoder(bytes: clip.bytes, source: "s").decodeMono() == Array(all[8_000..<20_000]))
                #expect(try load(harness, source, offset: 1.5).content.frames == 8_000)
                #expect(try load(harness, source, offset: 0, duration: 2).content.frames == 32_000)
            }
        }
    }

    @Test func `a segment of floats stays float, above full scale too`() throws {
        try IngestHarness.run { harness in
            let samples = IngestHarness.tone(seconds: 1, amplitude: 1.7)
            try harness.write(AudioEncoder.wav(samples, channels: 2, sampleRate: 8_000, source: "x"), "x.wav")
            let clip = try load(harness, .path("x.wav"), offset: 0.25, duration: 0.5)
            #expect(clip.content.container == "wav" && clip.content.channels == 2 && clip.content.frames == 4_000)
            let got = try AudioDecoder(bytes: clip.bytes, source: "s").decodeInterleaved()
            #expect(got == Array(samples[4_000..<12_000]))
        }
    }
}
