// MP3 files with damaged frames or more of them than are decoded: what libsndfile passes over in silence must be an error
// here. Streams that it does not encode are made by hand, of headers and zeros.

import CSndfile
import Foundation
import TestSupport
import Testing

@testable import PipelineKit

@Suite struct MPEGFramesTests {
    // MARK: What whole files look like

    @Test(arguments: [(1, 44_100), (2, 48_000), (1, 16_000), (2, 24_000), (1, 8_000)]) func `whole files pass`(
        channels: Int, rate: Int
    ) throws {
        let tagged = try Self.tagged(channels: channels, rate: rate)
        #expect(reason(tagged.bytes) == nil && reason(tagged.untagged) == nil)
        #expect(MPEGFrames.countedFrames(in: VirtualFile(.memory(tagged.bytes[...]))) == tagged.frames.count - 1)
        #expect(MPEGFrames.countedFrames(in: VirtualFile(.memory(tagged.untagged[...]))) == nil)
    }

    @Test(arguments: [3, 2, 0], [1, 2, 3])
    func `frames of every bitrate and rate follow each other as mpg123 sees them`(
        version: UInt8, layer: UInt8
    ) throws {
        let samples = layer == 1 ? 384 : layer == 2 || version == 3 ? 1_152 : 576
        for rate in 0..<3 as Range<UInt8> {
            for bitrate in 1..<15 as Range<UInt8> {
                for mode in [0, 3] as [UInt8] {
                    let frames = (0..<7 as Range<UInt8>).map {
                        Self.frame(version, layer, bitrate: bitrate, rate: rate, padding: $0 % 2, mode: mode)
                    }
                    let whole = Array(frames.joined())
                    let name: Comment = "version \(version), layer \(layer), \(bitrate), \(rate), \(mode)"
                    #expect(try AudioDecoder(bytes: whole, source: "x").survey().frames == 7 * samples, name)
                    let torn = Array(frames[..<3].joined()) + [0, 0, 0, 0, 0] + Array(frames[3...].joined())
                    #expect(fault(torn) == Self.damaged(at: frames[..<3].joined().count), name)
                }
            }
        }
    }

    @Test func `a last frame may be cut by the end, with and without a tag`() throws {
        let clip = try Self.tagged()
        for bytes in [clip.bytes, clip.untagged] {
            for cut in 1...bytes.count - 1 where cut % 7 == 0 || cut + 1_000 > bytes.count {
                #expect(fault(Array(bytes[..<cut])) == nil, "cut at \(cut)")
            }
        }
        let last = try #require(clip.frames.last)
        #expect(reason(Array(clip.bytes[..<(last.upperBound - 1)])) == nil)
        #expect(reason(Array(clip.bytes[..<(last.lowerBound + 5)])) == nil)
    }

    @Test func `junk before the first frame passes, tags and their padding`() throws {
        let clip = try Self.tagged()
        let noise = Self.noise(5_000, seed: 8)
        for before in [Self.id3(200), Self.id3(200) + Self.id3(3_000), Self.id3(200, hasFooter: true), noise] {
            #expect(fault(before + clip.bytes) == nil)
            #expect(fault(before + clip.bytes + clip.bytes) == .furtherAudio(byte: before.count + clip.bytes.count))
            var damaged = before + clip.bytes
            damaged[before.count + clip.frames[9].lowerBound] = 0
            #expect(fault(damaged) == Self.damaged(at: before.count + clip.frames[9].lowerBound))
        }
        #expect(reason(Self.id3(200) + clip.bytes) == nil)
    }

    @Test func `tags and junk behind the last frame pass, whatever they hold`() throws {
        let clip = try Self.tagged()
        let id3v1 = Array("TAG".utf8) + [UInt8](repeating: 32, count: 125)
        let extended = Array("TAG+".utf8) + [UInt8](repeating: 32, count: 223) + id3v1
        // Frames, to whoever looks into the tag.
        let picture = Array(clip.untagged[..<clip.frames[12].upperBound]) + [1]
        let tails = [
            id3v1, extended, Self.ape(picture), Self.ape(picture) + id3v1, Self.id3(200),
            Self.id3(200, hasFooter: true),
            Array("LYRICSBEGINa line of itLYRICSEND".utf8) + id3v1, [0, 0, 0], [UInt8](repeating: 0, count: 1_000),
            Array("not a frame".utf8), [0xFF, 0xFB], Self.noise(900, seed: 5),
        ]
        for (index, tail) in tails.enumerated() {
            #expect(reason(clip.bytes + tail) == nil, "tail \(index)")
            #expect(fault(clip.untagged + tail) == nil, "tail \(index)")
            // Nothing of it hides what is wrong before it.
            var damaged = clip.untagged + tail
            damaged[clip.frames[20].lowerBound - clip.frames[0].upperBound] = 0
            #expect(fault(damaged) == Self.damaged(at: clip.frames[20].lowerBound - clip.frames[0].upperBound))
        }
    }

    @Test func `the kinds of stereo may change, mono may not`() throws {
        func frames(_ mode: UInt8) -> [UInt8] {
            Array((0..<5).map { _ in Self.frame(3, 3, bitrate: 5, rate: 0, mode: mode) }.joined())
        }
        let stereo = frames(0) + frames(1) + frames(2) + frames(0)
        #expect(reason(stereo) == nil)
        #expect(try AudioDecoder(bytes: stereo, source: "x").survey().frames == 20 * 1_152)
        #expect(reason(frames(0) + frames(3)) == .furtherAudio(byte: frames(0).count))
        #expect(reason(frames(3) + frames(1)) == .furtherAudio(byte: frames(0).count))
        #expect(reason(frames(0) + frames(3) + frames(0)) == .furtherAudio(byte: frames(0).count))
    }

    @Test func `free format is not judged`() {
        let frame: [UInt8] = [0xFF, 0xFB, 0x00, 0x00] + [UInt8](repeating: 0, count: 300)
        let frames = Array((0..<9).map { _ in frame }.joined())
        #expect(fault(frames) == nil)
        #expect(fault(frames + [1, 2, 3] + frames) == nil)
    }

    // MARK: Damage

    @Test func `any bit of a header that says what a frame is is found, wherever the frame`() throws {
        for clip in [try Self.tagged(), try Self.tagged(channels: 2, rate: 22_050)] {
            for frame in clip.frames.dropFirst(2).dropLast() {
                // All of the sync word, version and layer; the sample rate. Not the checksum's bit.
                let bits = (0..<8).map { (0, $0) } + (1..<8).map { (1, $0) } + [(2, 2), (2, 3)]
                for (byte, bit) in bits {
                    var damaged = clip.bytes
                    damaged[frame.lowerBound + byte] ^= 1 << bit
                    #expect(fault(damaged) == Self.damaged(at: frame.lowerBound), "\(frame), byte \(byte), bit \(bit)")
                }
                // One byte more or less than there is: seen where the next frame should be.
                var damaged = clip.bytes
                damaged[frame.lowerBound + 2] ^= 2
                let next = frame.upperBound + (damaged[frame.lowerBound + 2] & 2 == 0 ? -1 : 1)
                #expect(fault(damaged) == Self.damaged(at: next), "\(frame), padding")
            }
        }
    }

    @Test func `the decoder would have passed over it`() throws {
        let clip = try Self.tagged()
        var damaged = clip.bytes
        for place in [9, 30] { damaged[clip.frames[place].lowerBound] = 0 }
        let file = try SoundFile(VirtualFile(.memory(damaged[...])))
        let samples = UnsafeMutablePointer<Float>.allocate(capacity: 96_000)
        defer { samples.deallocate() }
        let got = file.read(96_000, into: samples)
        #expect(got > 90_000 && got < 95_000 && file.errorWords == nil)
        #expect(reason(damaged) == Self.damaged(at: clip.frames[9].lowerBound))
        let segment = try AudioSegment(offsetSeconds: 0.05, durationSeconds: 0.1, source: "x")  // before the damage
        #expect(throws: AudioError.self) { try AudioDecoder(bytes: damaged, source: "x").decodeExact(segment) }
    }

    @Test func `bytes that are missing, put in, exchanged or wiped in the middle are found`() throws {
        let seed: UInt64 = 2_026
        var random = SeededGenerator(seed)
        for round in 0..<4_000 {
            let clip = try #require(Self.clips.randomElement(using: &random))
            let bytes = Bool.random(using: &random) ? clip.bytes : clip.untagged
            let shift = clip.bytes.count - bytes.count
            let index = Int.random(in: 4..<clip.frames.count - 6, using: &random)
            let (frame, later) = (clip.frames[index], clip.frames[index + Int.random(in: 1...4, using: &random)])
            let start = Int.random(in: frame, using: &random) - shift
            let count = Int.random(in: 1..<frame.count, using: &random)
            let noise = (0..<frame.count + 4).map { _ in UInt8.random(in: 0...255, using: &random) }
            let kind = Int.random(in: 0..<5, using: &random)
            let damaged =
                switch kind {
                case 0: Array(bytes[..<start] + bytes[(start + count)...])
                case 1: Array(bytes[..<start] + noise[..<count] + bytes[start...])
                case 2: Array(bytes[..<start] + noise + bytes[(start + noise.count)...])
                case 3: Array(bytes[..<start] + noise.map { _ in 0 } + bytes[(start + noise.count)...])
                default: Array(bytes[..<start] + bytes[(later.lowerBound - shift + count)...])
                }
            // Where as many bytes go as some frames have, the headers do not say so.
            let removed = kind == 0 ? count : kind == 4 ? later.lowerBound - shift + count - start : 0
            let isVisible = removed == 0 || !clip.frames.contains { $0.lowerBound == frame.upperBound + removed }
            if isVisible, frame.lowerBound - shift + 4 < start {
                guard case .damagedContainer(let byte, _) = fault(damaged) else {
                    Issue.record("seed \(seed), round \(round), kind \(kind): \(String(describing: fault(damaged)))")
                    continue
                }
                #expect(byte == frame.upperBound - shift, "seed \(seed), round \(round), kind \(kind)")
            }
        }
    }

    @Test func `damage shortly before the end is found where a frame follows it up to the end`() throws {
        let clip = try Self.tagged()
        let last = clip.frames.count - 1
        for tail in [[], Array("TAG".utf8) + [UInt8](repeating: 0, count: 125)] {
            for back in 1...2 {
                let start = clip.frames[last - back].lowerBound
                var damaged = clip.bytes + tail
                damaged[start] = 0
                #expect(fault(damaged) == Self.damaged(at: start), "\(back) frames before the last")
                // A frame that says it is longer than all that is left.
                damaged = Array(
                    clip.bytes[..<start] + [0xFF, clip.bytes[start + 1], 0xE4] + clip.bytes[(start + 3)...])
                #expect(fault(damaged + tail) == Self.damaged(at: start), "\(back) frames before the last")
            }
        }
    }

    @Test func `hostile bytes are read to their end`() {
        let seed: UInt64 = 2_026
        var random = SeededGenerator(seed)
        let words: [[UInt8]] = [
            [0xFF, 0xFB, 0x90, 0xC4], [0xFF, 0xF3, 0x14, 0xC4], [0xFF, 0xFB], Array("ID3".utf8), Array("TAG+".utf8),
            Array("APETAGEX".utf8), [0xD0, 7, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF], [0x7F, 0x7F, 0x7F, 0x7F],
            [4, 0, 0x10, 0, 0, 0, 0], [0, 0, 0, 0], Array("Xing".utf8), [0, 0, 0, 1],
        ]
        for round in 0..<300 {
            var bytes = round % 2 == 0 ? [] : Self.clips[0].untagged
            for _ in 0..<Int.random(in: 0..<4_000, using: &random) {
                bytes += words[Int.random(in: 0..<words.count, using: &random)]
                if Int.random(in: 0..<8, using: &random) == 0 { bytes += [UInt8](repeating: 0, count: 96) }
            }
            let file = VirtualFile(.memory(bytes[...]))
            switch MPEGFrames.fault(in: file) {
            case nil: break
            case .furtherAudio(let byte), .damagedContainer(let byte, _):
                #expect(byte >= 0 && byte < bytes.count, "seed \(seed), round \(round)")
            case let other: Issue.record("seed \(seed), round \(round): \(String(describing: other))")
            }
            #expect(MPEGFrames.countedFrames(in: file).map { $0 > 0 } ?? true)
        }
    }

    @Test func `a search through megabytes of bait comes to its end`() {
        // Headers everywhere, each with an ID3v2 tag at its frame's end that reaches past the file's: 14 bytes, and
        // frames of 14 times as many.
        let bait: [UInt8] = [0xFF, 0xFA, 0x80, 0xC4] + Array("ID3".utf8) + [4, 0, 0, 0x7F, 0x7F, 0x7F, 0x7F]
        let tail = Array((0..<400_000).map { _ in bait }.joined())
        let zeros = [UInt8](repeating: 0, count: 8_000_000)
        let tags = Array((0..<400_000).map { _ in Self.id3(0) }.joined())
        // 0.2 s; what is quadratic would not come back for hours.
        for tail in [tail, zeros, tags, tags + zeros] { #expect(fault(Self.clips[0].untagged + tail) == nil) }
    }

    // MARK: Frames that no tag counts

    @Test(arguments: [(1, 48_000), (2, 44_100), (1, 22_050)]) func `frames of any size are decoded to the last`(
        channels: Int, rate: Int
    ) throws {
        let clip = try Self.tagged(channels: channels, rate: rate)
        // The first frame is the largest, so libsndfile expects fewer of them.
        #expect(clip.frames[1].count > clip.untagged.count / (clip.frames.count - 1) * 5 / 4)
        let tagged = try AudioDecoder(bytes: clip.bytes, source: "x").decodeInterleaved()
        #expect(tagged.count == 2 * rate * channels)
        let id3 = Self.id3(2_000)
        for bytes in [clip.untagged, id3 + clip.untagged, id3 + clip.untagged + Self.ape([1, 2, 3])] {
            let untagged = try AudioDecoder(bytes: bytes, source: "x").decodeInterleaved()
            let samples = (clip.frames.count - 1) * (rate < 32_000 ? 576 : 1_152)
            #expect(untagged.count == channels * (samples - Self.decoderDelay))
            // The tag of libsndfile's encoder also says that it begins with a delay of 576 samples.
            #expect(Array(untagged[(channels * 576)...].prefix(tagged.count)) == tagged)
        }
        try withTemporaryDirectory { directory in
            try AtomicFile.write(id3 + clip.untagged, to: directory + "/clip.mp3")
            let descriptor = open(directory + "/clip.mp3", O_RDONLY)
            defer { close(descriptor) }
            let untagged = try AudioDecoder(descriptor: descriptor, source: "x").decodeInterleaved()
            #expect(Array(untagged[(channels * 576)...].prefix(tagged.count)) == tagged)
            let segment = try AudioSegment(offsetSeconds: 1.5, durationSeconds: 0.25, source: "x")
            let part = try AudioDecoder(descriptor: descriptor, source: "x").decodeExact(segment)
            let (start, count) = segment.frames(sampleRate: rate)
            let end = try start + #require(count)
            #expect(part == .floats(Array(untagged[channels * start..<channels * end])))
        }
    }

    @Test func `layers without tags are refused where the decoder would stop early`() throws {
        func frames(_ count: Int, bitrate: UInt8) -> [UInt8] {
            Array((0..<count).map { _ in Self.frame(3, 2, bitrate: bitrate, rate: 1, mode: 0) }.joined())
        }
        #expect(reason(frames(20, bitrate: 4)) == nil)
        #expect(reason(frames(10, bitrate: 4) + frames(10, bitrate: 8)) == nil)
        guard case .unreadable(let words) = reason(frames(10, bitrate: 8) + frames(10, bitrate: 4)) else {
            Issue.record("a stream that is decoded to three quarters passed")
            return
        }
        #expect(words.contains("after 17280 of 23040 samples"))
    }

    // MARK: Several recordings in one file

    @Test func `a second recording behind one whose tag counts its frames is an error`() throws {
        let (first, second) = (Self.clips[0], Self.clips[1])
        #expect(reason(first.bytes + second.bytes) == .furtherAudio(byte: first.bytes.count))
        #expect(reason(first.bytes + second.untagged) == .furtherAudio(byte: first.bytes.count))
        let id3v1 = Array("TAG".utf8) + [UInt8](repeating: 32, count: 125)
        #expect(
            reason(first.bytes + id3v1 + Self.id3(300) + second.bytes)
                == .furtherAudio(byte: first.bytes.count + id3v1.count))
        #expect(
            reason(first.bytes + Self.id3(99, hasFooter: true) + second.bytes)
                == .furtherAudio(byte: first.bytes.count))
        // Behind junk too.
        guard case .furtherAudio = fault(first.bytes + Self.noise(777, seed: 3) + second.bytes) else {
            Issue.record("a recording behind junk passed")
            return
        }
    }

    @Test func `recordings of one kind without a tag are decoded whole, with tags between them`() throws {
        let (first, second) = (Self.clips[0], Self.clips[1])
        let id3v1 = Array("TAG".utf8) + [UInt8](repeating: 32, count: 125)
        let between = [
            [], Self.id3(300), Self.id3(300, hasFooter: true), id3v1, id3v1 + Self.id3(77),
            Self.ape(first.bytes) + id3v1,
            Self.id3(300) + [UInt8](repeating: 0, count: 500),
        ]
        for (index, tags) in between.enumerated() {
            let bytes = first.untagged + tags + second.bytes
            #expect(fault(bytes) == nil, "between \(index)")
            // The second's frame with its tag is one more.
            let frames = first.frames.count - 1 + second.frames.count
            let got = try AudioDecoder(bytes: bytes, source: "x").survey().frames
            #expect(got == 1_152 * frames - Self.decoderDelay, "between \(index)")
        }
        let title = Array("TAG+ a title".utf8) + [UInt8](repeating: 32, count: 116)  // no extension of a tag
        #expect(fault(first.untagged + title + second.bytes) == nil)
    }

    @Test func `a recording of another kind is an error with and without a tag`() throws {
        let first = Self.clips[0]
        let others = try [(2, 48_000), (1, 44_100), (1, 24_000)].map { try Self.tagged(channels: $0.0, rate: $0.1) }
        let layerII = Array((0..<4).map { _ in Self.frame(3, 2, bitrate: 5, rate: 1, mode: 3) }.joined())
        for other in others.map(\.untagged) + [layerII] {
            #expect(reason(first.untagged + other) == .furtherAudio(byte: first.untagged.count))
            #expect(
                reason(first.untagged + Self.id3(300) + other) == .furtherAudio(byte: first.untagged.count))
            #expect(reason(first.bytes + other) == .furtherAudio(byte: first.bytes.count))
        }
    }

    @Test func `a tag may be wrong by a few frames`() throws {
        let clip = try Self.tagged()
        let more = clip.frames[20...].map { Array(clip.bytes[$0]) }
        for count in 1...4 { #expect(fault(clip.bytes + Array(more[..<count].joined())) == nil, "\(count) more") }
        #expect(fault(clip.bytes + Array(more[..<5].joined())) == .furtherAudio(byte: clip.bytes.count))
    }

    @Test(arguments: [(3, 0, 32), (3, 3, 17), (2, 1, 17), (0, 3, 9)] as [(UInt8, UInt8, Int)])
    func `a tag counts where mpg123 looks for it, and only there`(version: UInt8, mode: UInt8, place: Int) throws {
        func stream(_ name: String, at place: Int, flags: UInt8 = 1, count: UInt8 = 3, mark: Int? = nil) -> [UInt8] {
            let frame = Self.frame(version, 3, bitrate: 12, rate: 0, mode: mode)
            var tagFrame = frame
            let tag = Array(name.utf8) + [0, 0, 0, flags, 0, 0, 0, count]
            tagFrame.replaceSubrange(4 + place..<4 + place + tag.count, with: tag)
            if let mark { tagFrame[mark] = 1 }
            return tagFrame + Array((0..<12).map { _ in frame }.joined())
        }
        let size = Self.frame(version, 3, bitrate: 12, rate: 0, mode: mode).count
        let samples = version == 3 ? 1_152 : 576
        for name in ["Xing", "Info"] {
            let bytes = stream(name, at: place)
            #expect(reason(bytes) == .furtherAudio(byte: 4 * size))
            #expect(try SoundFile(VirtualFile(.memory(bytes[...]))).info.frames == 3 * samples - Self.decoderDelay)
            // A checksum before it is none of its zeros.
            #expect(reason(stream(name, at: place, mark: 5)) == .furtherAudio(byte: 4 * size))
        }
        for bytes in [
            stream("Xing", at: place + 1), stream("xing", at: place), stream("Xing", at: place, flags: 2),
            stream("Info", at: place, count: 0), stream("Info", at: place, mark: place + 3), stream("VBRI", at: 32),
        ] {
            #expect(reason(bytes) == nil)
            #expect(try AudioDecoder(bytes: bytes, source: "x").survey().frames >= 12 * samples)
        }
    }
}

// MARK: - Files

extension MPEGFramesTests {
    /// An encoded file whose first frame is a tag that counts the others.
    private struct Clip {
        var bytes: [UInt8]
        var frames: [Range<Int>]
        /// The file without the frame that holds the tag.
        var untagged: [UInt8] { Array(bytes[frames[0].upperBound...]) }
    }

    /// What mpg123 leaves out at the beginning where a tag counts the frames.
    private static let decoderDelay = 529

    private static let clips: [Clip] = [3, 4].compactMap { try? tagged(seed: $0) }

    private static func tagged(channels: Int = 1, rate: Int = 48_000, seed: UInt64 = 3) throws -> Clip {
        let noise = Signal.noise(2 * rate * channels, seed: seed)
        let bytes = try AudioEncoder.encode(
            noise.count, SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, channels, rate, "x"
        ) { $0.write(noise) }
        var frames: [Range<Int>] = []
        while let start = frames.last?.upperBound ?? (bytes.isEmpty ? nil : 0), start < bytes.count {
            let (bitrate, index) = (Int(bytes[start + 2] >> 4), Int(bytes[start + 2] >> 2 & 3))
            let isMPEG1 = bytes[start + 1] >> 3 & 3 == 3
            let kilobits = (isMPEG1 ? layerIII.mpeg1 : layerIII.mpeg2)[bitrate]
            let hertz = [44_100, 48_000, 32_000][index] / [4, 0, 2, 1][Int(bytes[start + 1] >> 3 & 3)]
            let size = (isMPEG1 ? 144_000 : 72_000) * kilobits / hertz + Int(bytes[start + 2] >> 1 & 1)
            frames.append(start..<start + size)
        }
        try #require(frames.count > 20 && frames.last?.upperBound == bytes.count, "libsndfile writes whole frames")
        return Clip(bytes: bytes, frames: frames)
    }

    private static let layerIII = (
        mpeg1: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        mpeg2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
    )

    /// A frame of zeros: bits of the version, layer, index of the bitrate and of the rate. Sizes by the standards' formula,
    /// samples a frame · bitrate / 8 / rate in whole slots.
    private static func frame(
        _ version: UInt8, _ layer: UInt8, bitrate: UInt8, rate: UInt8, padding: UInt8 = 0, mode: UInt8
    ) -> [UInt8] {
        let kilobits =
            switch (version == 3, layer) {
            case (true, 1): 32 * Int(bitrate)
            case (true, 2): [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384][Int(bitrate)]
            case (true, _): layerIII.mpeg1[Int(bitrate)]
            case (false, 1): [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256][Int(bitrate)]
            case (false, _): layerIII.mpeg2[Int(bitrate)]
            }
        let hertz = [44_100, 48_000, 32_000][Int(rate)] / (version == 3 ? 1 : version == 2 ? 2 : 4)
        let samples = layer == 1 ? 384 : layer == 2 || version == 3 ? 1_152 : 576
        let slot = layer == 1 ? 4 : 1
        let size = slot * (samples / 8 / slot * kilobits * 1_000 / hertz + Int(padding))
        let header = [0xFF, 0xE1 | version << 3 | (4 - layer) << 1, bitrate << 4 | rate << 2 | padding << 1, mode << 6]
        return header + [UInt8](repeating: 0, count: size - 4)
    }

    /// An ID3v2 tag of `count` bytes besides its header and its footer.
    private static func id3(_ count: Int, hasFooter: Bool = false) -> [UInt8] {
        let head: [UInt8] =
            [4, 0, hasFooter ? 0x10 : 0] + [21, 14, 7, 0].map { UInt8(truncatingIfNeeded: count >> $0 & 0x7F) }
        let frame = Array("TIT2".utf8) + [0, 0, 0, 5, 0, 0, 3] + Array("clip".utf8)
        let body = Array((frame + [UInt8](repeating: 0, count: count)).prefix(count))
        return Array("ID3".utf8) + head + body + (hasFooter ? Array("3DI".utf8) + head : [])
    }

    /// An APEv2 tag, header, one item and footer.
    private static func ape(_ value: [UInt8]) -> [UInt8] {
        func number(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        let item = number(value.count) + number(2) + Array("Cover".utf8) + [0] + value
        func end(_ flags: Int) -> [UInt8] {
            Array("APETAGEX".utf8) + number(2_000) + number(item.count + 32) + number(1) + number(flags) + number(0)
                + number(0)
        }
        return end(0xA000_0000) + item + end(0x8000_0000)
    }

    private static func noise(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SeededGenerator(seed)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    private static func damaged(at byte: Int) -> AudioError.Reason {
        .damagedContainer(byte: byte, "no MP3 frame begins there")
    }

    private func fault(_ bytes: [UInt8]) -> AudioError.Reason? {
        MPEGFrames.fault(in: VirtualFile(.memory(bytes[...])))
    }

    /// What the decoder says to all of it.
    private func reason(_ bytes: [UInt8]) -> AudioError.Reason? {
        audioFault { try AudioDecoder(bytes: bytes, source: "x").survey() }
    }
}
