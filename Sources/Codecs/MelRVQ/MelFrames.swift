// The codec's front end: log-mel frames of 24 kHz audio, 100 a second, four of them stacked to a code frame. Not Whisper's
// (PipelineKit/LogMel): finer in time, up to 12 kHz, without a clamp that depends on the clip.

import PipelineKit

/// Log-mel frames for the codec, and the sizes that everything else follows from.
///
/// Code frame f of a clip of S samples covers samples 960 f ..< 960 (f + 1); there are ⌈S / 960⌉. Mel frame t is the
/// spectrum of 1,024 samples under a periodic Hann window around the middle of samples 240 t ..< 240 (t + 1), with silence
/// before and after the clip: 80 Slaney filters from 0 to 12,000 Hz on the power, log10, floored at −5, which is some
/// 80 dB below a sine at full scale.
struct MelFrames: Sendable {
    static let sampleRate = 24_000
    /// 1,024 samples are 43 ms: enough to tell the harmonics of a deep voice apart, which Griffin-Lim needs.
    static let windowSamples = 1_024
    static let hopSamples = 240
    static let framesStacked = 4
    /// Samples a code frame.
    static let codeSamples = hopSamples * framesStacked
    static let codeFrameRate = 25
    static let binCount = 80
    static let hertz = 0.0...12_000.0
    /// The floor of the mel energies; its logarithm is −5.
    static let floorEnergy: Float = 1e-5
    /// D: the width of a stacked frame.
    static let width = binCount * framesStacked
    /// Silence in front of the clip, so that the first window's middle is the first hop's.
    static let leadSamples = windowSamples / 2 - hopSamples / 2

    let spectrum = PowerSpectrum(frameSamples: windowSamples, hopSamples: hopSamples)
    let filterBank = MelFilterBank(
        sampleRate: sampleRate, frameSamples: windowSamples, binCount: binCount, hertz: hertz)

    /// The number of code frames of a clip.
    static func codeFrames(samples: Int) -> Int { (samples + codeSamples - 1) / codeSamples }

    /// The stacked log-mel frames of a clip of at least one sample. // (code frames, 4, M) = (code frames, D)
    func stacked(_ samples: [Float]) -> [Float] {
        let frames = Self.codeFrames(samples: samples.count) * Self.framesStacked
        var padded = [Float](repeating: 0, count: spectrum.samplesNeeded(frames: frames))
        padded.replaceSubrange(Self.leadSamples..<Self.leadSamples + samples.count, with: samples)
        let bins = Self.binCount
        return [Float](unsafeUninitializedCapacity: frames * bins) { output, initialized in
            initialized = frames * bins
            padded.withUnsafeBufferPointer { padded in
                spectrum.forEachGroup(padded, frames: frames) { first, power in
                    filterBank.apply(to: power) { bin, energy in
                        let floored = energy.replacing(with: Self.floorEnergy, where: energy .< Self.floorEnergy)
                        let logarithm = floored.log10
                        for lane in 0..<min(Lanes.scalarCount, frames - first) {
                            output[(first + lane) * bins + bin] = logarithm[lane]
                        }
                    }
                }
            }
        }
    }
}
