// Which validation rows lend their references, or their text, to which: what the swap deltas of an evaluation compare.
// A model that listens to the reference, and that reads the text, predicts the target worse with another row's.

import PipelineKit

/// What the plan needs to know of a validation row, without the row itself.
struct SwapKey: Sendable, Equatable {
    /// The row's number in the data set.
    var row: Int
    /// Of the placeholders in order and of which are targets: rows of one shape can lend each other what they have.
    var shape: UInt64
    var hasReference: Bool
    var hasTarget: Bool
    /// Of the codes of all references.
    var references: UInt64
    /// Of all text ids.
    var text: UInt64
    /// 0 where the row has no speaker.
    var speaker: UInt64
}

extension SwapKey {
    init(_ sample: TrainingSample, row: Int, speaker: String, format: SequenceFormat) {
        var shape: [UInt8] = [], text: [Int32] = [], references: [UInt16] = []
        var clip = 0
        for (id, label) in zip(sample.inputIDs, sample.labelIDs) {
            switch id {
            case format.audioInID:
                shape.append(0)
                references += sample.clips[clip].values
                clip += 1
            case format.audioOutID:
                shape.append(label == ignoredLabel ? 1 : 2)
                clip += 1
            default: text.append(id)
            }
        }
        self.row = row
        self.shape = XXH64.hash(shape)
        hasReference = shape.contains(0)
        hasTarget = shape.contains(2)
        self.references = references.withUnsafeBytes { XXH64.hash($0) }
        self.text = text.withUnsafeBytes { XXH64.hash($0) }
        self.speaker = speaker.isEmpty ? 0 : XXH64.hash(Array(speaker.utf8))
    }
}

/// The pairs of both exchanges; a pure function of the validation rows.
struct SwapPlan: Sendable, Equatable {
    struct Pair: Sendable, Equatable {
        /// The row whose target is predicted.
        var row: Int
        /// The row that lends.
        var lender: Int
    }

    /// At most so many rows are exchanged, evenly spread over the validation rows: each costs two more passes.
    static let mostRows = 128

    let references: [Pair]
    let texts: [Pair]

    /// The lender is the next row, around the end, of the same shape whose references (or text) differ. Of references
    /// a row of another speaker comes first, where there is one: a voice differs more than a sentence in one voice.
    init(_ keys: [SwapKey]) {
        let rows = keys.filter(\.hasTarget)
        references = Self.pairs(
            rows.filter(\.hasReference), differs: { $0.references != $1.references },
            prefers: { $0.speaker != 0 && $1.speaker != 0 && $0.speaker != $1.speaker })
        texts = Self.pairs(rows, differs: { $0.text != $1.text }, prefers: { _, _ in true })
    }

    private static func pairs(
        _ keys: [SwapKey], differs: (SwapKey, SwapKey) -> Bool, prefers: (SwapKey, SwapKey) -> Bool
    ) -> [Pair] {
        var classes: [UInt64: [SwapKey]] = [:]
        var places: [Int: Int] = [:]
        for key in keys {
            places[key.row] = classes[key.shape]?.count ?? 0
            classes[key.shape, default: []].append(key)
        }
        let pairs = keys.compactMap { key -> Pair? in
            guard let peers = classes[key.shape], let place = places[key.row] else { return nil }
            let others = (1..<max(1, peers.count)).lazy.map { peers[(place + $0) % peers.count] }
            let lender = others.first { differs(key, $0) && prefers(key, $0) } ?? others.first { differs(key, $0) }
            return lender.map { Pair(row: key.row, lender: $0.row) }
        }
        guard pairs.count > mostRows else { return pairs }
        return (0..<mostRows).map { pairs[$0 * pairs.count / mostRows] }
    }
}

extension TrainingSample {
    /// This row with another row's references, codes and features, in place of its own. Both have one shape.
    func borrowingReferences(of lender: TrainingSample, format: SequenceFormat) -> TrainingSample {
        var row = self
        let placeholders = inputIDs.filter { $0 == format.audioInID || $0 == format.audioOutID }
        for (clip, id) in placeholders.enumerated() where id == format.audioInID {
            row.clips[clip] = lender.clips[clip]
        }
        row.features = lender.features
        return row
    }

    /// This row's clips in the place of another row's, between that row's text. Both have one shape.
    func borrowingText(of lender: TrainingSample) -> TrainingSample {
        var row = self
        row.inputIDs = lender.inputIDs
        row.labelIDs = lender.labelIDs
        return row
    }
}
