import Foundation
import Synchronization
import TestSupport
import Testing

@testable import PipelineKit

@Suite struct AudioClipTests {
    private struct Planted: Error {}

    // MARK: Stored clips

    @Test func `clips of a row are the slices that ingest stored`() throws {
        let clips = try StoredClip.clips(of: AudioSample("a", [(0, [1, 2, 3]), (1, [4]), (0, [])]).row)
        #expect(clips.map(\.number) == [0, 1, 2] && clips.map(\.role) == [.input, .output, .input])
        #expect(clips.map { Array($0.bytes) } == [[1, 2, 3], [4], []])
        #expect(try StoredClip.clips(of: AudioSample("a", []).row).isEmpty)
    }

    @Test(
        arguments: [
            ([0, 2, 3], [0, 1]), ([0, 3, 2, 4], [0, 1, 1]), ([1, 4], [0]), ([0, 2, 4], [0]), ([0, 2, 4], [0, 2]),
            ([0, -1, 4], [0, 1]),
        ] as [([Int64], [UInt8])]) func `offsets and roles that do not fit are bad data`(
            offsets: [Int64], roles: [UInt8]
        )
    {
        let row = MDSRow([
            ("audio", .bytes([1, 2, 3, 4])), ("audio_offsets", .array(offsets)), ("audio_roles", .array(roles)),
        ])
        #expect(throws: MDSError.self) { try StoredClip.clips(of: row) }
    }

    // MARK: Cache

    @Test func `a clip is computed once, whoever asks`() throws {
        let cache = ClipCache<Int>(limitBytes: 1_000) { _ in 10 }
        let computed = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: 200) { index in
            let clip = [UInt8(index % 5)]
            let value = try? cache.value(of: clip[...]) {
                computed.add(1, ordering: .relaxed)
                Thread.sleep(forTimeInterval: 0.005)
                return Int(clip[0]) * 7
            }
            #expect(value == index % 5 * 7)
        }
        #expect(computed.load(ordering: .relaxed) == 5)
    }

    @Test func `the cache is bounded and drops what was not used for long`() throws {
        let cache = ClipCache<Int>(limitBytes: 100) { _ in 10 }
        var computed: [Int] = []
        func ask(_ clip: Int) throws {
            _ = try cache.value(of: [UInt8(clip)]) {
                computed.append(clip)
                return clip
            }
        }
        for clip in 0..<10 { try ask(clip) }
        try ask(0)
        try ask(10)  // 11 entries: down to 5, the latest used
        #expect(computed == Array(0...10))
        for clip in [0, 10, 9, 8, 7] { try ask(clip) }
        #expect(computed.count == 11)
        try ask(6)
        #expect(computed.count == 12)
    }

    @Test func `an error is not kept and does not block`() throws {
        let cache = ClipCache<Int>(limitBytes: 100) { _ in 10 }
        #expect(throws: Planted.self) { try cache.value(of: [1]) { throw Planted() } }
        #expect(try cache.value(of: [1]) { 5 } == 5)
    }
}
