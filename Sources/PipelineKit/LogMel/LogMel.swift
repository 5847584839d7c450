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
        var peak: Float = 0
        let values = [Float](unsafeUninitializedCapacity: binCount * frames) { output, initialized in
            initialized = binCount * frames
            guard let target = output.baseAddress else { return }
            samples.withUnsafeBufferPointer { fill(target, from: $0, frames: frames) }
            peak = Self.clampAndScale(target, count: initialized)
        }
        // The silent frames of the 3,000 are at log10 1e-10 = −10, below which no frame lies: they are never the largest.
        return Chunk(
            validFrames: Self.validFrames(samples: samples.count), frameCount: frames, values: values,
            padding: max(-1.5, peak - 2))
    }

    /// Computes log10 of the mel energies, floored. // (M, frames)
    private func fill(
        _ target: UnsafeMutablePointer<Float>, from samples: UnsafeBufferPointer<Float>, frames: Int
    ) {
        let framed = FramedSamples(samples, spectrum), tile = FrameTile(binCount: binCount)
        defer {
            framed.deallocate()
            tile.deallocate()
        }
        spectrum.forEachGroup(frames: frames, samples: framed.group) { first, power in
            filterBank.apply(to: power) { bin, energy in
                tile.put(energy.replacing(with: 1e-10, where: energy .< 1e-10).log10, bin: bin, first: first)
            }
            tile.flush(group: first, into: target, frames: frames)
        }
    }

    /// Clamps to the largest − 8 and scales, in place.
    ///
    /// - Returns: the largest value after scaling.
    private static func clampAndScale(_ values: UnsafeMutablePointer<Float>, count: Int) -> Float {
        let address = UnsafeMutableRawPointer(values)
        let whole = count / Lanes.scalarCount * Lanes.scalarCount
        func vector(_ index: Int) -> Lanes { address.loadUnaligned(fromByteOffset: 4 * index, as: Lanes.self) }
        var highest = Lanes(repeating: -.infinity)
        for index in stride(from: 0, to: whole, by: Lanes.scalarCount) {
            let values = vector(index)
            highest.replace(with: values, where: values .> highest)
        }
        var largest = highest.max()
        for index in whole..<count { largest = max(largest, values[index]) }
        let floor = largest - 8
        for index in stride(from: 0, to: whole, by: Lanes.scalarCount) {
            let values = vector(index)
            let clamped = (values.replacing(with: floor, where: values .< floor) + 4) * 0.25
            address.storeBytes(of: clamped, toByteOffset: 4 * index, as: Lanes.self)
        }
        for index in whole..<count { values[index] = (max(values[index], floor) + 4) * 0.25 }
        return (largest + 4) * 0.25
    }
}

/// What the frames of a chunk see: 200 samples reflected in front, the clip, zeros, and the reflection of the 30 s' end.
private struct FramedSamples {
    private let samples: UnsafeBufferPointer<Float>
    private let spectrum: PowerSpectrum
    /// The samples of a group that reaches past the clip on either side.
    private let edge: UnsafeMutablePointer<Float>
    private let groupSamples: Int

    init(_ samples: UnsafeBufferPointer<Float>, _ spectrum: PowerSpectrum) {
        (self.samples, self.spectrum) = (samples, spectrum)
        groupSamples = spectrum.samplesNeeded(frames: Lanes.scalarCount)
        edge = .allocate(capacity: groupSamples)
    }

    func deallocate() { edge.deallocate() }

    /// The samples of sixteen frames, where they lie if they can; good until the next call.
    func group(_ first: Int) -> UnsafePointer<Float> {
        let start = first * spectrum.hopSamples - spectrum.frameSamples / 2
        if start >= 0, start + groupSamples <= samples.count, let address = samples.baseAddress {
            return address + start
        }
        for place in 0..<groupSamples {
            var index = abs(start + place)
            if index >= LogMel.chunkSamples { index = 2 * (LogMel.chunkSamples - 1) - index }
            edge[place] = index < samples.count ? samples[index] : 0
        }
        return UnsafePointer(edge)
    }
}

/// The values of several groups of frames, on their way into rows that are thousands of values apart: one vector at a time,
/// each would be a miss of the caches.
private struct FrameTile {
    private static let groups = 8
    /// Vectors from row to row: one more, so that not all rows fall on the same sets of a cache.
    private static let pitch = groups + 1
    private let binCount: Int
    private let room: UnsafeMutablePointer<Lanes>  // (M, pitch)

    init(binCount: Int) {
        self.binCount = binCount
        room = .allocate(capacity: binCount * Self.pitch)
        room.initialize(repeating: .zero, count: binCount * Self.pitch)
    }

    func deallocate() { room.deallocate() }

    /// Takes a bin's values in the group that begins with a frame.
    @inline(__always)
    func put(_ values: Lanes, bin: Int, first: Int) {
        room[bin * Self.pitch + first / Lanes.scalarCount % Self.groups] = values
    }

    /// Moves the tile into the rows when its last group, or the last of all, has been filled. // (M, frames)
    func flush(group first: Int, into target: UnsafeMutablePointer<Float>, frames: Int) {
        let end = min(first + Lanes.scalarCount, frames)
        let group = first / Lanes.scalarCount
        guard (group + 1) % Self.groups == 0 || end == frames else { return }
        let start = (group - group % Self.groups) * Lanes.scalarCount
        for bin in 0..<binCount {
            UnsafeMutableRawPointer(target + (bin * frames + start)).copyMemory(
                from: room + bin * Self.pitch, byteCount: 4 * (end - start))
        }
    }
}
