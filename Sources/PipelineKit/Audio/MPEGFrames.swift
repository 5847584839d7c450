// The frames of an MPEG audio file (ISO/IEC 11172-3 and 13818-3, §2.4.2.3, and MPEG 2.5), looked at before decoding:
// mpg123 1.31 under libsndfile 1.2 searches on where a frame's header is damaged, and stops at a frame of another kind or
// behind the frames that a Xing or Info tag counts; without such a tag libsndfile stops where the file would end if all
// frames were as large as the first. All that without a word: such a clip would pass for whole and be shorter than it was.
//
// Only headers are looked at. What this cannot see: damage inside a frame, whole frames that are missing, a damaged
// bitrate that makes a frame as long as itself and the next ones, and a damaged header of the very last frame, which is
// trailing junk to it. Where a tag counts the frames, AudioDecoder holds its number against what came. VBRI tags are
// not looked at, since mpg123 does not.

enum MPEGFrames {
    /// Headers in a row that are taken for a stream where one is searched for: one alone stands in any payload by chance.
    private static let run = 3
    /// Bytes of junk before the first frame over which mpg123 gives up.
    private static let mostJunk = 65_536
    /// Frames that may follow those that a tag counts: encoders differ by one, and a recording of fewer holds nothing
    /// but the encoder's delay.
    private static let surplusTolerance = 4

    /// What is wrong with the frames of a file; nil where they follow each other up to its end, or up to something behind
    /// which none comes any more.
    ///
    /// Passes: junk before the first frame; a last frame that the file's end cuts, which tools that cut MP3 files leave;
    /// recordings of one kind that were appended to each other without a tag that counts frames, since those are decoded
    /// whole; free format, where a frame's length stands nowhere. Takes time in proportion to the file's size at most.
    ///
    /// - Parameter claimedSamples: how many samples a channel the decoder expects; it stops there.
    static func fault(in file: VirtualFile, claimedSamples: Int? = nil) -> AudioError.Reason? {
        let window = Window(file)
        guard let walk = Walk(window) else { return nil }
        let isPastCount = walk.counted.map { walk.frames >= $0 } ?? false
        if let counted = walk.counted, let surplus = walk.surplusOffset, walk.frames - counted > surplusTolerance {
            return .furtherAudio(byte: surplus)
        }
        if let next = nextStream(in: window, behind: walk) {
            if isPastCount { return .furtherAudio(byte: walk.surplusOffset ?? walk.tagOffset ?? next.offset) }
            guard next.header.isOfKind(walk.first) else { return .furtherAudio(byte: walk.tagOffset ?? next.offset) }
            return .damagedContainer(byte: walk.offset, "no MP3 frame begins there")
        }
        // One frame less, for the delay of the decoder and a frame that holds a tag without a count.
        if walk.counted == nil, let claimedSamples, claimedSamples < (walk.frames - 1) * walk.first.samples {
            return .unreadable(
                "the decoder would stop after \(claimedSamples) of \(walk.frames * walk.first.samples) samples, "
                    + "whose number stands nowhere")
        }
        return nil
    }

    /// The number of frames by the tag in the first frame, behind it; nil without one: the length is then an estimate
    /// until all is decoded.
    static func countedFrames(in file: VirtualFile) -> Int? {
        let window = Window(file)
        return firstFrame(in: window).flatMap { window.countedFrames($0.header, at: $0.offset) }
    }

    /// A frame with a Xing tag that counts the frames of a file without one, where its first frame begins, and the number
    /// of samples a channel; nil where there is a tag, and of layers I and II, which have none.
    static func missingTag(in file: VirtualFile) -> (frame: [UInt8], start: Int, samples: Int)? {
        guard let walk = Walk(Window(file)), walk.counted == nil, let frame = walk.first.tagFrame(counting: walk.frames)
        else { return nil }
        return (frame, walk.start, walk.frames * walk.first.samples)
    }

    /// How far the frames of a file follow each other, with tags between them.
    private struct Walk {
        let start: Int
        let first: Header
        /// The frames that a tag counts; the frame that holds it is not among them.
        let counted: Int?
        /// The whole frames that came, and where what is none begins.
        var (frames, offset) = (0, 0)
        /// Of the tags behind the last frame, the first that belongs to what comes.
        var tagOffset: Int?
        /// Where what the tag does not count begins.
        var surplusOffset: Int?
        /// Where to search on: within the last frame, whose damaged header may say that it is longer than it is.
        var searchStart: Int

        init?(_ window: Window) {
            guard let found = firstFrame(in: window) else { return nil }
            (start, first) = found
            counted = window.countedFrames(first, at: start)
            offset = counted == nil ? start : start + first.size
            searchStart = start + 4
            while true {
                if let header = window.header(at: offset), header.isOfKind(first) {
                    if let counted, frames >= counted { surplusOffset = surplusOffset ?? tagOffset ?? offset }
                    guard offset + header.size <= window.file.count else { return }
                    searchStart = offset + 4
                    (frames, offset, tagOffset) = (frames + 1, offset + header.size, nil)
                } else if let tag = window.tag(at: offset) {
                    if tag.isLeading { tagOffset = tagOffset ?? offset }
                    offset += tag.size
                    searchStart = offset
                } else {
                    return
                }
            }
        }
    }

    /// The first frame, as mpg123 finds it: the first header behind the ID3v2 tags with another of its kind where it ends.
    private static func firstFrame(in window: Window) -> (offset: Int, header: Header)? {
        var start = 0
        while let tag = window.tag(at: start), tag.isLeading { start += tag.size }
        for offset in start..<min(start + mostJunk, window.file.count) {
            guard let header = window.header(at: offset) else { continue }
            if let next = window.header(at: offset + header.size), next.isOfKind(header) { return (offset, header) }
        }
        return nil
    }

    /// Where frames begin again: so many headers in a row that chance does not explain them, or as many as there is room
    /// for, of the same kind as before, up to exactly the end. Those of another layer count only where the last frame
    /// ends, since machine code and tables of numbers are full of what looks like layer I.
    private static func nextStream(in window: Window, behind walk: Walk) -> (offset: Int, header: Header)? {
        var offset = walk.searchStart
        while offset + 4 <= window.file.count {
            if let header = window.header(at: offset), header.layer == walk.first.layer || offset == walk.offset {
                var (next, count) = (offset + header.size, 1)
                while count < run, let other = window.header(at: next), other.isOfKind(header) {
                    (next, count) = (next + other.size, count + 1)
                }
                if count == run || header.isOfKind(walk.first) && window.isEnd(next) { return (offset, header) }
            }
            offset += 1
        }
        return nil
    }
}

/// The header of a frame.
private struct Header {
    private let bits: UInt32
    /// 1 to 3.
    let layer: Int
    /// Bytes of the frame, its header among them; 2,881 at most.
    let size: Int

    /// Kilobits a second by bitrate index, of MPEG 1 and of MPEG 2 and 2.5, layers I to III.
    private static let bitrates: [[[Int]]] = [
        [
            [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
            [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
            [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        ],
        [
            [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
            [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
            [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        ],
    ]
    private static let sampleRates = [44_100, 48_000, 32_000]

    /// nil where four bytes are no header, or one of free format.
    init?(_ bits: UInt32) {
        func field(_ shift: UInt32, _ width: UInt32) -> Int { Int(bits >> shift & (1 << width - 1)) }
        let (version, layer, bitrate, rate) = (field(19, 2), 4 - field(17, 2), field(12, 4), field(10, 2))
        guard bits >> 21 == 0x7FF, version != 1, layer != 4, 1..<15 ~= bitrate, rate != 3 else { return nil }
        let isMPEG1 = version == 3
        let bitsPerSecond = Self.bitrates[isMPEG1 ? 0 : 1][layer - 1][bitrate] * 1_000
        let sampleRate = Self.sampleRates[rate] >> (isMPEG1 ? 0 : version == 2 ? 1 : 2)
        let padding = field(9, 1)
        self.bits = bits
        self.layer = layer
        size =
            switch layer {
            case 1: 4 * (12 * bitsPerSecond / sampleRate + padding)
            case 2: 144 * bitsPerSecond / sampleRate + padding
            default: (isMPEG1 ? 144 : 72) * bitsPerSecond / sampleRate + padding
            }
    }

    /// Whether one decoder decodes both as one stream: version, layer, rate, and mono or not. mpg123 1.31, as libsndfile
    /// sets it (MPG123_NO_FRANKENSTEIN), stops without a word before a frame that differs in one of these; the kinds of
    /// stereo may change.
    func isOfKind(_ other: Header) -> Bool {
        (bits ^ other.bits) & 0xFFFE_0C00 == 0 && isMono == other.isMono
    }

    private var isMPEG1: Bool { bits >> 19 & 3 == 3 }
    private var isMono: Bool { bits >> 6 & 3 == 3 }

    /// Samples a channel.
    var samples: Int { layer == 1 ? 384 : layer == 2 || isMPEG1 ? 1_152 : 576 }

    /// Bytes from the frame's beginning to a Xing or Info tag, behind the side information; nil where the layer has none.
    var tagOffset: Int? {
        layer == 3 ? 4 + (isMPEG1 ? (isMono ? 17 : 32) : (isMono ? 9 : 17)) : nil
    }
}

extension Header {
    /// A frame of silence of the same kind, with a Xing tag; nil where the layer has none. Of the lowest bitrate that has
    /// room for it, without a checksum.
    fileprivate func tagFrame(counting frames: Int) -> [UInt8]? {
        guard let tagOffset, let count = UInt32(exactly: frames) else { return nil }
        let headers = (1..<15 as Range<UInt32>).lazy.compactMap { Header(bits & ~0xF200 | 0x10000 | $0 << 12) }
        guard let header = headers.first(where: { $0.size >= tagOffset + 12 }) else { return nil }
        func bytes(_ word: UInt32) -> [UInt8] { withUnsafeBytes(of: word.bigEndian, Array.init) }
        var frame = bytes(header.bits) + [UInt8](repeating: 0, count: header.size - 4)
        frame.replaceSubrange(tagOffset..<tagOffset + 12, with: Array("Xing".utf8) + bytes(1) + bytes(count))
        return frame
    }
}

/// A file, read in blocks.
private final class Window {
    let file: VirtualFile
    private var block = [UInt8](repeating: 0, count: 65_536)
    /// What `block` holds.
    private var range = 0..<0

    init(_ file: VirtualFile) { self.file = file }

    /// Four bytes, the most significant first; nil where the file has fewer, and once a read has failed. A block begins
    /// where one is asked for that the last one lacks, so going on byte by byte and looking a few frames ahead from each
    /// reads little twice.
    private func word(at offset: Int) -> UInt32? {
        if offset < range.lowerBound || offset + 4 > range.upperBound {
            guard file.errorCode == nil else { return nil }
            let count = block.withUnsafeMutableBytes { bytes in
                bytes.baseAddress.map { file.peek(bytes.count, at: offset, into: $0) } ?? 0
            }
            range = offset..<offset + count
            guard count >= 4 else { return nil }
        }
        let place = offset - range.lowerBound
        return block.withUnsafeBytes { UInt32(bigEndian: $0.loadUnaligned(fromByteOffset: place, as: UInt32.self)) }
    }

    func header(at offset: Int) -> Header? { word(at: offset).flatMap(Header.init) }

    /// A tag between frames, whole: ID3v2, which leads in what follows it; ID3v1, plain and extended, and APEv2, which
    /// follow what they belong to.
    func tag(at offset: Int) -> (size: Int, isLeading: Bool)? {
        guard let word = word(at: offset) else { return nil }
        let tag: (size: Int, isLeading: Bool)
        switch (word, word >> 8) {
        case (_, 0x49_4433):  // ID3
            guard let size = id3Size(at: offset) else { return nil }
            tag = (size, true)
        case (_, 0x54_4147):  // TAG; an extension of it, TAG+, comes before one and not alone
            let isExtension = word & 0xFF == 0x2B && self.word(at: offset + 227).map { $0 >> 8 == 0x54_4147 } ?? false
            tag = (isExtension ? 227 : 128, false)
        case (0x4150_4554, _):  // APETAGEX, version 2, and the size of all that follows this header
            guard self.word(at: offset + 4) == 0x4147_4558, self.word(at: offset + 8)?.byteSwapped == 2_000,
                let size = self.word(at: offset + 12)?.byteSwapped
            else { return nil }
            tag = (32 + Int(size), false)
        default: return nil
        }
        return offset + tag.size <= file.count ? tag : nil
    }

    /// Bytes of an ID3v2 tag, and of zeros behind it: padding that some writers do not count.
    private func id3Size(at offset: Int) -> Int? {
        guard let head = word(at: offset + 3), let size = word(at: offset + 6), size & 0x8080_8080 == 0 else {
            return nil
        }
        // Version, revision, flags: the footer's is 0x10. Then the first byte of the size.
        guard head >> 24 != 0xFF, head >> 16 & 0xFF != 0xFF else { return nil }
        let body = (0..<4).reduce(0) { $0 << 7 | Int(size >> (24 - 8 * UInt32($1)) & 0x7F) }
        var end = offset + 10 + body + (head & 0x1000 == 0 ? 0 : 10)
        while end < file.count, let word = word(at: end), word >> 24 == 0 { end += 1 }
        return end - offset
    }

    /// Whether nothing comes at `offset`, or a tag that closes a recording or opens another.
    func isEnd(_ offset: Int) -> Bool { offset == file.count || tag(at: offset) != nil }

    /// The number of frames by the Xing or Info tag of a stream's first frame, where it is one to mpg123: zeros from the
    /// checksum to it. A count of 0 is none.
    func countedFrames(_ header: Header, at offset: Int) -> Int? {
        guard let tag = header.tagOffset, tag + 12 <= header.size, (6..<tag).allSatisfy({ isZero(offset + $0) }),
            let name = word(at: offset + tag), name == 0x5869_6E67 || name == 0x496E_666F,
            let flags = word(at: offset + tag + 4), flags & 1 == 1, let count = word(at: offset + tag + 8)
        else { return nil }
        return count == 0 ? nil : Int(count)
    }

    private func isZero(_ offset: Int) -> Bool { word(at: offset).map { $0 >> 24 == 0 } ?? false }
}
