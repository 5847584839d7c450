// A log-mel as it is drawn: brightness by bin and time.

import PipelineKit

/// Valid log-mel frames of one clip, 100 a second.
struct MelImage: Sendable {
    let bins: Int
    let frames: Int
    let values: [Float]  // (M, frames)

    /// Whisper's log-mel of a clip, made here.
    init(of waveform: Waveform, bins: Int = 128) {
        let samples = FourierResampler().resample(
            waveform.samples, from: waveform.sampleRate, to: LogMel.sampleRate)
        let logMel = LogMel(binCount: bins)
        self.init(
            bins: bins,
            chunks: LogMel.chunkRanges(samples: samples.count).map { range in
                let chunk = logMel.chunk(samples[range])
                return (chunk.values[...], chunk.frameCount, chunk.validFrames)
            })
    }

    /// Chunks one after another, cut to their valid frames.
    ///
    /// - Parameter chunks: (M, frames), frames, and how many of them are valid.
    init(bins: Int, chunks: [(values: ArraySlice<Float>, frames: Int, valid: Int)]) {
        self.bins = bins
        frames = chunks.reduce(0) { $0 + min($1.frames, $1.valid) }
        var values: [Float] = []
        values.reserveCapacity(bins * frames)
        for bin in 0..<bins {
            for chunk in chunks {
                let start = chunk.values.startIndex + bin * chunk.frames
                values += chunk.values[start..<start + min(chunk.frames, chunk.valid)]
            }
        }
        self.values = values
    }

    /// Where each bin's filter peaks, in Hz.
    var centresHertz: [Double] {
        MelFilterBank(
            sampleRate: LogMel.sampleRate, frameSamples: LogMel.windowSamples, binCount: bins, hertz: 0...8_000
        ).centresHertz
    }

    /// Brightness 0 … 1 on a grid of `columns` by `rows`, the highest frequencies in the first row. 1 is the clip's loudest
    /// cell, 0 lies 80 dB below it (2 in Whisper's scale) or deeper.
    ///
    /// A grid cell is the mean of the frames and bins that it covers, or the one that it lies in.
    func grid(columns: Int, rows: Int) -> [Float] {
        guard frames > 0 else { return [Float](repeating: 0, count: columns * rows) }
        let largest = values.reduce(-Float.infinity, max)
        func cover(_ index: Int, of count: Int, _ cells: Int) -> Range<Int> {
            let start = index * cells / count
            return start..<max(start + 1, (index + 1) * cells / count)
        }
        var grid: [Float] = []
        grid.reserveCapacity(columns * rows)
        for row in 0..<rows {
            let covered = cover(rows - 1 - row, of: rows, bins)
            for column in 0..<columns {
                let times = cover(column, of: columns, frames)
                var sum: Float = 0
                for bin in covered { for frame in times { sum += values[bin * frames + frame] } }
                let mean = sum / Float(covered.count * times.count)
                grid.append(max(0, min(1, (mean - largest + 2) / 2)))
            }
        }
        return grid
    }
}
