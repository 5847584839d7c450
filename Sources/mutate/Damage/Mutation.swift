// Seeded damage to the bytes of a file. The same seed, format and number always give the same mutant, so that a finding is
// named by three words and needs no file.

import PipelineKit

/// What the damage is drawn from.
enum FileKind: Sendable {
    case binary
    /// JSON, JSON lines, YAML: numbers and whole tokens are exchanged as well.
    case text
}

/// The damaged bytes of one file.
struct Mutant {
    private(set) var bytes: [UInt8]
    private var random: SplitMix64

    /// Damages `original`, mostly once, sometimes two or three times. What comes out differs from it.
    init(of original: [UInt8], kind: FileKind, seed: UInt64, format: String, number: Int) {
        bytes = original
        random = SplitMix64(seed: seed, streams: [XXH64.hash(format.utf8), UInt64(number)])
        for _ in 0..<[1, 1, 1, 2, 3][random.below(5)] {
            switch kind {
            case .binary: damageBinary()
            case .text: damageText()
            }
        }
        if bytes == original { flipBit() }
        if bytes.isEmpty, original.isEmpty { bytes = [0] }
    }

    private mutating func damageBinary() {
        switch random.below(12) {
        case 0...3: overwriteLengthField(random: &random, bytes: &bytes)
        case 4...5: flipBit()
        default: damageRun()
        }
    }

    private mutating func damageText() {
        switch random.below(12) {
        case 0...3: exchangeNumber(random: &random, bytes: &bytes)
        case 4...7: exchangeToken(random: &random, bytes: &bytes)
        case 8: flipBit()
        default: damageRun()
        }
    }

    private mutating func flipBit() {
        guard !bytes.isEmpty else { return }
        bytes[place()] ^= 1 << UInt8(random.below(8))
    }

    /// Runs of bytes: overwritten, filled, cut off at the end, inserted, repeated, removed, exchanged.
    private mutating func damageRun() {
        guard !bytes.isEmpty else { return }
        let start = place(), run = start..<min(bytes.count, start + runLength())
        switch random.below(7) {
        case 0: for index in run { bytes[index] = UInt8(truncatingIfNeeded: random.next()) }
        case 1: for index in run { bytes[index] = start % 2 == 0 ? 0 : 0xFF }
        case 2: bytes.removeSubrange(start...)
        case 3: bytes.insert(contentsOf: run.map { _ in UInt8(truncatingIfNeeded: random.next()) }, at: start)
        case 4: bytes.insert(contentsOf: bytes[run], at: random.below(bytes.count + 1))
        case 5: bytes.removeSubrange(run)
        default:
            let other = place()
            for (offset, index) in run.enumerated() where other + offset < bytes.count {
                bytes.swapAt(index, other + offset)
            }
        }
    }

    /// A byte's index: half of them among the first 256, where headers are.
    private mutating func place() -> Int {
        random.below(2) == 0 ? random.below(min(256, bytes.count)) : random.below(bytes.count)
    }

    /// Short runs mostly, up to 4 KiB at times.
    private mutating func runLength() -> Int { 1 + random.below(1 << [1, 2, 3, 4, 6, 9, 12][random.below(7)]) }
}
