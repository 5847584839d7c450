// From the clip that a row names to the bytes that are stored: a whole file as it is, a segment cut and encoded without
// loss. Whatever the flags, a clip that leaves here was decoded to its end, is finite and lasts at least 40 ms.

import Foundation
import PipelineKit

/// A clip, checked, as it is stored.
struct LoadedClip: Sendable {
    var bytes: [UInt8]
    /// The XXH64 of the bytes.
    var digest: UInt64
    var content: ClipContent

    var seconds: Double { content.seconds }
}

/// What decoding a clip told.
struct ClipContent: Sendable {
    var sampleRate: Int
    var channels: Int
    var frames: Int
    /// The largest magnitude of the channels' average.
    var peak: Float
    /// `wav`, `flac`, `ogg`, …
    var container: String

    var seconds: Double { Double(frames) / Double(sampleRate) }
}

/// Loads clips. Any number of threads may use one.
struct ClipLoader: Sendable {
    /// A shard's raw bytes at most, and so a row's.
    static let largestRow = 1 << 30
    /// Files above this are surveyed before they are read.
    private static let smallFile = 64 << 20
    /// Below this peak a clip is silent: −60 dB of full scale.
    static let silentPeak: Float = 0.001

    var root: AudioRoot
    /// Seconds.
    var minDuration: Double
    var maxDuration: Double
    /// References repeat from row to row; each is decoded once, as long as 100,000 others have not come between.
    private let contents = ClipCache<ClipContent>(limitBytes: 100_000 * 160) { _ in 160 }

    init(root: AudioRoot, minDuration: Double, maxDuration: Double) {
        (self.root, self.minDuration, self.maxDuration) = (root, minDuration, maxDuration)
    }

    /// - Throws: `Reject`; `FileError` where the system fails.
    func load(_ request: ClipRequest) throws -> LoadedClip {
        let source = request.path ?? "raw_audio"
        do {
            switch request.source {
            case .base64(let text):
                guard let bytes = Base64.decode(text) else {
                    throw Reject(.unreadableAudio, "raw_audio is not base64")
                }
                if let segment = try segment(request, source) {
                    return try cut(segment, from: AudioDecoder(bytes: bytes, source: source))
                }
                return try whole(bytes, source)
            case .path(let path):
                let file = try root.open(path)
                return try withExtendedLifetime(file) {
                    if let segment = try segment(request, source) {
                        return try cut(segment, from: AudioDecoder(descriptor: file.descriptor, source: source))
                    }
                    guard file.byteCount <= Self.largestRow else {
                        throw Reject(.rowTooLarge, "\(file.byteCount) bytes, over \(Self.largestRow)", path: path)
                    }
                    if file.byteCount > Self.smallFile {
                        let decoder = try AudioDecoder(descriptor: file.descriptor, source: source)
                        _ = try decoder.survey(maximumFrames: maximumFrames(decoder.info.sampleRate))
                    }
                    return try whole(file.bytes(path: path), source)
                }
            }
        } catch let error as AudioError {
            throw Self.reject(error, path: request.path)
        } catch var reject as Reject {
            reject.path = reject.path ?? request.path
            throw reject
        } catch let error as FileError where error.code == EIO || error.code == EBADMSG {
            throw Reject(
                .unreadableAudio, "cannot be read: \(String(cString: strerror(error.code)))", path: request.path)
        }
    }

    /// How long a clip is that was not decoded, as far as manifest and header tell; 0 where they do not.
    func claimedSeconds(_ request: ClipRequest) -> Double {
        if let duration = request.duration, duration.isFinite, duration > 0 { return duration }
        guard case .path(let path) = request.source, let file = try? root.open(path) else { return 0 }
        return withExtendedLifetime(file) {
            guard let info = try? AudioDecoder(descriptor: file.descriptor, source: path).info else { return 0 }
            return max(0, Double(info.claimedFrames ?? 0) / Double(info.sampleRate) - (request.offset ?? 0))
        }
    }

    /// The segment that a request asks for; nil for a whole file, which an offset of 0 without a duration is too.
    private func segment(_ request: ClipRequest, _ source: String) throws -> AudioSegment? {
        guard let offset = request.offset, offset > 0 || request.duration != nil else { return nil }
        if request.duration == 0 { throw Reject(.audioTooShort, "a segment of 0 s") }
        return try AudioSegment(offsetSeconds: offset, durationSeconds: request.duration, source: source)
    }

    private func whole(_ bytes: [UInt8], _ source: String) throws -> LoadedClip {
        let digest = XXH64.hash(bytes)
        let content = try contents.value(digest: digest, byteCount: bytes.count) {
            let decoder = try AudioDecoder(bytes: bytes, source: source)
            return try survey(decoder, maximumFrames: maximumFrames(decoder.info.sampleRate))
        }
        try check(content)
        return LoadedClip(bytes: bytes, digest: digest, content: content)
    }

    private func cut(_ segment: AudioSegment, from decoder: AudioDecoder) throws -> LoadedClip {
        let (rate, channels) = (decoder.info.sampleRate, decoder.info.channels)
        let samples = try decoder.decodeExact(segment, maximumFrames: maximumFrames(rate))
        let encoded = try AudioEncoder.exact(samples, channels: channels, sampleRate: rate, source: decoder.source)
        // What is stored is what later stages decode, so it is what is surveyed.
        var content = try survey(AudioDecoder(bytes: encoded.bytes, source: decoder.source), maximumFrames: nil)
        content.container = encoded.container
        let frames = samples.count / channels
        guard content.frames == frames else {
            throw AudioError(.cannotEncode("\(content.frames) of \(frames) frames came back"), source: decoder.source)
        }
        try check(content)
        return LoadedClip(bytes: encoded.bytes, digest: XXH64.hash(encoded.bytes), content: content)
    }

    private func survey(_ decoder: AudioDecoder, maximumFrames: Int?) throws -> ClipContent {
        let (frames, peak) = try decoder.survey(maximumFrames: maximumFrames)
        let info = decoder.info
        return ClipContent(
            sampleRate: info.sampleRate, channels: info.channels, frames: frames, peak: peak,
            container: info.container)
    }

    private func maximumFrames(_ rate: Int) -> Int { Int((maxDuration * Double(rate) + 1e-6).rounded(.down)) }

    private func check(_ clip: ClipContent) throws {
        func text(_ seconds: Double) -> String { "\((seconds * 1000).rounded() / 1000) s" }
        guard AudioLimits.isLongEnough(frames: clip.frames, sampleRate: clip.sampleRate),
            Double(clip.frames) >= minDuration * Double(clip.sampleRate) - 1e-6
        else {
            let minimum = max(minDuration, Double(AudioLimits.minimumMilliseconds) / 1_000)
            throw Reject(.audioTooShort, "\(text(clip.seconds)), at least \(text(minimum)) are needed")
        }
        guard clip.peak >= Self.silentPeak else {
            throw Reject(.silentAudio, "the peak is \(clip.peak), below \(Self.silentPeak)")
        }
    }

    private static func reject(_ error: AudioError, path: String?) -> Reject {
        let code: RejectCode =
            switch error.reason {
            case .tooLong: .audioTooLong
            case .empty, .segmentOutOfRange: .audioTooShort
            case .invalidSegment: .invalidStructure
            default: .unreadableAudio
            }
        return Reject(code, error.reason.text, path: path)
    }
}
