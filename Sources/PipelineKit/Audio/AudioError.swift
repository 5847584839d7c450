// What can be wrong with a clip. Errors of the file system are FileError's.

/// An error of one clip: what is wrong, and which clip.
public struct AudioError: PersonReadable, Equatable {
    /// What is wrong.
    public enum Reason: Sendable, Equatable {
        /// Not a format that is read, or a header that makes no sense; libsndfile's words.
        case unreadable(String)
        /// A directory, a FIFO, a device.
        case notRegularFile
        /// The decoder gave up after `frame` frames; libsndfile's words.
        case damaged(frame: Int, String)
        /// The container is damaged at a byte; what is there.
        case damagedContainer(byte: Int, String)
        /// A second recording begins at a byte, appended to the first, and no decoder here would reach it.
        case furtherAudio(byte: Int)
        /// The header promises more than the file holds.
        case truncated(claimed: Int, got: Int, unit: String)
        /// Not a single frame.
        case empty
        /// NaN or infinity in the frame with this number.
        case nonFinite(frame: Int)
        case sampleRateOutOfRange(Int)
        case channelsOutOfRange(Int)
        /// More frames than the bound; decoding stopped one frame past it.
        case tooLong(limitFrames: Int, sampleRate: Int)
        /// A negative, non-finite or astronomically large offset or duration.
        case invalidSegment(offsetSeconds: Double, durationSeconds: Double?)
        /// A segment that the clip does not hold.
        case segmentOutOfRange(startFrame: Int, frames: Int?, clipFrames: Int)
        /// libsndfile did not take the samples; its words.
        case cannotEncode(String)
    }

    public var reason: Reason
    /// The path of the clip, or what else names it; empty where the caller says which clip it is.
    public var source: String

    public init(_ reason: Reason, source: String) {
        self.reason = reason
        self.source = source
    }

    public var failure: Failure {
        Failure(.badData, reason.text, at: source.isEmpty ? nil : source.escapedForTerminal)
    }
}

extension AudioError.Reason {
    /// The reason in words, without the clip's name.
    public var text: String {
        switch self {
        case .unreadable(let words): "cannot be read as audio (\(words.escapedForTerminal))"
        case .notRegularFile: "is not a regular file"
        case .damaged(let frame, let words): "is damaged after \(frame) frames (\(words.escapedForTerminal))"
        case .damagedContainer(let byte, let words): "is damaged at byte \(byte) (\(words))"
        case .furtherAudio(let byte):
            "holds a second recording from byte \(byte) on, appended to the first: split the file there, or "
                + "encode both as one"
        case .truncated(let claimed, let got, let unit):
            "is truncated: the header promises \(claimed) \(unit), the file holds \(got)"
        case .empty: "holds not a single frame"
        case .nonFinite(let frame): "holds NaN or infinity in frame \(frame)"
        case .sampleRateOutOfRange(let rate):
            "has a sample rate of \(rate) Hz, outside "
                + "\(AudioLimits.sampleRates.lowerBound) to \(AudioLimits.sampleRates.upperBound) Hz"
        case .channelsOutOfRange(let count): "has \(count) channels, more than \(AudioLimits.channels.upperBound)"
        case .tooLong(let frames, let rate):
            "is longer than \(Double(frames) / Double(rate)) s (\(frames) frames at \(rate) Hz)"
        case .invalidSegment(let offset, let duration):
            "cannot be cut at offset \(offset) s, duration \(duration.map { "\($0) s" } ?? "to the end")"
        case .segmentOutOfRange(let start, let frames, let clip):
            "holds \(clip) frames, not the segment from frame \(start)"
                + (frames.map { " of \($0) frames" } ?? " to the end")
        case .cannotEncode(let words): "cannot be encoded (\(words.escapedForTerminal))"
        }
    }
}
