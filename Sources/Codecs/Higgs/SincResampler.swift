// Resampling by a windowed sinc, exactly as torchaudio 2's default does (torchaudio.functional.resample: Hann window,
// lowpass_filter_width 6, rolloff 0.99), in Float like there. Not for other purposes: PipelineKit resamples with
// libsamplerate.

import Foundation

/// A resampler from one whole rate to another.
struct SincResampler: Sendable {
    /// The rates without their common divisor.
    let source: Int
    let target: Int
    /// Zero crossings of the sinc on either side.
    private static let crossings: Float = 6
    private static let rollOff = 0.99
    /// Samples that a kernel reaches beyond its place.
    private let width: Int
    /// (target, 2 · width + source)
    private let kernels: [[Float]]

    private static func reduced(_ sourceRate: Int, _ targetRate: Int) -> (source: Int, target: Int, width: Int) {
        var (a, b) = (sourceRate, targetRate)
        while b != 0 { (a, b) = (b, a % b) }
        let (source, target) = (sourceRate / a, targetRate / a)
        let base = Double(min(source, target)) * rollOff
        return (source, target, Int((Double(crossings) * Double(source) / base).rounded(.up)))
    }

    /// How many numbers the kernels hold: few for rates with a large common divisor, billions for others.
    static func kernelSize(from sourceRate: Int, to targetRate: Int) -> Int {
        let (source, target, width) = reduced(sourceRate, targetRate)
        return target * (2 * width + source)
    }

    init(from sourceRate: Int, to targetRate: Int) {
        (source, target, width) = Self.reduced(sourceRate, targetRate)
        let base = Double(min(source, target)) * Self.rollOff
        let (width, source, target) = (width, source, target)
        kernels = (0..<target).map { phase in
            (-width..<width + source).map { place in
                var t = Float(-phase) / Float(target) + Float(place) / Float(source)
                t *= Float(base)
                t = min(max(t, -Self.crossings), Self.crossings)
                let root = cosf(t * Float.pi / Self.crossings / 2)
                let window = root * root
                t *= Float.pi
                return (t == 0 ? 1 : sinf(t) / t) * (window * Float(base / Double(source)))
            }
        }
    }

    /// Samples that come out of `count`: ⌈target · count / source⌉.
    func outputCount(_ count: Int) -> Int { (target * count + source - 1) / source }

    /// The resampled wave.
    func callAsFunction(_ wave: [Float]) -> [Float] {
        if source == target { return wave }
        let length = 2 * width + source
        let padded =
            [Float](repeating: 0, count: width) + wave + [Float](repeating: 0, count: width + source)
        return (0..<outputCount(wave.count)).map { index in
            let start = index / target * source
            return kernels[index % target].withUnsafeBufferPointer { kernel in
                padded.withUnsafeBufferPointer { padded in
                    var sum: Float = 0
                    for i in 0..<length { sum += kernel[i] * padded[start + i] }
                    return sum
                }
            }
        }
    }
}
