// Which feature chunks belong to which reference clip. The shards store chunks one after another; a clip over 30 s has
// several, all but its last of 3,000 frames.

import PipelineKit

extension FeatureChunks {
    /// How many chunks each clip has; nil where no cut is possible.
    ///
    /// A chunk of fewer than 3,000 frames ends its clip. A full one may end it or not: of the possible cuts, the one
    /// whose clips are closest to the lengths of their codes is taken (sum of absolute differences, with one ratio of
    /// mel frames to code frames for all clips of the row). Clips of at most 30 s leave no choice.
    ///
    /// - Parameters:
    ///   - lengths: valid frames of each chunk.
    ///   - referenceFrames: code frames of each reference clip.
    static func assignment(lengths: [Int], referenceFrames: [Int]) -> [Int]? {
        let (chunks, clips) = (lengths.count, referenceFrames.count)
        guard chunks >= clips, clips > 0 else { return nil }
        if chunks == clips { return Array(repeating: 1, count: clips) }
        let codeFrames = referenceFrames.reduce(0, +)
        guard codeFrames > 0 else { return nil }
        let ratio = Double(lengths.reduce(0, +)) / Double(codeFrames)
        // best[c][e]: the least cost of giving the first e chunks to the first c clips; size[c][e]: the last clip's.
        let none = Double.infinity
        var best = [[Double]](repeating: Array(repeating: none, count: chunks + 1), count: clips + 1)
        var size = [[Int]](repeating: Array(repeating: 0, count: chunks + 1), count: clips + 1)
        best[0][0] = 0
        for clip in 1...clips {
            for end in clip...chunks {
                var frames = 0
                for start in stride(from: end - 1, through: clip - 1, by: -1) {
                    // Every chunk of a clip but its last is full.
                    if start < end - 1, lengths[start] != maximumFrames { break }
                    frames += lengths[start]
                    let expected = Double(referenceFrames[clip - 1]) * ratio
                    let cost = best[clip - 1][start] + abs(Double(frames) - expected)
                    if cost < best[clip][end] {
                        best[clip][end] = cost
                        size[clip][end] = end - start
                    }
                }
            }
        }
        guard best[clips][chunks] < none else { return nil }
        var counts = [Int](repeating: 0, count: clips)
        var end = chunks
        for clip in stride(from: clips, to: 0, by: -1) {
            counts[clip - 1] = size[clip][end]
            end -= size[clip][end]
        }
        return counts
    }
}
