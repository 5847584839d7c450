// Which rows are kept for validation: those whose hash falls below a threshold, so that the choice depends on a row's
// own id or speaker and on nothing else. Rows that are added later change nobody's side.

import PipelineKit

/// The choice of validation rows.
struct ValidationSplit: Sendable, Equatable {
    /// Speakers below this number make the split go by id.
    static let leastSpeakers = 20

    /// What is hashed: `.speaker` or `.id`.
    let by: TrainingOptions.ValidationBy
    /// Whether each row is kept for validation.
    let isValidation: [Bool]

    /// Hashes a row's key. The prefix makes it a function of its own; XXH64 of the prefix, then of the text's bytes.
    static func hash(_ key: some Sequence<UInt8>) -> UInt64 {
        XXH64.hash(Array("validation\0".utf8) + Array(key))
    }

    /// - Parameters:
    ///   - fraction: of the rows, 0 to 0.5; about so many are chosen.
    ///   - by: `.auto` takes speakers where there are at least `leastSpeakers`, else ids.
    ///   - ids: the hash of each row's id.
    ///   - speakers: the hash of each row's speaker, 0 where it has none; a row without speaker goes by its id.
    init(fraction: Double, by: TrainingOptions.ValidationBy, ids: [UInt64], speakers: [UInt64]) {
        precondition((0...0.5).contains(fraction) && ids.count == speakers.count, "a split needs a fraction and rows")
        let count = Set(speakers).subtracting([0]).count
        self.by = by == .auto ? (count >= Self.leastSpeakers ? .speaker : .id) : by
        let keys = self.by == .speaker ? zip(speakers, ids).map { $0 == 0 ? $1 : $0 } : ids
        let threshold = UInt64(fraction * 0x1p64)  // fraction ≤ 0.5: no overflow
        var sizes: [UInt64: Int] = [:]
        for key in keys where key < threshold { sizes[key, default: 0] += 1 }
        // Few, large speakers can come to more than half of the rows: those with the highest hashes go back.
        var total = sizes.values.reduce(0, +)
        for key in sizes.keys.sorted(by: >) where total * 2 > keys.count {
            total -= sizes[key] ?? 0
            sizes[key] = nil
        }
        isValidation = keys.map { sizes[$0] != nil }
    }
}
