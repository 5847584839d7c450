// FLAC through libFLAC beside the same through libsndfile: bit for bit, and no damage passed over.

import Foundation
import TestSupport
import Testing

@testable import PipelineKit

@Suite struct FLACFileTests {
    private func flac(_ frames: Int, bits: Int = 16, channels: Int = 1, seed: UInt64 = 5) throws -> [UInt8] {
        try AudioEncoder.flac(
            Signal.integers(frames * channels, bits: bits, seed: seed), bits: bits, channels: channels,
            sampleRate: 44_100, source: "x")
    }

    private func reason(_ bytes: [UInt8], maximumFrames: Int? = nil) -> AudioError.Reason? {
        audioFault { try AudioDecoder(bytes: bytes, source: "x").decodeMono(maximumFrames: maximumFrames) }
    }

    @Test(arguments: [8, 16, 24], [1, 2, 3, 8]) func `the samples are libsndfile's`(bits: Int, channels: Int) throws {
        for frames in [1, 7, 31, 4_096, 4_097, 30_001] {
            let bytes = try flac(frames, bits: bits, channels: channels)
            let decoder = try AudioDecoder(bytes: bytes, source: "x")
            let got = try decoder.decodeMono()
            let interleaved = try AudioDecoder(bytes: bytes, source: "x").decodeInterleaved()
            let expected = (0..<frames).map { frame in
                let all = interleaved[frame * channels..<(frame + 1) * channels]
                return channels == 2 ? (all.first! + all.last!) * 0.5 : all.reduce(0, +) / Float(channels)
            }
            #expect(got == expected, "\(frames) frames of \(channels) channels, \(bits) bits")
            #expect(decoder.position == frames)
        }
    }

    @Test func `it is the way of whole clips`() throws {
        let decoder = try AudioDecoder(bytes: flac(1_000), source: "x")
        let file = VirtualFile(.memory(try flac(1_000)[...]))
        #expect(FLACFile(file, info: decoder.info) != nil)
        let wav = try AudioEncoder.wav(Signal.noise(1_000, seed: 1), channels: 1, sampleRate: 8_000, source: "x")
        #expect(try FLACFile(file, info: AudioDecoder(bytes: wav, source: "x").info) == nil)
    }

    @Test func `a file and a tag before the stream make no difference`() throws {
        let bytes = try flac(20_000, channels: 2)
        let expected = try AudioDecoder(bytes: bytes, source: "x").decodeMono()
        // ID3v2 of 300 bytes.
        let tagged = Array("ID3".utf8) + [4, 0, 0, 0, 0, 2, 44] + [UInt8](repeating: 0, count: 300) + bytes
        #expect(try AudioDecoder(bytes: tagged, source: "x").decodeMono() == expected)
        try withTemporaryDirectory { directory in
            try AtomicFile.write(bytes, to: directory + "/clip.flac")
            let descriptor = open(directory + "/clip.flac", O_RDONLY)
            defer { close(descriptor) }
            #expect(try AudioDecoder(descriptor: descriptor, source: "x").decodeMono() == expected)
            #expect(lseek(descriptor, 0, SEEK_CUR) == 0)
        }
    }

    @Test func `any damaged byte behind the header is found`() throws {
        let bytes = try flac(20_000)
        // Where the first frame begins: behind metadata blocks, the last of which has the high bit set.
        var start = 4
        while true {
            let size = Int(bytes[start + 1]) << 16 | Int(bytes[start + 2]) << 8 | Int(bytes[start + 3])
            let isLast = bytes[start] & 0x80 != 0
            start += 4 + size
            if isLast { break }
        }
        for place in stride(from: start, to: bytes.count, by: 97) {
            var damaged = bytes
            damaged[place] ^= 0x10
            switch reason(damaged) {
            case .damaged, .truncated: break
            case let other: Issue.record("byte \(place) of \(bytes.count): \(String(describing: other))")
            }
        }
    }

    @Test func `fewer or more frames than the header counts are errors`() throws {
        let bytes = try flac(20_000)
        // STREAMINFO's last 36 bits before the MD5 sum: bytes 21 to 25 of the file. 20,000 is 0x4E20.
        #expect(bytes[24] == 0x4E && bytes[25] == 0x20)
        var more = bytes, fewer = bytes
        more[24] = 0x50
        fewer[24] = 0x40
        #expect(reason(more) == .truncated(claimed: 0x5020, got: 20_000, unit: "frames"))
        #expect(reason(fewer) == .damaged(frame: 0x4020, "more frames follow than the header counts"))
        guard case .damaged = reason(bytes + bytes) else {
            Issue.record("a second recording passed: \(String(describing: reason(bytes + bytes)))")
            return
        }
    }

    @Test func `frames of another format are a fault`() throws {
        // The frames of a stereo stream behind the header of a mono one.
        let (mono, stereo) = (try flac(9_000), try flac(9_000, channels: 2))
        let header = 42  // the marker and STREAMINFO
        var mixed = Array(mono[..<header]) + stereo[header...]
        mixed[4] = stereo[4]  // whether it is the last metadata block
        guard case .damaged(_, let words) = reason(mixed) else {
            Issue.record("\(String(describing: reason(mixed)))")
            return
        }
        #expect(words == "a frame of another format")
    }

    @Test func `decoding stops where it is told to`() throws {
        let bytes = try flac(20_000)
        #expect(reason(bytes, maximumFrames: 20_000) == nil)
        #expect(reason(bytes, maximumFrames: 19_999) == .tooLong(limitFrames: 19_999, sampleRate: 44_100))
        #expect(reason(bytes, maximumFrames: 10) == .tooLong(limitFrames: 10, sampleRate: 44_100))
    }
}
