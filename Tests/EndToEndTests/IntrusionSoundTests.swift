import Foundation
import PipelineKit
import TestSupport
import Testing

/// Clips whose headers lie about their length, clips that are small on disk and endless in memory, audio that is none.
@Suite struct IntrusionSoundTests {
    /// A root with these files, and a row for each, in the order of their names.
    private func ingested(_ files: [String: Data], in directory: String) throws -> (
        rows: [JSONValue], outcome: HostileManifest.Outcome
    ) {
        let root = "\(directory)/root"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        for (name, data) in files { try data.write(to: URL(fileURLWithPath: "\(root)/\(name)")) }
        let rows = files.keys.sorted().map(HostileManifest.row(path:))
        return (rows, try HostileManifest.ingestRows(rows, in: directory))
    }

    @Test func `lengths beyond the file are a truncation; those of a pipe's writer are not believed either way`() throws
    {
        try withTemporaryDirectory { directory in
            let claims: [UInt32] = [32_002, 1 << 20, 1 << 30, 0x7FFE_FFFF]
            let files = Dictionary(
                uniqueKeysWithValues: claims.map { ("\($0).wav", HostileManifest.wave(claimedBytes: $0)) })
            let (rows, outcome) = try ingested(files, in: directory)
            try HostileManifest.expect("unreadable_audio", for: rows, outcome)
            #expect(outcome.rejects.contains("the header promises 1073741824 bytes of samples, the file holds 32000"))
        }
        try withTemporaryDirectory { directory in
            // What ffmpeg and sox write where they do not know the length: the file is as long as it is.
            let files = [
                "a.wav": HostileManifest.wave(claimedBytes: .max),
                "b.wav": HostileManifest.wave(claimedBytes: 0x7FFF_F000),
            ]
            let (_, outcome) = try ingested(files, in: directory)
            #expect(outcome.codes == [:])
            for number in 1...2 {
                let clips = try MDSReader(directory: "\(outcome.work)/samples").row(number).json("clips")
                #expect(clips.arrayValue?.first?["frames"] == 16_000)
            }
        }
    }

    @Test func `a FLAC and an AIFF that promise billions of frames`() throws {
        try withTemporaryDirectory { directory in
            var flac = try Data(contentsOf: URL(fileURLWithPath: fixture("audio/clip.flac")))
            // STREAMINFO's 36 bits of total samples: bytes 21 (low half) to 25.
            flac[21] |= 0x0F
            for index in 22...25 { flac[index] = 0xFF }
            var aiff = try Data(contentsOf: URL(fileURLWithPath: fixture("audio/clip.aiff")))
            let sound = try #require(aiff.firstRange(of: Data("SSND".utf8)))
            for (offset, byte) in [UInt8(0x7F), 0xFE, 0xFF, 0xF0].enumerated() {
                aiff[sound.upperBound + offset] = byte
            }
            let (rows, outcome) = try ingested(["a.aiff": aiff, "f.flac": flac], in: directory)
            try HostileManifest.expect("unreadable_audio", for: rows, outcome)
        }
    }

    @Test func `ten minutes of silence in a FLAC of a few kilobytes are left after half a minute`() throws {
        try withTemporaryDirectory { directory in
            let silence = ExactSamples.integers([Int32](repeating: 0, count: 600 * 8_000), bits: 16)
            let bytes = try AudioEncoder.exact(silence, channels: 1, sampleRate: 8_000, source: "silence").bytes
            #expect(bytes.count < 200_000)
            let (rows, outcome) = try ingested(["silence.flac": Data(bytes)], in: directory)
            try HostileManifest.expect("audio_too_long", for: rows, outcome)
        }
    }

    @Test func `embedded audio that is no base64, no audio, or a promise`() throws {
        func row(_ raw: String) -> JSONValue {
            HostileManifest.row([
                HostileManifest.user("hello"),
                ["role": "assistant", "content": [["type": "audio", "raw_audio": .string(raw)]]],
            ])
        }
        let rows = [
            "====", "not base64!", "AAAA", "data:audio/wav;base64,AAAA",
            HostileManifest.wave(claimedBytes: 1 << 30).base64EncodedString(),
            HostileManifest.wave(rate: .max).base64EncodedString(),
            Data(repeating: 0, count: 100_000).base64EncodedString(),
        ].map(row)
        try withTemporaryDirectory { directory in
            try HostileManifest.expect("unreadable_audio", for: rows, HostileManifest.ingestRows(rows, in: directory))
        }
    }

    @Test func `addresses and home folders are file names, and no such file is there`() throws {
        let rows = [
            "http://127.0.0.1:1/x.wav", "https://example.org/x.wav", "file:clip.wav", "~/clip.wav", "$HOME/clip.wav",
            "clip.wav ", "CLIP.WAV", "clip.wav/", "`id`", "$(id)", "*.wav", "|cat",
        ].map(HostileManifest.row(path:))
        try withTemporaryDirectory { directory in
            try HostileManifest.expect("missing_audio", for: rows, HostileManifest.ingestRows(rows, in: directory))
        }
    }

    @Test func `links that lead in circles, and roots that are links`() throws {
        try withTemporaryDirectory { directory in
            let files = FileManager.default
            try files.createDirectory(atPath: "\(directory)/root/sub", withIntermediateDirectories: true)
            try files.createSymbolicLink(atPath: "\(directory)/root/loop.wav", withDestinationPath: "loop.wav")
            try files.createSymbolicLink(atPath: "\(directory)/root/sub/inner.wav", withDestinationPath: "../clip.wav")
            try files.createSymbolicLink(atPath: "\(directory)/way", withDestinationPath: "root")
            // A link within the root, and the way through a linked root, are as good as the file.
            let rows = ["loop.wav", "sub/inner.wav", "\(directory)/way/clip.wav", "sub/../clip.wav", "./clip.wav"]
                .map(HostileManifest.row(path:))
            let outcome = try HostileManifest.ingestRows(rows, in: directory)
            #expect(outcome.codes == [2: "unreadable_audio"], "\(outcome.rejects)")
        }
    }
}
