// The door to sample rate conversion, and libsamplerate (0.2) behind it: for odd ratios, and as the judge of the resampler
// that the stages use (FourierResampler.swift).

import CSamplerate

/// A sample rate converter of one channel.
public protocol Resampler: Sendable {
    /// Converts `samples` // (S) from one rate to another, in Hz: ⌈S · to / from⌉ samples, delay compensated, silence
    /// assumed before and after. The same rate gives the samples themselves; no samples give none.
    func resample(_ samples: [Float], from sourceRate: Int, to targetRate: Int) -> [Float]
}

extension Resampler {
    /// The length of `count` samples after conversion: ⌈count · to / from⌉.
    public static func outputCount(_ count: Int, from sourceRate: Int, to targetRate: Int) -> Int {
        let divisor = greatestCommonDivisor(sourceRate, targetRate)
        let (up, down) = (targetRate / divisor, sourceRate / divisor)
        return (count * up + down - 1) / down
    }
}

/// libsamplerate's windowed sinc.
public struct LibsamplerateResampler: Resampler {
    public enum Quality: Sendable {
        /// 121 dB signal to noise, pass band to 90 % of the lower Nyquist frequency.
        case medium
        /// 145 dB, 96 %.
        case best
    }

    private let quality: Quality

    /// - Parameter quality: medium by default: against soxr HQ, which speech corpora are usually prepared with, the log-mel
    ///   of recorded speech differs by 0.003 in the mean with it and by 0.0006 with the best, which takes four times as
    ///   long.
    public init(quality: Quality = .medium) {
        self.quality = quality
    }

    public func resample(_ samples: [Float], from sourceRate: Int, to targetRate: Int) -> [Float] {
        precondition(sourceRate > 0 && targetRate > 0, "rates are positive")
        if sourceRate == targetRate || samples.isEmpty { return samples }
        let ratio = Double(targetRate) / Double(sourceRate)
        precondition(src_is_valid_ratio(ratio) != 0, "libsamplerate converts by 1/256 to 256, not \(ratio)")
        let count = Self.outputCount(samples.count, from: sourceRate, to: targetRate)
        // libsamplerate ends a frame early or late; silence behind the input makes the last frames exact.
        let padding = 8 + 2 * max(1, sourceRate / targetRate)
        let input = samples + [Float](repeating: 0, count: padding)
        let room = count + 16 + Int(Double(padding) * ratio)
        return [Float](unsafeUninitializedCapacity: room) { output, initialized in
            input.withUnsafeBufferPointer { input in
                var data = SRC_DATA()
                data.data_in = input.baseAddress
                data.input_frames = input.count
                data.data_out = output.baseAddress
                data.output_frames = room
                data.src_ratio = ratio
                let converter = quality == .medium ? SRC_SINC_MEDIUM_QUALITY : SRC_SINC_BEST_QUALITY
                let status = src_simple(&data, Int32(converter), 1)
                precondition(status == 0, "libsamplerate: \(src_strerror(status).map { String(cString: $0) } ?? "")")
                precondition(
                    data.output_frames_gen >= count, "libsamplerate ended \(count - data.output_frames_gen) early")
                initialized = count
            }
        }
    }
}

func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
    var (a, b) = (a, b)
    while b != 0 { (a, b) = (b, a % b) }
    return a
}
