// Synthetic sound for tests: the same samples on every machine.

/// Noise around a few partials whose level moves: something like speech, computed with exact arithmetic (triangles instead
/// of sines), so that its bytes depend on no mathematical library. Integers of 16 bits. // (frames, channels)
public func babble(frames: Int, channels: Int = 1, rate: Int, seed: UInt64) -> [Int16] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    func random() -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state % 2_001) - 1_000
    }
    /// A triangle of this frequency, −4,096 … 4,096.
    func triangle(_ frame: Int, _ hertz: Int) -> Int {
        let phase = frame * hertz % rate * 16_384 / rate
        return phase < 8_192 ? phase - 4_096 : 12_288 - phase
    }
    let pitch = 90 + Int(seed % 7) * 20
    return (0..<frames * channels).map { index in
        let frame = index / channels
        let syllable = frame * 8 / rate
        let loudness = [3, 0, 5, 8, 1, 6, 2, 7][syllable % 8]
        let tone = triangle(frame, pitch) + triangle(frame, pitch * (3 + syllable % 5)) / 2
        let noise = random() * (syllable % 3)
        return Int16(clamping: (tone + noise) * loudness / 8 + index % channels * 50)
    }
}
