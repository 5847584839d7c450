// Decoding of one clip, from memory or from a regular file, whatever libsndfile reads. What a header claims is believed
// only where decoding proves it. See AudioDecoder+Segments for parts of clips, AudioDecoder+HalfRate for
// Vorbis at high rates, AudioEncoder for the way back.

import CSndfile
import Foundation

/// A clip that is decoded from its first frame on, once.
///
/// Samples are floats around ±1, as stored where floats are stored and not clipped where a lossy coding overshoots. Not
/// thread-safe: one decoder, one thread.
public final class AudioDecoder {
    public let info: AudioInfo
    /// What the clip is called in errors.
    public let source: String
    /// The next frame to be decoded.
    public internal(set) var position = 0
    let soundFile: SoundFile

    /// Opens a clip that lies in memory; nothing is copied.
    ///
    /// - Throws: `AudioError`: unreadable, truncated, or outside `AudioLimits`.
    public convenience init(bytes: ArraySlice<UInt8>, source: String) throws {
        try self.init(VirtualFile(.memory(bytes)), source: source)
    }

    /// Opens a clip that lies in memory; nothing is copied.
    public convenience init(bytes: [UInt8], source: String) throws {
        try self.init(bytes: bytes[...], source: source)
    }

    /// Opens a clip through a descriptor of a regular file, read with pread: its offset stays where it is. The caller
    /// closes it, and not before the decoder's last use.
    ///
    /// - Throws: `AudioError` as above and `notRegularFile`; `FileError`.
    public convenience init(descriptor: Int32, source: String) throws {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileError("read the size", source) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw AudioError(.notRegularFile, source: source) }
        try self.init(VirtualFile(.descriptor(descriptor, size: Int(status.st_size))), source: source)
    }

    private init(_ file: VirtualFile, source: String) throws {
        do {
            soundFile = try SoundFile(file)
        } catch let error as SoundFile.OpenError {
            try Self.checkReads(of: file, source: source)
            throw AudioError(.unreadable(error.words), source: source)
        }
        self.source = source
        info = AudioInfo(soundFile.info)
        guard AudioLimits.sampleRates.contains(info.sampleRate) else {
            throw AudioError(.sampleRateOutOfRange(info.sampleRate), source: source)
        }
        guard AudioLimits.channels.contains(info.channels) else {
            throw AudioError(.channelsOutOfRange(info.channels), source: source)
        }
        if let short = DeclaredLength.shortfall(of: file) {
            throw AudioError(.truncated(claimed: short.claimed, got: short.got, unit: short.unit), source: source)
        }
    }

    /// Looks at what libsndfile does not mention, before the first frame is decoded.
    func checkContainer() throws {
        let file = soundFile.file
        let fault: AudioError.Reason? =
            if info.isOgg {
                OggPages.fault(in: file)
            } else if info.isMP3 {
                MPEGFrames.fault(in: file, claimedSamples: info.claimedFrames)
            } else {
                nil
            }
        guard let fault else { return }
        try Self.checkReads(of: file, source: source)
        throw AudioError(fault, source: source)
    }

    /// A read that failed is the disk's fault, not the clip's.
    static func checkReads(of file: VirtualFile, source: String) throws {
        if let code = file.errorCode { throw FileError("read", source, code: code) }
    }
}

extension AudioDecoder {
    /// Decodes to the end and averages the channels. // (S)
    ///
    /// - Parameter maximumFrames: decoding stops with `tooLong` one frame past it.
    /// - Throws: `AudioError`: tooLong, damaged, truncated, empty, nonFinite; `FileError` where the disk fails.
    public func decodeMono(maximumFrames: Int? = nil) throws -> [Float] {
        var mono: [Float] = []
        mono.reserveCapacity(expectedFrames)
        try decodeMonoBlocks(maximumFrames: maximumFrames) { mono.append(contentsOf: $0) }
        return mono
    }

    /// Decodes to the end, averages the channels and converts to `rate`, block by block. // (S)
    ///
    /// - Throws: as `decodeMono`.
    public func decodeMono(at rate: Int) throws -> [Float] {
        guard rate != info.sampleRate else { return try decodeMono() }
        if let samples = try decodeMonoAtHalfRate(to: rate) { return samples }
        let stream = FourierResampler.stream(from: info.sampleRate, to: rate, expectedCount: expectedFrames)
        guard let stream else {
            return FourierResampler().resample(try decodeMono(), from: info.sampleRate, to: rate)
        }
        try decodeMonoBlocks(maximumFrames: nil) { stream.append($0) }
        return stream.finish()
    }

    /// Decodes to the end without keeping anything.
    ///
    /// - Returns: the number of frames, and the peak: the largest magnitude of the channels' average, which is what every
    ///   later stage works on (antiphase channels are silence to it).
    /// - Throws: as `decodeMono`.
    public func survey(maximumFrames: Int? = nil) throws -> (frames: Int, peak: Float) {
        var peak: UInt32 = 0
        try decodeMonoBlocks(maximumFrames: maximumFrames) { peak = max(peak, Float.largestMagnitude($0)) }
        return (position, Float(bitPattern: peak))
    }

    /// Frames to make room for: what the header claims, but never much on its word alone.
    var expectedFrames: Int { max(0, min(info.claimedFrames ?? 0, 1 << 21)) }

    /// Decodes to the end; `body` gets the average of the channels, block by block.
    private func decodeMonoBlocks(
        maximumFrames: Int?, _ body: (UnsafeBufferPointer<Float>) throws -> Void
    ) throws {
        if position == 0, let flac = FLACFile(soundFile.file, info: info) {
            return try decodeMonoBlocks(of: flac, maximumFrames: maximumFrames, body)
        }
        let channels = info.channels
        guard channels > 1 else {
            return try decodeBlocks(of: Float.self, to: .end(limit: maximumFrames), body)
        }
        let mono = UnsafeMutablePointer<Float>.allocate(capacity: Self.blockSamples / channels)
        defer { mono.deallocate() }
        try decodeBlocks(of: Float.self, to: .end(limit: maximumFrames)) { block in
            ChannelMean.interleaved(block, channels: channels, into: mono)
            try body(UnsafeBufferPointer(start: mono, count: block.count / channels))
        }
    }

    /// The same through libFLAC.
    private func decodeMonoBlocks(
        of flac: FLACFile, maximumFrames: Int?, _ body: (UnsafeBufferPointer<Float>) throws -> Void
    ) throws {
        while let block = flac.nextBlock() {
            position += block.count
            if let maximumFrames, position > maximumFrames {
                throw AudioError(
                    .tooLong(limitFrames: maximumFrames, sampleRate: info.sampleRate), source: source)
            }
            try body(block)
        }
        try Self.checkReads(of: flac.file, source: source)
        if let words = flac.fault { throw AudioError(.damaged(frame: position, words), source: source) }
        if let claimed = info.claimedFrames, position > claimed {
            throw AudioError(
                .damaged(frame: claimed, "more frames follow than the header counts"), source: source)
        }
        try checkEnd(reachedGoal: false)
    }

    /// Decodes to the end, interleaved. // (S, channels)
    ///
    /// - Throws: as `decodeMono`.
    public func decodeInterleaved(maximumFrames: Int? = nil) throws -> [Float] {
        var samples: [Float] = []
        try decodeBlocks(of: Float.self, to: .end(limit: maximumFrames)) { samples.append(contentsOf: $0) }
        return samples
    }
}

// MARK: - The loop that everything goes through

extension AudioDecoder {
    /// Where a decoding loop stops.
    enum Goal {
        /// At the clip's end, which must come within `limit` frames.
        case end(limit: Int?)
        /// After this many frames, or at the clip's end.
        case frames(Int)
    }

    /// Samples a block at most: 64 channels leave 256 frames.
    static let blockSamples = 16_384

    /// Decodes block after block of interleaved, finite samples.
    func decodeBlocks<Sample: DecodedSample>(
        of type: Sample.Type, to goal: Goal, _ body: (UnsafeBufferPointer<Sample>) throws -> Void
    ) throws {
        if position == 0 { try checkContainer() }
        let channels = info.channels
        let blockFrames = Self.blockSamples / channels
        let block = UnsafeMutablePointer<Sample>.allocate(capacity: blockFrames * channels)
        defer { block.deallocate() }
        let stop: Int? =
            switch goal {
            case .end(let limit): limit.map { $0 + 1 }
            case .frames(let count): position + count
            }
        while true {
            let wanted = min(blockFrames, (stop ?? .max) - position)
            let got = wanted > 0 ? max(0, Sample.read(wanted, from: soundFile, into: block)) : 0
            let samples = UnsafeBufferPointer(start: block, count: got * channels)
            if let bad = Sample.firstNonFinite(samples) {
                throw AudioError(.nonFinite(frame: position + bad / channels), source: source)
            }
            position += got
            if case .end(let limit?) = goal, position > limit {
                throw AudioError(.tooLong(limitFrames: limit, sampleRate: info.sampleRate), source: source)
            }
            if got > 0 { try body(samples) }
            if got < wanted || wanted == 0 { break }
        }
        try checkEnd(reachedGoal: stop == position)
    }

    /// Goes to `frame`: by a seek where libsndfile's are exact (plain PCM, and FLAC, whose format stores frame numbers),
    /// else by decoding what lies before. Stops early at the clip's end.
    func advance(toFrame frame: Int) throws {
        if frame == position { return }
        if info.isUncompressed || info.isFLAC, let claimed = info.claimedFrames, frame < claimed,
            soundFile.seek(toFrame: frame) == frame
        {
            position = frame
            return
        }
        try decodeBlocks(of: Float.self, to: .frames(frame - position)) { _ in }
    }

    /// What a loop that ended must answer for.
    private func checkEnd(reachedGoal: Bool) throws {
        try Self.checkReads(of: soundFile.file, source: source)
        if let words = soundFile.errorWords {
            throw AudioError(.damaged(frame: position, words), source: source)
        }
        if position == 0, !reachedGoal { throw AudioError(.empty, source: source) }
        if !reachedGoal, let claimed = info.claimedFrames, position < claimed - claimTolerance {
            throw AudioError(.truncated(claimed: claimed, got: position, unit: "frames"), source: source)
        }
    }

    /// By how many frames a claim may exceed what comes. Plain PCM and FLAC count their frames; so does an MP3 with a Xing
    /// tag, give or take the encoder's delay and padding; other lossy streams claim estimates.
    private var claimTolerance: Int {
        if info.isUncompressed || info.isFLAC { return 0 }
        return info.isMP3 && MPEGFrames.countedFrames(in: soundFile.file) != nil ? 4 * 1_152 : .max
    }
}

/// A number that libsndfile decodes to.
protocol DecodedSample: BitwiseCopyable {
    static func read(_ frames: Int, from file: SoundFile, into target: UnsafeMutablePointer<Self>) -> Int
    /// The index of the first NaN or infinity.
    static func firstNonFinite(_ samples: UnsafeBufferPointer<Self>) -> Int?
}

extension Float: DecodedSample {
    static func read(_ frames: Int, from file: SoundFile, into target: UnsafeMutablePointer<Float>) -> Int {
        file.read(frames, into: target)
    }

    /// The largest magnitude as bits; those of NaN and infinity are above all others. Integer maxima vectorise.
    static func largestMagnitude(_ samples: UnsafeBufferPointer<Float>) -> UInt32 {
        var largest: UInt32 = 0
        for sample in samples { largest = max(largest, sample.bitPattern & 0x7FFF_FFFF) }
        return largest
    }

    static func firstNonFinite(_ samples: UnsafeBufferPointer<Float>) -> Int? {
        largestMagnitude(samples) < Float.infinity.bitPattern ? nil : samples.firstIndex { !$0.isFinite }
    }
}

extension Double: DecodedSample {
    static func read(_ frames: Int, from file: SoundFile, into target: UnsafeMutablePointer<Double>) -> Int {
        file.read(frames, into: target)
    }

    static func firstNonFinite(_ samples: UnsafeBufferPointer<Double>) -> Int? {
        samples.firstIndex { !$0.isFinite }
    }
}

extension Int32: DecodedSample {
    static func read(_ frames: Int, from file: SoundFile, into target: UnsafeMutablePointer<Int32>) -> Int {
        file.read(frames, into: target)
    }

    static func firstNonFinite(_ samples: UnsafeBufferPointer<Int32>) -> Int? { nil }
}
