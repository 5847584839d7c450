// How a codes directory uses its codebooks: a codebook that is hardly used, or a stage that codes nothing, shows here.

import Foundation
import PipelineKit

/// Use and entropy of each codebook over all clips of a codes directory.
struct CodeStatistics {
    /// How often each code of each codebook stands.
    private(set) var counts: [[Int]]  // (Q, K)
    private(set) var frames = 0
    let frameRate: Double?

    /// Counts the codes of a directory; nil where it has none.
    init?(_ reader: MDSReader, record: JSONValue?) throws {
        guard reader.columns.contains(where: { $0.name.utf8.elementsEqual("audio_ids".utf8) }) else { return nil }
        counts = []
        frameRate = record?["frame_rate"]?.doubleValue
        let size = record?["codebook_size"]?.intValue ?? 0
        let progress = Progress("reading", unit: "samples", total: Double(reader.sampleCount))
        defer { progress.finish() }
        for number in reader.shards.indices {
            try Interrupt.check()
            let shard = try reader.shard(number)
            for index in 0..<shard.count {
                for clip in try CodeGrid(sample: shard.sample(index), clips: nil).clips { add(clip, size: size) }
            }
            progress.advance(by: Double(shard.count))
        }
    }

    private mutating func add(_ clip: [[UInt16]], size: Int) {
        if counts.count < clip.count {
            counts += Array(repeating: Array(repeating: 0, count: size), count: clip.count - counts.count)
        }
        frames += clip.first?.count ?? 0
        for (k, codes) in clip.enumerated() {
            for code in codes {
                if counts[k].count <= Int(code) {
                    counts[k] += Array(repeating: 0, count: Int(code) + 1 - counts[k].count)
                }
                counts[k][Int(code)] += 1
            }
        }
    }

    /// How many codes of a codebook stand at least once.
    func used(_ k: Int) -> Int { counts[k].count { $0 > 0 } }

    /// The entropy of a codebook in bits: log2 of how many codes it is worth.
    func entropyBits(_ k: Int) -> Double {
        let total = Double(counts[k].reduce(0, +))
        guard total > 0 else { return 0 }
        return counts[k].reduce(0) { sum, count in
            guard count > 0 else { return sum }
            let share = Double(count) / total
            return sum - share * log2(share)
        }
    }

    var text: String {
        var table = Table([("codebook", .right), ("used", .right), ("entropy", .right), ("of at most", .right)])
        for k in counts.indices {
            table.add([
                String(k), "\(used(k))/\(counts[k].count)", "\(numberText(entropyBits(k), 2)) bit",
                "\(numberText(log2(Double(max(1, counts[k].count))), 2)) bit",
            ])
        }
        let length = frameRate.map { ", \(durationText(Double(frames) / $0)) at \(numberText($0, 0)) frames a second" }
        return "  \(counted(frames, "frame")) of codes" + (length ?? "") + "\n" + table.rendered(indent: 2)
    }

    var json: JSONValue {
        [
            "frames": .int(frames),
            "codebooks": .array(
                counts.indices.map { k in
                    ["used": .int(used(k)), "size": .int(counts[k].count), "entropy_bits": .double(entropyBits(k))]
                }),
        ]
    }
}
