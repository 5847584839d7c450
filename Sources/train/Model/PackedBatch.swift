// Sequences side by side: what one forward pass computes on. No padding, and boundaries that attention respects.

import PipelineKit

/// Merged sequences, packed one after another.
///
/// The arrays at the model's door have the field's names: `input_ids`, `label_ids`, `audio_features`, `audio_in_ids`,
/// `audio_out_ids`, `label_audio_ids`.
struct PackedBatch: Sendable {
    let sequences: [MergedSequence]
    /// Where each sequence starts, and the end: B + 1 numbers.
    let starts: [Int]

    /// Ids of all positions.
    let inputIDs: [Int32]  // (T)
    /// Labels at their own positions.
    let labelIDs: [Int32]  // (T)
    let kinds: [PositionKind]  // (T)
    /// Delayed codes of all references, codebook by codebook.
    let audioInIDs: [Int32]  // (Q, T of kind audioIn)
    /// Delayed codes of all assistants' clips.
    let audioOutIDs: [Int32]  // (Q, T of kind audioOut)
    /// Their labels, at their own positions.
    let labelAudioIDs: [Int32]  // (Q, T of kind audioOut)
    /// Labels by term: what the loss is normalised by, once added up over the optimizer step.
    let labelCounts: LabelCounts
    let codebooks: Int

    /// Expands and packs samples.
    /// - Throws: `SequenceError`.
    init(_ samples: [TrainingSample], format: SequenceFormat) throws {
        self.init(try samples.map { try MergedSequence($0, format: format) }, codebooks: format.delay.codebooks)
    }

    /// Packs sequences that are expanded already; at least one.
    init(_ sequences: [MergedSequence], codebooks: Int) {
        precondition(!sequences.isEmpty, "a batch needs a sequence")
        self.sequences = sequences
        self.codebooks = codebooks
        var starts = [0]
        var counts = LabelCounts(codebooks: codebooks)
        for sequence in sequences {
            starts.append(starts[starts.count - 1] + sequence.count)
            counts += LabelCounts(sequence, codebooks: codebooks)
        }
        self.starts = starts
        labelCounts = counts
        inputIDs = sequences.flatMap(\.inputIDs)
        labelIDs = sequences.flatMap(\.labelIDs)
        kinds = sequences.flatMap(\.kinds)
        audioInIDs = Self.joined(sequences.flatMap(\.audioIn), codebooks: codebooks)
        audioOutIDs = Self.joined(sequences.flatMap(\.audioOut), codebooks: codebooks)
        labelAudioIDs = Self.joined(sequences.flatMap(\.audioLabels), codebooks: codebooks)
    }

    /// T: positions of all sequences, feature and code positions included.
    var positions: Int { kinds.count }

    /// Positions of the longest sequence.
    var longest: Int { sequences.map(\.count).max() ?? 0 }

    private static func joined(_ grids: [DelayedCodes], codebooks: Int) -> [Int32] {
        (0..<codebooks).flatMap { k in
            grids.flatMap { $0.values[k * $0.positions..<(k + 1) * $0.positions] }
        }
    }
}
