// What a codec is fitted to: code frames drawn at random from the user's own audio, in bounded memory.

import PipelineKit

/// Stacked log-mel frames of distinct clips.
package struct FrameSample: Sendable {
    /// Samples (rows) that are decoded at most, drawn over all shards: some ten hours of speech.
    package static let largestSampleCount = 4_096
    /// Frames that are kept at most, drawn from those of the decoded clips: 84 MB, 64 for each of 1,024 codewords.
    package static let largestFrameCount = 65_536

    /// Samples read.
    var samples = 0
    /// Clips with different bytes among them.
    var clips = 0
    /// Code frames of these clips.
    var frames = 0
    var vectors: [Float] = []  // (kept frames, D)

    var keptFrames: Int { vectors.count / MelFrames.width }

    /// Reads the frames of an audio directory. The result depends on the directory alone, not on `workers`.
    ///
    /// - Throws: a `Failure` (bad data) that names shard, sample and clip; `MDSError`; `FileError`; `Interrupted`.
    package init(of reader: MDSReader, workers: Int, isQuiet: Bool) throws {
        var random = SplitMix64(seed: 0xC0DE)
        let chosen = Self.choose(reader.sampleCount, &random)
        let progress = Progress("tokenize fit", unit: "samples", total: Double(chosen.count), isQuiet: isQuiet)
        defer { progress.finish() }
        var queue = Self.places(chosen, in: reader).makeIterator()
        var current: (number: Int, shard: MDSShard)?
        var seen: Set<ClipKey> = []
        let frames = MelFrames()
        // Room that is not written to takes no memory; an array that grows by doubling takes twice as much.
        vectors.reserveCapacity(Self.largestFrameCount * MelFrames.width)
        try orderedMap(
            workers: workers,
            next: { () -> (MDSShard, Int)? in
                try Interrupt.check()
                guard let (number, sample) = queue.next() else { return nil }
                if let current, current.number == number { return (current.shard, sample) }
                let shard = try reader.shard(number)
                current = (number, shard)
                return (shard, sample)
            },
            transform: { try Self.clips(of: $0, sample: $1, frames) },
            drain: { clips in
                try Interrupt.check()
                samples += 1
                for clip in clips where seen.insert(clip.key).inserted {
                    self.clips += 1
                    keep(clip.vectors, &random)
                }
                progress.advance()
            })
    }

    /// The numbers of at most `largestSampleCount` samples, in order.
    private static func choose(_ count: Int, _ random: inout SplitMix64) -> [Int] {
        guard count > largestSampleCount else { return Array(0..<count) }
        var numbers = Array(0..<count)
        for index in 0..<largestSampleCount { numbers.swapAt(index, index + random.below(count - index)) }
        return numbers[..<largestSampleCount].sorted()
    }

    /// Shard and sample within it.
    private static func places(_ samples: [Int], in reader: MDSReader) -> [(shard: Int, sample: Int)] {
        var shard = 0
        return samples.map { number in
            while !reader.samples(ofShard: shard).contains(number) { shard += 1 }
            return (shard, number - reader.samples(ofShard: shard).lowerBound)
        }
    }

    private struct ClipKey: Hashable, Sendable {
        var digest: UInt64
        var byteCount: Int
    }

    private struct ClipFrames: Sendable {
        var key: ClipKey
        var vectors: [Float]  // (frames, D)
    }

    private static func clips(of shard: MDSShard, sample: Int, _ frames: MelFrames) throws -> [ClipFrames] {
        let row = try shard.row(sample, columns: ["id"] + StoredClip.columns)
        return try StoredClip.clips(of: row).map { clip in
            do {
                let samples = try clip.samples(at: MelFrames.sampleRate)
                return ClipFrames(
                    key: ClipKey(digest: XXH64.hash(clip.bytes), byteCount: clip.bytes.count),
                    vectors: frames.stacked(samples))
            } catch {
                let id = JSONValue.string(try row.string("id")).pythonDump(ascii: false)
                throw Failure(
                    .badData, "\(ClipFailure(clip: clip.number, error))",
                    at: "\(shard.path), sample \(sample) (id \(id))".escapedForTerminal,
                    remedy: "leave this id out with ingest --exclude FILE")
            }
        }
    }

    /// Algorithm R (Vitter, 1985): each frame seen so far is kept with the same chance.
    private mutating func keep(_ more: [Float], _ random: inout SplitMix64) {
        let width = MelFrames.width
        for start in stride(from: 0, to: more.count, by: width) {
            let frame = more[start..<start + width]
            frames += 1
            if keptFrames < Self.largestFrameCount {
                vectors.append(contentsOf: frame)
            } else {
                let place = random.below(frames)
                if place < Self.largestFrameCount {
                    vectors.replaceSubrange(place * width..<(place + 1) * width, with: frame)
                }
            }
        }
    }
}
