// Test audio is synthesised here; nothing is read from disk.

import Foundation

@testable import PipelineKit

/// A seeded generator (SplitMix64), so that a failure can be run again.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

enum Signal {
    /// A sine, interleaved over the channels with a different phase in each. // (S, channels)
    static func sine(
        _ hertz: Double, seconds: Double, rate: Int, channels: Int = 1, amplitude: Double = 0.5
    ) -> [Float] {
        let frames = Int(seconds * Double(rate))
        return (0..<frames * channels).map { index in
            let phase = 2 * Double.pi * hertz * Double(index / channels) / Double(rate) + Double(index % channels)
            return Float(amplitude * sin(phase))
        }
    }

    /// Left-justified integers of a depth, every bit in use.
    static func integers(_ count: Int, bits: Int, seed: UInt64) -> [Int32] {
        var generator = SeededGenerator(seed)
        let low = Int32(32 - bits)
        return (0..<count).map { _ in Int32.random(in: .min ... .max, using: &generator) & (-1 << low) }
    }

    static func noise(_ count: Int, amplitude: Float = 0.5, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed)
        return (0..<count).map { _ in Float.random(in: -amplitude...amplitude, using: &generator) }
    }
}

/// What is wrong with a clip by what `body` throws; nil where it succeeds.
func audioFault<Result>(_ body: () throws -> Result) -> AudioError.Reason? {
    do {
        _ = try body()
        return nil
    } catch {
        return (error as? AudioError)?.reason
    }
}
