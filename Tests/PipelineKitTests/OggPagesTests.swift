// Ogg files whose pages are damaged, missing or appended: what libsndfile passes over in silence must be an error here.

import CSndfile
import Testing

@testable import PipelineKit

@Suite struct OggPagesTests {
    /// One stream of some pages: three seconds of noise.
    private static func stream(_ coding: Int, seed: UInt64 = 3) throws -> [UInt8] {
        let noise = Signal.noise(48_000 * 3, seed: seed)
        return try AudioEncoder.encode(noise.count, SF_FORMAT_OGG | coding, 1, 48_000, "x") { $0.write(noise) }
    }

    /// Where each page lies, found by its first four bytes.
    private static func pages(_ bytes: [UInt8]) -> [Range<Int>] {
        let starts = (0..<bytes.count - 3).filter { bytes[$0..<$0 + 4].elementsEqual("OggS".utf8) }
        return zip(starts, starts.dropFirst() + [bytes.count]).map { $0..<$1 }
    }

    private func reason(_ bytes: [UInt8]) -> AudioError.Reason? {
        audioFault { try AudioDecoder(bytes: bytes, source: "x").survey() }
    }

    @Test(arguments: [SF_FORMAT_VORBIS, SF_FORMAT_OPUS]) func `any damaged byte of any page is found`(
        coding: Int
    ) throws {
        let bytes = try Self.stream(coding)
        #expect(reason(bytes) == nil)
        let pages = Self.pages(bytes)
        #expect(pages.count > 4)
        for page in pages.dropFirst(2) {
            for place in [page.lowerBound + 8, page.lowerBound + 24, page.lowerBound + 40, page.upperBound - 1] {
                var damaged = bytes
                damaged[place] ^= 0x10
                guard case .damagedContainer(page.lowerBound, _) = reason(damaged) else {
                    Issue.record("byte \(place): \(String(describing: reason(damaged)))")
                    continue
                }
            }
        }
    }

    @Test(arguments: [SF_FORMAT_VORBIS, SF_FORMAT_OPUS]) func `pages that are missing, twice there or torn are found`(
        coding: Int
    ) throws {
        let bytes = try Self.stream(coding)
        let pages = Self.pages(bytes)
        let middle = pages[pages.count / 2]
        let numbers = (pages.count / 2, pages.count / 2 + 1)
        #expect(
            reason(Array(bytes[..<middle.lowerBound] + bytes[middle.upperBound...]))
                == .damagedContainer(
                    byte: middle.lowerBound, "Ogg page \(numbers.1) where page \(numbers.0) should be"))
        #expect(
            reason(Array(bytes[..<middle.upperBound] + bytes[middle] + bytes[middle.upperBound...]))
                == .damagedContainer(
                    byte: middle.upperBound, "Ogg page \(numbers.0) where page \(numbers.1) should be"))
        #expect(
            reason(Array(bytes[..<middle.lowerBound] + [0, 0, 0, 0] + bytes[middle.lowerBound...]))
                == .damagedContainer(byte: middle.lowerBound, "no Ogg page begins there"))
        for cut in [middle.lowerBound + 10, middle.lowerBound + 30, middle.upperBound - 1] {
            guard case .truncated = reason(Array(bytes[..<cut])) else {
                Issue.record("cut at \(cut): \(String(describing: reason(Array(bytes[..<cut]))))")
                continue
            }
        }
    }

    @Test func `a second recording behind the first is an error, since only the first would be heard`() throws {
        let (first, second) = (try Self.stream(SF_FORMAT_VORBIS), try Self.stream(SF_FORMAT_VORBIS, seed: 4))
        #expect(reason(first + second) == .furtherAudio(byte: first.count))
    }

    @Test func `what lies behind the last page of a whole stream is nobody's business`() throws {
        let bytes = try Self.stream(SF_FORMAT_VORBIS)
        #expect(reason(bytes + [UInt8](repeating: 0, count: 128)) == nil)
        #expect(reason(bytes + Array("TAG".utf8)) == nil)
    }

    @Test func `a stream may end without a page that says so`() throws {
        // Cut between two pages, as far as one can see: what some writers leave.
        let bytes = try Self.stream(SF_FORMAT_OPUS)
        let last = try #require(Self.pages(bytes).last)
        #expect(reason(Array(bytes[..<last.lowerBound])) == nil)
    }

    @Test func `segments are cut from whole streams only`() throws {
        var bytes = try Self.stream(SF_FORMAT_VORBIS)
        bytes[bytes.count - 1] ^= 1  // behind the segment
        let segment = try AudioSegment(offsetSeconds: 0.5, durationSeconds: 0.5, source: "x")
        #expect(throws: AudioError.self) { try AudioDecoder(bytes: bytes, source: "x").decodeExact(segment) }
    }
}
