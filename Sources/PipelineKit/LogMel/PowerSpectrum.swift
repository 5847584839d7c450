// Windowed power spectra, sixteen frames at a time. The common ground of Whisper's front end and of the codec's.

import Foundation

/// The short-time power spectrum |STFT|², unnormalised, of frames under a periodic Hann window.
package struct PowerSpectrum: Sendable {
    package let frameSamples: Int
    package let hopSamples: Int
    package let transform: RealTransform
    /// 0.5 − 0.5 · cos(2πn / frameSamples). // (frameSamples)
    package let window: [Float]

    package init(frameSamples: Int, hopSamples: Int) {
        self.frameSamples = frameSamples
        self.hopSamples = hopSamples
        transform = RealTransform(count: frameSamples)
        window = (0..<frameSamples).map { Float(0.5 - 0.5 * cos(2 * Double.pi * Double($0) / Double(frameSamples))) }
    }

    /// Samples that `frames` frames need, rounded up to whole groups of sixteen.
    package func samplesNeeded(frames: Int) -> Int {
        let groups = (frames + Lanes.scalarCount - 1) / Lanes.scalarCount
        return max(0, groups * Lanes.scalarCount - 1) * hopSamples + frameSamples
    }

    /// Calls `body` with the first frame of each group and the group's power spectra. // (frameSamples / 2 + 1)
    ///
    /// Frame t starts at sample t · hop. `samples` holds at least `samplesNeeded(frames:)`; frames of the last group past
    /// `frames` are computed from what lies there.
    package func forEachGroup(
        _ samples: UnsafeBufferPointer<Float>, frames: Int, _ body: (Int, UnsafePointer<Lanes>) -> Void
    ) {
        guard let base = samples.baseAddress, frames > 0 else { return }
        precondition(samples.count >= samplesNeeded(frames: frames), "the frames reach past the samples")
        forEachGroup(frames: frames, samples: { base + $0 * hopSamples }, body)
    }

    /// The same with samples that lie wherever `samples` says for the first frame of a group: 15 · hop + frameSamples.
    func forEachGroup(
        frames: Int, samples: (Int) -> UnsafePointer<Float>, _ body: (Int, UnsafePointer<Lanes>) -> Void
    ) {
        let data = ComplexLanes.allocate(transform.bufferCount), scratch = ComplexLanes.allocate(transform.bufferCount)
        defer {
            data.deallocate()
            scratch.deallocate()
        }
        window.withUnsafeBufferPointer { window in
            for first in stride(from: 0, to: frames, by: Lanes.scalarCount) {
                LaneRows.load(samples(first), apart: hopSamples, into: data, count: frameSamples)
                for index in 0..<frameSamples / 2 {
                    data.real[index] *= window[2 * index]
                    data.imaginary[index] *= window[2 * index + 1]
                }
                transform.forward(data, scratch: scratch)
                for bin in 0..<transform.binCount {
                    scratch.real[bin] = data.real[bin] * data.real[bin] + data.imaginary[bin] * data.imaginary[bin]
                }
                body(first, UnsafePointer(scratch.real))
            }
        }
    }
}
