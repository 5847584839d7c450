import CSndfile
import Foundation
import TestSupport
import Testing

@testable import PipelineKit

@Suite struct AudioDecoderTests {
    let whole = Result { try AudioSegment(offsetSeconds: 0, source: "whole") }

    // MARK: Formats

    @Test(arguments: [8, 16, 20, 24], [1, 2, 7]) func `integers go through FLAC without loss`(
        bits: Int, channels: Int
    ) throws {
        let samples = Signal.integers(channels * 5_001, bits: bits, seed: UInt64(bits))
        let flac = try AudioEncoder.exact(
            .integers(samples, bits: bits), channels: channels, sampleRate: 44_100, source: "x")
        #expect(flac.container == "flac")
        let decoder = try AudioDecoder(bytes: flac.bytes, source: "x")
        #expect(decoder.info.container == "flac")
        #expect(decoder.info.encoding == .integer(bits: bits == 20 ? 24 : bits))
        #expect(decoder.info.channels == channels && decoder.info.sampleRate == 44_100)
        #expect(decoder.info.claimedFrames == 5_001)
        guard case .integers(let got, _) = try decoder.decodeExact(whole.get()) else {
            Issue.record("not integers")
            return
        }
        #expect(got == samples)
    }

    @Test(arguments: [(9, 48_000), (1, 96_001)]) func `integers that FLAC has no room for become exact floats`(
        channels: Int, rate: Int
    ) throws {
        let samples = Signal.integers(channels * 1_000, bits: 24, seed: 3)
        let encoded = try AudioEncoder.exact(
            .integers(samples, bits: 24), channels: channels, sampleRate: rate, source: "x")
        #expect(encoded.container == "wav")
        let decoder = try AudioDecoder(bytes: encoded.bytes, source: "x")
        #expect(decoder.info.encoding == .float && decoder.info.channels == channels)
        #expect(try decoder.decodeInterleaved() == samples.map { Float($0) / 2_147_483_648 })
    }

    @Test func `floats and doubles above full scale come back as they were`() throws {
        let floats = Signal.noise(9_999, amplitude: 3, seed: 5)
        let wav = try AudioEncoder.wav(floats, channels: 3, sampleRate: 16_000, source: "x")
        #expect(try AudioDecoder(bytes: wav, source: "x").decodeInterleaved() == floats)
        let doubles = floats.map { Double($0) * 1.000_000_000_1 }
        let encoded = try AudioEncoder.exact(.doubles(doubles), channels: 3, sampleRate: 16_000, source: "x")
        let decoder = try AudioDecoder(bytes: encoded.bytes, source: "x")
        #expect(decoder.info.encoding == .double)
        #expect(try decoder.decodeExact(whole.get()) == .doubles(doubles))
    }

    @Test func `32-bit integers are kept as doubles, which hold them`() throws {
        let samples = Signal.integers(500, bits: 32, seed: 6)
        let wav = try AudioEncoder.encode(500, SF_FORMAT_WAV | SF_FORMAT_PCM_32, 1, 8_000, "x") { $0.write(samples) }
        let decoder = try AudioDecoder(bytes: wav, source: "x")
        #expect(decoder.info.encoding == .integer(bits: 32))
        #expect(try decoder.decodeExact(whole.get()) == .doubles(samples.map { Double($0) / 2_147_483_648 }))
    }

    @Test func `the same samples give the same bytes at another time of day`() throws {
        let samples = Signal.noise(100, seed: 1)
        let first = try AudioEncoder.wav(samples, channels: 1, sampleRate: 16_000, source: "x")
        Thread.sleep(forTimeInterval: 1.1)  // the PEAK chunk that must not be there counts seconds
        #expect(try AudioEncoder.wav(samples, channels: 1, sampleRate: 16_000, source: "x") == first)
    }

    @Test func `16-bit WAV rounds, clips and silences NaN`() throws {
        let wav = try AudioEncoder.wav16(
            [0.25, 1.5, -1.5, 1.4 / 32_768, -1.6 / 32_768, .nan], channels: 1, sampleRate: 24_000, source: "x")
        guard case .integers(let got, 16) = try AudioDecoder(bytes: wav, source: "x").decodeExact(whole.get()) else {
            Issue.record("not 16-bit integers")
            return
        }
        #expect(got.map { $0 >> 16 } == [8_192, 32_767, -32_768, 1, -2, 0])
    }

    @Test(arguments: [
        ("ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS), ("ogg", SF_FORMAT_OGG | SF_FORMAT_OPUS),
        ("mp3", SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III), ("wav", SF_FORMAT_WAV | SF_FORMAT_ULAW),
        ("wav", SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM), ("aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_24),
        ("au", SF_FORMAT_AU | SF_FORMAT_FLOAT), ("caf", SF_FORMAT_CAF | SF_FORMAT_ALAC_16),
        ("w64", SF_FORMAT_W64 | SF_FORMAT_PCM_16), ("rf64", SF_FORMAT_RF64 | SF_FORMAT_PCM_16),
    ]) func `other formats decode to their end, segments included`(container: String, format: Int) throws {
        let rate = 48_000
        let sine = Signal.sine(440, seconds: 1.5, rate: rate, channels: 2)
        let bytes = try AudioEncoder.encode(sine.count, format, 2, rate, "x") { $0.write(sine) }
        let decoder = try AudioDecoder(bytes: bytes, source: "x")
        #expect(decoder.info.container == container)
        let all = try decoder.decodeInterleaved()
        // MP3 is padded to whole granules on both sides, ADPCM to a block.
        #expect(abs(all.count / 2 - sine.count / 2) <= (container == "mp3" ? 3_000 : 2_048))
        let energy = all.reduce(0) { $0 + Double($1 * $1) } / Double(all.count)
        #expect(abs(energy - 0.125) < 0.01)
        // A segment is what a slice of the whole is, to the sample.
        let segment = try AudioSegment(offsetSeconds: 0.7, durationSeconds: 0.4, source: "x")
        let again = try AudioDecoder(bytes: bytes, source: "x")
        let part = try again.decodeExact(segment)
        let slice = Array(all[33_600 * 2..<52_800 * 2])
        switch part {
        case .integers(let values, _): #expect(values.map { Float($0) / 2_147_483_648 } == slice)
        case .floats(let values): #expect(values == slice)
        case .doubles: Issue.record("no doubles here")
        }
    }

    @Test func `Vorbis above full scale is not clipped`() throws {
        let loud = Signal.sine(300, seconds: 1, rate: 44_100, amplitude: 1.4)
        let bytes = try AudioEncoder.encode(loud.count, SF_FORMAT_OGG | SF_FORMAT_VORBIS, 1, 44_100, "x") {
            $0.write(loud)
        }
        #expect(try AudioDecoder(bytes: bytes, source: "x").survey().peak > 1.3)
    }

    // MARK: Channels, peak, bounds

    @Test func `channels are averaged and the peak is the average's`() throws {
        let left: [Float] = [0.5, -0.25, 1], right: [Float] = [-0.5, 0.75, 0.5]
        let wav = try AudioEncoder.wav(
            zip(left, right).flatMap { [$0, $1] }, channels: 2, sampleRate: 8_000, source: "x")
        #expect(try AudioDecoder(bytes: wav, source: "x").decodeMono() == [0, 0.25, 0.75])
        let survey = try AudioDecoder(bytes: wav, source: "x").survey()
        #expect(survey.frames == 3 && survey.peak == 0.75)
    }

    @Test func `decoding stops one frame past the bound`() throws {
        let wav = try AudioEncoder.wav(Signal.noise(16_000, seed: 2), channels: 1, sampleRate: 8_000, source: "x")
        #expect(try AudioDecoder(bytes: wav, source: "x").survey(maximumFrames: 16_000).frames == 16_000)
        let decoder = try AudioDecoder(bytes: wav, source: "x")
        #expect(
            audioFault { try decoder.decodeMono(maximumFrames: 15_999) }
                == .tooLong(limitFrames: 15_999, sampleRate: 8_000))
        #expect(decoder.position == 16_000)
    }

    @Test func `segments are rounded half up and may overrun by what manifests round away`() throws {
        let samples = Signal.noise(8_000, seed: 2)
        let wav = try AudioEncoder.wav(samples, channels: 1, sampleRate: 8_000, source: "x")
        func cut(_ offset: Double, _ duration: Double?) throws -> [Float] {
            let segment = try AudioSegment(offsetSeconds: offset, durationSeconds: duration, source: "x")
            guard case .floats(let part) = try AudioDecoder(bytes: wav, source: "x").decodeExact(segment) else {
                return []
            }
            return part
        }
        #expect(try cut(0, nil) == samples)
        #expect(try cut(0.5 / 8_000, 2.5 / 8_000) == Array(samples[1..<4]))
        #expect(try cut(0.9, nil) == Array(samples[7_200...]))
        #expect(try cut(0.9, 0.125) == Array(samples[7_200...]))
        #expect(
            audioFault { try cut(0.9, 0.126) }
                == .segmentOutOfRange(startFrame: 7_200, frames: 1_008, clipFrames: 8_000))
        #expect(audioFault { try cut(1, nil) } == .segmentOutOfRange(startFrame: 8_000, frames: nil, clipFrames: 8_000))
        #expect(
            audioFault { try cut(5, 1) } == .segmentOutOfRange(startFrame: 40_000, frames: 8_000, clipFrames: 8_000))
        for (offset, duration) in [(-1, 1), (0, 0), (.nan, 1), (0, .infinity), (1e300, nil)] as [(Double, Double?)] {
            guard case .invalidSegment = audioFault({ try cut(offset, duration) }) else {
                Issue.record("offset \(offset), duration \(String(describing: duration)) passed")
                continue
            }
        }
        let segment = try AudioSegment(offsetSeconds: 0, durationSeconds: 0.5, source: "x")
        #expect(
            audioFault { try AudioDecoder(bytes: wav, source: "x").decodeExact(segment, maximumFrames: 3_999) }
                == .tooLong(limitFrames: 3_999, sampleRate: 8_000))
    }

    @Test func `random FLAC segments equal slices of the whole`() throws {
        let samples = Signal.integers(2 * 60_000, bits: 16, seed: 11)
        let flac = try AudioEncoder.flac(samples, bits: 16, channels: 2, sampleRate: 1_000, source: "x")
        var generator = SeededGenerator(12)
        for _ in 0..<40 {
            let start = Int.random(in: 0..<60_000, using: &generator)
            let count = Int.random(in: 1...(60_000 - start), using: &generator)
            let segment = try AudioSegment(
                offsetSeconds: Double(start) / 1_000, durationSeconds: Double(count) / 1_000, source: "x")
            let part = try AudioDecoder(bytes: flac, source: "x").decodeExact(segment)
            #expect(part == .integers(Array(samples[2 * start..<2 * (start + count)]), bits: 16), "\(start) + \(count)")
        }
    }

    // MARK: Bad clips

    @Test func `what is no audio is unreadable, and says so alike every time`() throws {
        let junk = Array("this is a text file, not a clip, whatever its name may say".utf8)
        guard case .unreadable(let words) = audioFault({ try AudioDecoder(bytes: junk, source: "x") }) else {
            Issue.record("junk was opened")
            return
        }
        #expect(!words.isEmpty && !words.contains("No Error"))
        DispatchQueue.concurrentPerform(iterations: 64) { index in
            let mine = index % 2 == 0 ? junk : Array("RIFF".utf8) + [9, 0, 0, 0] + Array("WAVEfmt ".utf8)
            let got = audioFault { try AudioDecoder(bytes: mine, source: "x") }
            if index % 2 == 0 { #expect(got == .unreadable(words)) } else { #expect(got != nil) }
        }
        #expect(audioFault { try AudioDecoder(bytes: [UInt8](), source: "x") } != nil)
    }

    @Test(arguments: [SF_FORMAT_WAV, SF_FORMAT_AIFF, SF_FORMAT_FLAC]) func `a clip that was cut off is found out`(
        container: Int
    ) throws {
        let samples = Signal.integers(40_000, bits: 16, seed: 8)
        let bytes = try AudioEncoder.encode(40_000, container | SF_FORMAT_PCM_16, 1, 16_000, "x") { $0.write(samples) }
        let cut = bytes[..<(bytes.count * 2 / 3)]
        switch audioFault({ try AudioDecoder(bytes: cut, source: "x").survey() }) {
        case .truncated, .damaged: break
        case let other: Issue.record("a truncated clip gave \(String(describing: other))")
        }
        #expect(try AudioDecoder(bytes: bytes, source: "x").survey().frames == 40_000)
    }

    @Test(arguments: [
        SF_FORMAT_OGG | SF_FORMAT_VORBIS, SF_FORMAT_OGG | SF_FORMAT_OPUS, SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III,
    ]) func `a lossy clip that was cut off is found out`(format: Int) throws {
        let noise = Signal.noise(48_000 * 4, seed: 3)
        let bytes = try AudioEncoder.encode(noise.count, format, 1, 48_000, "x") { $0.write(noise) }
        #expect(throws: Never.self) { try AudioDecoder(bytes: bytes, source: "x").survey() }
        for part in [0.9, 0.66, 0.3] {
            let cut = bytes[..<Int(Double(bytes.count) * part)]
            switch audioFault({ try AudioDecoder(bytes: cut, source: "x").survey() }) {
            case .truncated, .damaged, .unreadable, .empty: break
            case let other: Issue.record("\(part) of a clip gave \(String(describing: other))")
            }
        }
    }

    @Test(arguments: [0x7FFF_F000, 0xFFFF_FFFF] as [UInt32]) func `a WAV from a pipe is as long as it is`(
        size: UInt32
    ) throws {
        let samples = Signal.integers(1_000, bits: 16, seed: 8)
        var bytes = try AudioEncoder.encode(1_000, SF_FORMAT_WAV | SF_FORMAT_PCM_16, 1, 16_000, "x") {
            $0.write(samples)
        }
        bytes.replaceSubrange(40..<44, with: withUnsafeBytes(of: size.littleEndian, Array.init))
        #expect(try AudioDecoder(bytes: bytes, source: "x").survey().frames == 1_000)
    }

    @Test func `a damaged FLAC is an error, not silence`() throws {
        let samples = Signal.integers(100_000, bits: 16, seed: 8)
        var bytes = try AudioEncoder.flac(samples, bits: 16, channels: 1, sampleRate: 16_000, source: "x")
        for index in bytes.count / 2..<bytes.count / 2 + 3_000 { bytes[index] = UInt8(truncatingIfNeeded: index &* 31) }
        #expect(audioFault { try AudioDecoder(bytes: bytes, source: "x").survey() } != nil)
    }

    @Test func `NaN and infinity are found in their frame`() throws {
        for bad in [Float.nan, .infinity, -.infinity] {
            var samples = Signal.noise(40_000, seed: 4)
            samples[33_333] = bad
            let wav = try AudioEncoder.wav(samples, channels: 2, sampleRate: 16_000, source: "x")
            #expect(audioFault { try AudioDecoder(bytes: wav, source: "x").survey() } == .nonFinite(frame: 16_666))
            let double = try AudioEncoder.exact(
                .doubles(samples.map(Double.init)), channels: 2, sampleRate: 16_000, source: "x")
            #expect(
                audioFault { try AudioDecoder(bytes: double.bytes, source: "x").decodeExact(whole.get()) }
                    == .nonFinite(frame: 16_666))
        }
    }

    @Test func `rates and channels out of bounds are refused`() throws {
        func wav(_ channels: Int, _ rate: Int) throws -> [UInt8] {
            try AudioEncoder.wav(
                [Float](repeating: 0, count: channels * 10), channels: channels, sampleRate: rate, source: "x")
        }
        #expect(throws: Never.self) { try AudioDecoder(bytes: wav(64, 384_000), source: "x") }
        #expect(audioFault { try AudioDecoder(bytes: wav(65, 8_000), source: "x") } == .channelsOutOfRange(65))
        #expect(audioFault { try AudioDecoder(bytes: wav(1, 999), source: "x") } == .sampleRateOutOfRange(999))
        #expect(audioFault { try AudioDecoder(bytes: wav(1, 384_001), source: "x") } == .sampleRateOutOfRange(384_001))
    }

    @Test func `a header without samples is empty`() throws {
        let bytes = try AudioEncoder.encode(1, SF_FORMAT_WAV | SF_FORMAT_PCM_16, 1, 16_000, "x") {
            $0.write([Int16(1)])
        }
        var header = Array(bytes[..<44])
        header.replaceSubrange(40..<44, with: [0, 0, 0, 0])
        #expect(audioFault { try AudioDecoder(bytes: header, source: "x").survey() } == .empty)
    }

    // MARK: Descriptors

    @Test func `a descriptor is read from its start and left where it was`() throws {
        try withTemporaryDirectory { directory in
            let samples = Signal.noise(30_000, seed: 7)
            let path = directory + "/clip.wav"
            try AtomicFile.write(AudioEncoder.wav(samples, channels: 1, sampleRate: 16_000, source: path), to: path)
            let descriptor = open(path, O_RDONLY)
            defer { close(descriptor) }
            lseek(descriptor, 1_000, SEEK_SET)
            #expect(try AudioDecoder(descriptor: descriptor, source: path).decodeMono() == samples)
            #expect(lseek(descriptor, 0, SEEK_CUR) == 1_000)
        }
    }

    @Test func `only regular files are decoded`() throws {
        try withTemporaryDirectory { directory in
            let fifo = directory + "/fifo"
            #expect(mkfifo(fifo, 0o600) == 0)
            for path in [directory, fifo, "/dev/zero"] {
                let descriptor = open(path, O_RDONLY | O_NONBLOCK)
                defer { close(descriptor) }
                #expect(audioFault { try AudioDecoder(descriptor: descriptor, source: path) } == .notRegularFile)
            }
        }
    }
}
