// What a packed batch means for one model: which rows take which weights, which ids are looked up where, how the tower's
// chunks lie. Computed once a pass.

import PipelineKit

/// Rows and ids of one pass.
struct BatchPlan {
    let starts: [Int]
    /// T.
    let rows: Int
    /// Positions by what stands there, ascending.
    let textRows: [Int32]
    let featureRows: [Int32]
    let codeRows: [Int32]
    /// Text and feature positions, ascending: what takes the text norms and feed-forward of a dual layer.
    let plainRows: [Int32]
    let allRows: [Int32]
    /// The ids at `textRows`.
    let textIDs: [Int32]
    /// Rows of the code embedding at `codeRows`: k · (K + 2) + code.
    let codeIDs: [Int32]  // (code rows, Q)
    let targets: ShiftedTargets
    /// The references' chunks, in the order of the feature positions.
    let chunks: [TowerChunk]

    init(_ batch: PackedBatch, config: ModelConfig) {
        starts = batch.starts
        rows = batch.positions
        precondition(rows <= Int(Int32.max), "a batch of \(rows) positions")
        func positions(_ matches: (PositionKind) -> Bool) -> [Int32] {
            batch.kinds.indices.filter { matches(batch.kinds[$0]) }.map(Int32.init)
        }
        textRows = positions { $0 == .text }
        featureRows = positions { $0 == .feature }
        codeRows = positions(\.isCode)
        plainRows = positions { !$0.isCode }
        allRows = (0..<Int32(rows)).map { $0 }
        textIDs = textRows.map { batch.inputIDs[Int($0)] }
        codeIDs = Self.codeIDs(batch, rows: codeRows, classes: config.codebookClasses)
        targets = ShiftedTargets(batch)
        chunks = config.tower == nil ? [] : batch.sequences.flatMap { $0.features.map(TowerChunk.chunks) ?? [] }
    }

    private static func codeIDs(_ batch: PackedBatch, rows: [Int32], classes: Int) -> [Int32] {
        let inColumns = batch.audioInIDs.count / batch.codebooks
        let outColumns = batch.audioOutIDs.count / batch.codebooks
        var ids: [Int32] = []
        ids.reserveCapacity(rows.count * batch.codebooks)
        var nextIn = 0, nextOut = 0
        for row in rows {
            let isReference = batch.kinds[Int(row)] == .audioIn
            for k in 0..<batch.codebooks {
                let code =
                    isReference ? batch.audioInIDs[k * inColumns + nextIn] : batch.audioOutIDs[k * outColumns + nextOut]
                ids.append(Int32(k * classes) + code)
            }
            if isReference { nextIn += 1 } else { nextOut += 1 }
        }
        return ids
    }
}

/// One chunk of log-mel for the tower.
struct TowerChunk {
    /// Log-mel, channels first.
    let mel: [Float]  // (M, frames)
    /// Stored frames.
    let frames: Int
    /// c: positions behind the second convolution.
    let positions: Int
    /// ⌊c/2⌋: positions in the merged sequence.
    var featurePositions: Int { positions / 2 }

    static func chunks(_ features: FeatureChunks) -> [TowerChunk] {
        features.lengths.indices.map { number in
            let range = features.offsets[number]..<features.offsets[number + 1]
            var mel: [Float] = []
            mel.reserveCapacity(features.melBins * range.count)
            for bin in 0..<features.melBins {
                let row = bin * features.frames
                mel += features.values[row + range.lowerBound..<row + range.upperBound]
            }
            return TowerChunk(
                mel: mel, frames: range.count,
                positions: FeatureChunks.towerPositions(frames: features.lengths[number]))
        }
    }
}
