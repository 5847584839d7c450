// Encoding into memory: FLAC for integers, float and double WAV for the rest, 16-bit WAV for people's players. The same
// samples give the same bytes: libsndfile's PEAK chunk, which holds the time of day, is left out.

import CSndfile
import Foundation

/// Encoders of interleaved samples. // (S, channels)
///
/// All of them throw `AudioError.cannotEncode` where libsndfile refuses, and expect at least one frame.
public enum AudioEncoder {
    /// What `exact` made.
    public struct Encoded: Sendable, Equatable {
        public var bytes: [UInt8]
        /// `flac` or `wav`.
        public var container: String
    }

    /// Encodes without loss: integers up to 24 bits as FLAC of the same depth (of the next one that FLAC knows here: 8,
    /// 16, 24), everything else as float or double WAV. Integers that FLAC has no room for (over 8 channels, rates above
    /// 65,535 Hz that are no multiple of 10) become float WAV, which holds 24 bits exactly.
    public static func exact(_ samples: ExactSamples, channels: Int, sampleRate: Int, source: String) throws -> Encoded
    {
        switch samples {
        case .integers(let values, let bits):
            precondition(bits <= 24, "integers of \(bits) bits are kept as doubles")
            if channels <= 8, sampleRate < 65_536 || sampleRate % 10 == 0 {
                let bytes = try flac(
                    values, bits: bits, channels: channels, sampleRate: sampleRate, source: source)
                return Encoded(bytes: bytes, container: "flac")
            }
            let floats = values.map { Float($0) / 2_147_483_648 }
            return try exact(.floats(floats), channels: channels, sampleRate: sampleRate, source: source)
        case .floats(let values):
            let format = SF_FORMAT_WAV | SF_FORMAT_FLOAT
            let bytes = try encode(values.count, format, channels, sampleRate, source) { $0.write(values) }
            return Encoded(bytes: bytes, container: "wav")
        case .doubles(let values):
            let format = SF_FORMAT_WAV | SF_FORMAT_DOUBLE
            let bytes = try encode(values.count, format, channels, sampleRate, source) { $0.write(values) }
            return Encoded(bytes: bytes, container: "wav")
        }
    }

    /// FLAC of left-justified integers; `bits` up to 24.
    public static func flac(_ samples: [Int32], bits: Int, channels: Int, sampleRate: Int, source: String) throws
        -> [UInt8]
    {
        let depth = bits <= 8 ? SF_FORMAT_PCM_S8 : bits <= 16 ? SF_FORMAT_PCM_16 : SF_FORMAT_PCM_24
        return try encode(samples.count, SF_FORMAT_FLAC | depth, channels, sampleRate, source) { $0.write(samples) }
    }

    /// WAV of floats, as they are.
    public static func wav(_ samples: [Float], channels: Int, sampleRate: Int, source: String) throws -> [UInt8] {
        try exact(.floats(samples), channels: channels, sampleRate: sampleRate, source: source).bytes
    }

    /// WAV without loss, for people's players: integers as PCM of their depth (of the next one that WAV has: 8, 16, 24),
    /// floats and doubles as they are.
    public static func wav(_ samples: ExactSamples, channels: Int, sampleRate: Int, source: String) throws -> [UInt8] {
        guard case .integers(let values, let bits) = samples else {
            return try exact(samples, channels: channels, sampleRate: sampleRate, source: source).bytes
        }
        let depth = bits <= 8 ? SF_FORMAT_PCM_U8 : bits <= 16 ? SF_FORMAT_PCM_16 : SF_FORMAT_PCM_24
        return try encode(values.count, SF_FORMAT_WAV | depth, channels, sampleRate, source) { $0.write(values) }
    }

    /// 16-bit WAV: rounded to the nearest step of 1/32,768, clipped at full scale. NaN becomes 0.
    public static func wav16(_ samples: [Float], channels: Int, sampleRate: Int, source: String) throws -> [UInt8] {
        let integers = samples.map { sample -> Int16 in
            sample.isNaN ? 0 : Int16(max(-32_768, min(32_767, (sample * 32_768).rounded())))
        }
        return try encode(samples.count, SF_FORMAT_WAV | SF_FORMAT_PCM_16, channels, sampleRate, source) {
            $0.write(integers)
        }
    }

    /// Ogg Vorbis at libsndfile's own quality. Lossy: for measurements, not for data.
    public static func vorbis(_ samples: [Float], channels: Int, sampleRate: Int, source: String) throws -> [UInt8] {
        try encode(samples.count, SF_FORMAT_OGG | SF_FORMAT_VORBIS, channels, sampleRate, source) { file in
            // libvorbis takes memory for all that it is given at once.
            stride(from: 0, to: samples.count, by: 4_096 * channels).reduce(0) { written, start in
                written + file.write(Array(samples[start..<min(start + 4_096 * channels, samples.count)]))
            }
        }
    }

    /// Encodes in any format that libsndfile writes.
    static func encode(
        _ sampleCount: Int, _ format: Int, _ channels: Int, _ sampleRate: Int, _ source: String,
        write: (SoundFile) -> Int
    ) throws -> [UInt8] {
        precondition(channels > 0 && sampleCount > 0 && sampleCount % channels == 0, "whole frames are encoded")
        let sink = VirtualFile(.sink([]))
        // The handle closes, and finishes the header, where the inner function returns.
        func fill() throws -> Int {
            let info = SF_INFO(
                frames: 0, samplerate: Int32(sampleRate), channels: Int32(channels), format: Int32(format),
                sections: 0, seekable: 0)
            do {
                let file = try SoundFile(sink, mode: Int32(SFM_WRITE), info: info)
                file.set(SFC_SET_ADD_PEAK_CHUNK, to: false)
                return write(file)
            } catch let error as SoundFile.OpenError {
                throw AudioError(.cannotEncode(error.words), source: source)
            }
        }
        let written = try fill()
        guard written == sampleCount / channels, case .sink(let bytes) = sink.content else {
            throw AudioError(.cannotEncode("\(written) of \(sampleCount / channels) frames"), source: source)
        }
        return bytes
    }
}
