// Parts of clips: exact to the frame, and without loss where they are to be stored again.

/// Interleaved samples in the kind of number that keeps a clip without loss. // (S, channels)
public enum ExactSamples: Sendable, Equatable {
    /// Left-justified, as libsndfile has them: full scale is 2³¹ at every depth. `bits` are the source's.
    case integers([Int32], bits: Int)
    case floats([Float])
    /// Also 32-bit integers, which a Float does not hold.
    case doubles([Double])
}

extension ExactSamples {
    public var count: Int {
        switch self {
        case .integers(let samples, _): samples.count
        case .floats(let samples): samples.count
        case .doubles(let samples): samples.count
        }
    }
}

extension AudioDecoder {
    /// Decodes a segment in the kind of number that loses nothing.
    ///
    /// The decoder must be at its first frame. Where the clip ends before the segment's first frame, or more than
    /// `AudioSegment.overrunMilliseconds` before its end, that is an error; a smaller overrun is cut.
    ///
    /// - Throws: as `decodeMono`, and `segmentOutOfRange`.
    public func decodeExact(_ segment: AudioSegment, maximumFrames: Int? = nil) throws -> ExactSamples {
        switch info.encoding {
        case .integer(let bits) where bits <= 24:
            .integers(try decode(segment, maximumFrames: maximumFrames), bits: bits)
        case .integer, .double: .doubles(try decode(segment, maximumFrames: maximumFrames))
        case .float: .floats(try decode(segment, maximumFrames: maximumFrames))
        }
    }

    private func decode<Sample: DecodedSample>(_ segment: AudioSegment, maximumFrames: Int?) throws -> [Sample] {
        precondition(position == 0, "a segment is cut by a decoder that has not decoded yet")
        let (start, count) = segment.frames(sampleRate: info.sampleRate)
        if let maximumFrames, let count, count > maximumFrames {
            throw AudioError(.tooLong(limitFrames: maximumFrames, sampleRate: info.sampleRate), source: source)
        }
        try advance(toFrame: start)
        var samples: [Sample] = []
        if position == start {
            let goal: Goal = count.map { .frames($0) } ?? .end(limit: maximumFrames.map { start + $0 })
            try decodeBlocks(of: Sample.self, to: goal) { samples.append(contentsOf: $0) }
        }
        let missing = count.map { start + $0 - position } ?? 0
        let tolerated = AudioSegment.overrunMilliseconds * info.sampleRate / 1_000
        guard !samples.isEmpty, missing <= tolerated else {
            throw AudioError(
                .segmentOutOfRange(startFrame: start, frames: count, clipFrames: position), source: source)
        }
        return samples
    }
}
