// The pages of an Ogg stream (RFC 3533, §6), looked at before decoding: libsndfile 1.2 passes over a page with a wrong
// checksum and over pages that are missing, and stops behind the first of several streams, without a word. Such a clip would
// pass for whole and be shorter than it was.

import COgg

enum OggPages {
    /// A page header without its table of segments, with the longest one, and the largest page: 255 segments of 255 bytes.
    private static let headerSize = 27, largestHeader = 27 + 255, largestPage = 27 + 255 + 255 * 255
    private static let capture = Array("OggS".utf8)

    /// Bits of a page's header type.
    private static let beginsStream: UInt8 = 2, endsStream: UInt8 = 4

    /// One logical stream, as far as its pages have come.
    private struct Stream {
        var serial: UInt32
        var nextSequence: UInt32
        var hasEnded: Bool
    }

    /// What is wrong with the pages of an Ogg file; nil where all are whole, consecutive and of one chain link.
    ///
    /// The last page need not say that it is the last: Android's Opus writer and some Vorbis encoders of the 2000s never say
    /// it. So a stream that was cut between two pages passes. Bytes behind a last page that says so are nobody's business.
    static func fault(in file: VirtualFile) -> AudioError.Reason? {
        let page = UnsafeMutablePointer<UInt8>.allocate(capacity: largestPage)
        defer { page.deallocate() }
        var streams: [Stream] = []
        var hasContent = false  // a page that begins no stream has come
        var offset = 0
        while offset < file.count {
            let there = file.peek(largestHeader, at: offset, into: page)
            let isPage = there >= capture.count && UnsafeBufferPointer(start: page, count: 4).elementsEqual(capture)
            guard isPage else {
                if !streams.isEmpty, streams.allSatisfy(\.hasEnded) { return nil }
                return .damagedContainer(byte: offset, "no Ogg page begins there")
            }
            let header = headerSize + (there >= headerSize ? Int(page[26]) : 0)
            let body = header <= there ? (headerSize..<header).reduce(0) { $0 + Int(page[$1]) } : 0
            let size = header + body
            guard offset + size <= file.count, file.peek(body, at: offset + header, into: page + header) == body else {
                return .truncated(claimed: offset + size, got: file.count, unit: "bytes")
            }
            guard hasChecksum(page, header: header, size: size) else {
                return .damagedContainer(byte: offset, "an Ogg page with another checksum")
            }
            let (type, serial, sequence) = (page[5], number(page + 14), number(page + 18))
            if type & beginsStream != 0 {
                guard !hasContent else { return .furtherAudio(byte: offset) }
                streams.append(Stream(serial: serial, nextSequence: sequence, hasEnded: false))
            } else {
                hasContent = true
            }
            guard let index = streams.firstIndex(where: { $0.serial == serial }) else {
                return .damagedContainer(byte: offset, "an Ogg page of a stream that has not begun")
            }
            guard streams[index].nextSequence == sequence else {
                return .damagedContainer(
                    byte: offset, "Ogg page \(sequence) where page \(streams[index].nextSequence) should be")
            }
            streams[index].nextSequence = sequence &+ 1
            streams[index].hasEnded = type & endsStream != 0
            offset += size
        }
        return nil
    }

    /// Whether the checksum in a page's header is that of the page.
    private static func hasChecksum(_ bytes: UnsafeMutablePointer<UInt8>, header: Int, size: Int) -> Bool {
        let stored = number(bytes + 22)
        var page = ogg_page(header: bytes, header_len: header, body: bytes + header, body_len: size - header)
        ogg_page_checksum_set(&page)  // over the page with zeros in its place, which it then fills
        return number(bytes + 22) == stored
    }

    /// Four bytes, the least significant first.
    private static func number(_ bytes: UnsafePointer<UInt8>) -> UInt32 {
        UInt32(littleEndian: UnsafeRawPointer(bytes).loadUnaligned(as: UInt32.self))
    }
}
