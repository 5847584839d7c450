// Whisper's log-mel front end (transformers 5.23, WhisperFeatureExtractor), chunk by chunk, only the frames that a clip
// reaches. Not the codec's front end, which shares the spectrum and the filters.

/// Log-mel features of 16 kHz audio.
///
/// A chunk of at most 30 s is zero-padded to 480,000 samples and reflected by 200 at both edges; 3,000 frames of 400
/// samples under a periodic Hann window, 160 apart; power, Slaney mel filters from 0 to 8,000 Hz, log10 floored at 1e-10,
/// clamped to the largest of all 3,000 frames − 8, then (x + 4) / 4.
public struct LogMel: Sendable {
    public static let sampleRate = 16_000
    public static let windowSamples = 400
    public static let hopSamples = 160
    /// 30 s.
    public static let chunkSamples = 480_000
    public static let chunkFrames = chunkSamples / hopSamples

    /// Mel bins M.
    public let binCount: Int
    private let spectrum = PowerSpectrum(frameSamples: windowSamples, hopSamples: hopSamples)
    let filterBank: MelFilterBank

    /// - Parameter binCount: mel bins: 128 for Whisper large-v3 and Higgs Audio, 80 for its elders.
    public init(binCount: Int) {
        self.binCount = binCount
        filterBank = MelFilterBank(
            sampleRate: Self.sampleRate, frameSamples: Self.windowSamples, binCount: binCount, hertz: 0...8_000)
    }

    /// The features of one chunk.
    public struct Chunk: Sendable, Equatable {
        /// Frames that begin within the clip: ⌈samples / 160⌉.
        public var validFrames: Int
        /// min(validFrames + 2, 3,000): what the clip reaches.
        public var frameCount: Int
        public var values: [Float]  // (M, frameCount)
        /// What all later frames of the 3,000 are: max(−1.5, max − 2), max being the largest of `values`.
        public var padding: Float
    }

    /// Frames that begin within `samples` samples.
    public static func validFrames(samples: Int) -> Int { (samples + hopSamples - 1) / hopSamples }

    /// Frames that are computed of a chunk of `samples` samples: the valid ones and two that still see its end.
    public static func storedFrames(samples: Int) -> Int { min(validFrames(samples: samples) + 2, chunkFrames) }

    /// Where the chunks of a clip of `samples` samples lie: 30 s each, the last one shorter.
    public static func chunkRanges(samples: Int) -> [Range<Int>] {
        stride(from: 0, to: samples, by: chunkSamples).map { $0..<min($0 + chunkSamples, samples) }
    }

    /// The features of one chunk of 1 to 480,000 samples.
    public func chunk(_ samples: ArraySlice<Float>) -> Chunk {
        precondition(!samples.isEmpty && samples.count <= Self.chunkSamples, "a chunk has 1 to 480,000 samples")
        let frames = Self.storedFrames(samples: samples.count)
        let padded = padded(samples, frames: frames)
        var peak: Float = 0
        let values = [Float](unsafeUninitializedCapacity: binCount * frames) { output, initialized in
            initialized = binCount * frames
            guard let target = output.baseAddress else { return }
            padded.withUnsafeBufferPointer { padded in
                spectrum.forEachGroup(padded, frames: frames) { first, power in
                    filterBank.apply(to: power) { bin, energy in
                        let logarithm = energy.replacing(with: 1e-10, where: energy .< 1e-10).log10
                        LaneRows.put(logarithm, at: target + (bin * frames + first), count: frames - first)
                    }
                }
            }
            peak = Self.clampAndScale(output, count: initialized)
        }
        // The silent frames of the 3,000 are at log10 1e-10 = −10, below which no frame lies: they are never the largest.
        return Chunk(
            validFrames: Self.validFrames(samples: samples.count), frameCount: frames, values: values,
            padding: max(-1.5, peak - 2))
    }

    /// The samples that the frames see: 200 reflected in front, the clip, zeros, and the reflection of the 30 s' end.
    private func padded(_ samples: ArraySlice<Float>, frames: Int) -> [Float] {
        let edge = Self.windowSamples / 2
        var padded = [Float](repeating: 0, count: spectrum.samplesNeeded(frames: frames))
        let count = min(samples.count, padded.count - edge)
        padded.replaceSubrange(edge..<edge + count, with: samples.prefix(count))
        for distance in 1...edge {
            padded[edge - distance] = padded[edge + distance]
            let behind = edge + Self.chunkSamples - 1 + distance
            if behind < padded.count { padded[behind] = padded[behind - 2 * distance] }
        }
        return padded
    }

    /// Clamps to the largest − 8 and scales, in place.
    ///
    /// - Returns: the largest value after scaling.
    private static func clampAndScale(_ values: UnsafeMutableBufferPointer<Float>, count: Int) -> Float {
        var largest = -Float.infinity
        for index in 0..<count where values[index] > largest { largest = values[index] }
        let floor = largest - 8
        for index in 0..<count { values[index] = ((values[index] < floor ? floor : values[index]) + 4) * 0.25 }
        return (largest + 4) * 0.25
    }
}
