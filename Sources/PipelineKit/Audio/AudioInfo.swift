// What a clip's header says, the bounds that every clip keeps, and segments of clips.

import CSndfile

/// The bounds of what the pipeline processes.
public enum AudioLimits {
    /// Sample rates in Hz.
    public static let sampleRates = 1_000...384_000
    /// Channels.
    public static let channels = 1...64
    /// The shortest clip: one frame of a 25 Hz codec.
    public static let minimumMilliseconds = 40

    /// Whether `frames` at `sampleRate` are at least the shortest clip.
    public static func isLongEnough(frames: Int, sampleRate: Int) -> Bool {
        frames * 1_000 >= minimumMilliseconds * sampleRate
    }
}

/// How a file keeps a sample, as far as that decides how it is kept without loss.
public enum SampleEncoding: Sendable, Equatable {
    /// Integer PCM of this depth (8 to 32 bits), plain, FLAC or ALAC.
    case integer(bits: Int)
    /// 64-bit floats.
    case double
    /// 32-bit floats, and every lossy coding: those decode to floats, some (Vorbis, Opus, MP3) above full scale.
    case float
}

/// A clip's format. All numbers are the header's; only decoding tells how many frames there are.
public struct AudioInfo: Sendable, Equatable {
    /// Frames a second.
    public var sampleRate: Int
    public var channels: Int
    /// The number of frames that the header claims; nil where it claims none. Never allocate on it.
    public var claimedFrames: Int?
    /// How samples are kept.
    public var encoding: SampleEncoding
    /// The container's short name: `wav`, `flac`, `ogg`, `mp3`, `aiff`, …
    public var container: String
    /// libsndfile's format word (SF_FORMAT_…).
    var format: Int32
}

extension AudioInfo {
    init(_ info: SF_INFO) {
        let subtype = info.format & Int32(SF_FORMAT_SUBMASK)
        sampleRate = Int(info.samplerate)
        channels = Int(info.channels)
        // libsndfile says SF_COUNT_MAX where a stream's length is unknown.
        claimedFrames = info.frames > 0 && info.frames < Int.max ? Int(info.frames) : nil
        format = info.format
        container = Self.containerName(info.format)
        encoding =
            switch Int(subtype) {
            case SF_FORMAT_PCM_S8, SF_FORMAT_PCM_U8: .integer(bits: 8)
            case SF_FORMAT_PCM_16, SF_FORMAT_ALAC_16: .integer(bits: 16)
            case SF_FORMAT_ALAC_20: .integer(bits: 20)
            case SF_FORMAT_PCM_24, SF_FORMAT_ALAC_24: .integer(bits: 24)
            case SF_FORMAT_PCM_32, SF_FORMAT_ALAC_32: .integer(bits: 32)
            case SF_FORMAT_DOUBLE: .double
            default: .float
            }
    }

    /// Whether every sample is stored by itself, so that a seek is exact and a header's claim can be held against it.
    var isUncompressed: Bool {
        switch Int(format & Int32(SF_FORMAT_TYPEMASK)) {
        case SF_FORMAT_FLAC, SF_FORMAT_OGG, SF_FORMAT_MPEG, SF_FORMAT_XI, SF_FORMAT_SDS: return false
        default: break
        }
        switch Int(format & Int32(SF_FORMAT_SUBMASK)) {
        case SF_FORMAT_PCM_S8, SF_FORMAT_PCM_U8, SF_FORMAT_PCM_16, SF_FORMAT_PCM_24, SF_FORMAT_PCM_32,
            SF_FORMAT_FLOAT, SF_FORMAT_DOUBLE:
            return true
        default: return false
        }
    }

    var isFLAC: Bool { Int(format & Int32(SF_FORMAT_TYPEMASK)) == SF_FORMAT_FLAC }
    var isOgg: Bool { Int(format & Int32(SF_FORMAT_TYPEMASK)) == SF_FORMAT_OGG }
    var isVorbis: Bool { isOgg && Int(format & Int32(SF_FORMAT_SUBMASK)) == SF_FORMAT_VORBIS }
    var isMP3: Bool { Int(format & Int32(SF_FORMAT_TYPEMASK)) == SF_FORMAT_MPEG }

    private static func containerName(_ format: Int32) -> String {
        switch Int(format & Int32(SF_FORMAT_TYPEMASK)) {
        case SF_FORMAT_WAV, SF_FORMAT_WAVEX: "wav"
        case SF_FORMAT_RF64: "rf64"
        case SF_FORMAT_W64: "w64"
        case SF_FORMAT_AIFF: "aiff"
        case SF_FORMAT_AU: "au"
        case SF_FORMAT_CAF: "caf"
        case SF_FORMAT_FLAC: "flac"
        case SF_FORMAT_OGG: "ogg"
        case SF_FORMAT_MPEG: "mp3"
        case SF_FORMAT_NIST: "nist"
        default: "0x" + String(format & Int32(SF_FORMAT_TYPEMASK), radix: 16)
        }
    }
}

/// A part of a clip, in seconds.
public struct AudioSegment: Sendable, Equatable {
    public let offsetSeconds: Double
    /// nil: to the end.
    public let durationSeconds: Double?

    /// How far past a clip's end a segment may reach before it is an error; it then ends with the clip. Manifests round
    /// durations (lhotse 1.x tolerates the same 25 ms, `LHOTSE_AUDIO_DURATION_MISMATCH_TOLERANCE`).
    public static let overrunMilliseconds = 25

    /// - Throws: `AudioError` of `source` for what is negative, not finite or over 10⁹ s, and for a duration of 0.
    public init(offsetSeconds: Double, durationSeconds: Double? = nil, source: String) throws {
        let seconds = 0...1e9
        guard seconds.contains(offsetSeconds), durationSeconds.map({ $0 > 0 && seconds.contains($0) }) ?? true else {
            throw AudioError(
                .invalidSegment(offsetSeconds: offsetSeconds, durationSeconds: durationSeconds), source: source)
        }
        self.offsetSeconds = offsetSeconds
        self.durationSeconds = durationSeconds
    }

    /// The first frame and the number of frames at a sample rate: seconds · rate, each rounded half up, as lhotse's
    /// `compute_num_samples` does; so a segment's length does not depend on where it starts.
    public func frames(sampleRate: Int) -> (start: Int, count: Int?) {
        func frames(_ seconds: Double) -> Int { Int((seconds * Double(sampleRate) + 0.5).rounded(.down)) }
        return (frames(offsetSeconds), durationSeconds.map(frames))
    }
}
