// The final norm, the text head and the audio heads, computed only at rows that have labels. Loss, its gradient and the
// heads' backward pass are made block by block, so that logits of a large vocabulary are never held whole.

import PipelineKit

/// The tensors behind the last layer.
struct OutputHeads {
    let norm: Parameter  // (1, C)
    /// nil where the model has none.
    let text: Projection?  // (V, C)
    let audio: Projection  // (Q · (K + 2), C)

    init(_ config: ModelConfig, of parameters: ParameterStore) {
        norm = parameters[.finalNorm]
        text = config.hasTextHead ? parameters.projection(.textHead) : nil
        audio = parameters.projection(.audioHead)
    }
}

/// Memory of the heads.
struct OutputHeadsScratch {
    /// Logits of a block hold about so many values: 64 MiB.
    private static let blockValues = 1 << 24

    /// The rows with text labels, then those with audio labels, normalised.
    let normalized: Matrix  // (L, C)
    let inverse: Matrix  // (1, T)
    let logits: Matrix  // (1, block · classes)
    let dNormalized: Matrix  // (L, C); empty without training

    init(_ heads: OutputHeads, plan: BatchPlan, isTraining: Bool, _ arena: inout ArenaCursor) {
        let textRows = heads.text == nil ? 0 : plan.targets.textRows.count
        let audioRows = plan.targets.audioRows.count
        let width = heads.norm.value.count
        normalized = arena.matrix(textRows + audioRows, width)
        inverse = arena.matrix(1, plan.rows)
        func values(_ head: Projection?, rows: Int) -> Int {
            head.map { min(rows, Self.blockRows($0)) * $0.outputs } ?? 0
        }
        logits = arena.matrix(1, max(values(heads.text, rows: textRows), values(heads.audio, rows: audioRows)))
        dNormalized = arena.matrix(isTraining ? textRows + audioRows : 0, width)
    }

    /// How many rows' logits are held at a time.
    static func blockRows(_ head: Projection) -> Int { max(64, blockValues / head.outputs) }
}

/// The cross-entropy of every label, for probes, and what is predicted in a code's place.
struct LabelLosses: Sendable, Equatable {
    var targets: ShiftedTargets
    /// One a text row.
    var text: [Float] = []
    /// Row by row; 0 where a codebook has no label.
    var audio: [Float] = []  // (audio rows, Q)
    /// The likeliest class, bos and eos among them; 0 where a codebook has no label.
    var classes: [Int32] = []  // (audio rows, Q)
    /// The likeliest code, bos and eos left out; 0 where a codebook has no label.
    var codes: [Int32] = []  // (audio rows, Q)
}

extension OutputHeads {
    /// What the gradients of one pass are scaled by.
    struct GradientScales {
        var text: Float
        var codebooks: [Float]  // (Q)
    }

    /// Losses of all labels; with `scales` also the gradients of the heads, the norm and the hidden state.
    ///
    /// - Parameters:
    ///   - x: (T, C), the output of the last layer.
    ///   - dx: (T, C), overwritten; looked at only with `scales`.
    ///   - labelLosses: receives each label's loss and prediction where it is not nil; only without `scales`.
    func pass(
        _ x: Matrix, dx: Matrix?, plan: BatchPlan, config: ModelConfig, smoothing: Float, scales: GradientScales?,
        scratch s: OutputHeadsScratch, labelLosses: inout LabelLosses?
    ) -> LossSums {
        let targets = plan.targets
        let textRows = text == nil ? [] : targets.textRows
        let textCount = textRows.count
        var sums = LossSums(codebooks: config.codebooks)
        RMSNorm.forward(
            x, rows: textRows, weight: norm.value, epsilon: config.normEpsilon, y: s.normalized,
            placement: .packed(from: 0), inverse: s.inverse)
        RMSNorm.forward(
            x, rows: targets.audioRows, weight: norm.value, epsilon: config.normEpsilon, y: s.normalized,
            placement: .packed(from: textCount), inverse: s.inverse)
        if let text {
            sums.counts.text = textCount
            let isTrained = scales.map { $0.text != 0 } ?? false
            head(text, rows: 0..<textCount, cellsPerRow: 1, isTrained: isTrained, s) { row, _, logits in
                CellLoss(
                    CrossEntropy.row(
                        logits, classes: config.vocabularySize, label: Int(targets.textLabels[row]),
                        smoothing: smoothing, gradientScale: scales?.text))
            } sum: { _, _, cell in
                sums.text += Double(cell.loss)
                labelLosses?.text.append(cell.loss)
            }
        }
        let classes = config.codebookClasses
        let isAudioTrained = scales.map { $0.codebooks.contains { $0 != 0 } } ?? false
        let audioRows = textCount..<s.normalized.rows
        head(audio, rows: audioRows, cellsPerRow: config.codebooks, isTrained: isAudioTrained, s) { row, k, logits in
            let cell = logits + k * classes
            let label = targets.audioLabels[row * config.codebooks + k]
            guard label != ignoredLabel else {
                if scales != nil { cell.update(repeating: 0, count: classes) }
                return CellLoss((loss: 0, best: 0))
            }
            var loss = CellLoss(
                CrossEntropy.row(
                    cell, classes: classes, label: Int(label), smoothing: smoothing, gradientScale: scales?.codebooks[k]
                ))
            if scales == nil { loss.code = LikeliestCode.among(cell, codes: config.codebookSize, best: loss.best) }
            return loss
        } sum: { row, k, cell in
            labelLosses?.audio.append(cell.loss)
            labelLosses?.classes.append(Int32(cell.best))
            labelLosses?.codes.append(Int32(cell.code))
            let label = targets.audioLabels[row * config.codebooks + k]
            guard label != ignoredLabel else { return }
            sums.codebooks[k] += Double(cell.loss)
            sums.counts.codebooks[k] += 1
            if label == config.streamEOS {
                sums.eosLabels[k] += 1
                sums.eosHits[k] += cell.best == Int(label) ? 1 : 0
            }
        }
        if scales != nil, let dx {
            dx.fill(0)
            RMSNorm.backward(
                x, rows: textRows, weight: norm, inverse: s.inverse, dx: dx, dy: s.dNormalized,
                placement: .packed(from: 0))
            RMSNorm.backward(
                x, rows: targets.audioRows, weight: norm, inverse: s.inverse, dx: dx, dy: s.dNormalized,
                placement: .packed(from: textCount))
        }
        return sums
    }

    /// The loss of one cell, and what is predicted there.
    private struct CellLoss {
        var loss: Float
        /// The likeliest class.
        var best: Int
        /// The likeliest code; known only where the logits stay, without gradients.
        var code = 0

        init(_ row: (loss: Float, best: Int)) { (loss, best) = row }
    }

    /// One head over some rows of the normalised block.
    ///
    /// - Parameters:
    ///   - cellsPerRow: distributions in a row of logits.
    ///   - loss: gets a row, counted from 0, one of its cells and the row's logits, and replaces the cell's by their
    ///     gradient where the pass trains. Called by several threads.
    ///   - sum: gets every cell in order.
    private func head(
        _ head: Projection, rows: Range<Int>, cellsPerRow: Int, isTrained: Bool, _ s: OutputHeadsScratch,
        loss: (_ row: Int, _ cell: Int, _ logits: UnsafeMutablePointer<Float>) -> CellLoss,
        sum: (_ row: Int, _ cell: Int, CellLoss) -> Void
    ) {
        let block = OutputHeadsScratch.blockRows(head)
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: block) {
            let range = start..<min(start + block, rows.upperBound), first = start - rows.lowerBound
            let x = s.normalized.rows(range)
            let logits = Matrix(base: s.logits.base, rows: range.count, columns: head.outputs)
            Linear.forward(x, head, y: logits, firstRow: start)
            let cells = [CellLoss](unsafeUninitializedCapacity: range.count * cellsPerRow) { cells, initialized in
                let target = cells
                ThreadTeam.forEachRows(range.count, columns: logits.columns) { rows in
                    for row in rows {
                        for k in 0..<cellsPerRow {
                            target[row * cellsPerRow + k] = loss(first + row, k, logits.row(row))
                        }
                    }
                }
                initialized = range.count * cellsPerRow
            }
            for (i, cell) in cells.enumerated() { sum(first + i / cellsPerRow, i % cellsPerRow, cell) }
            if isTrained {
                Linear.backward(x, head, dx: s.dNormalized.rows(range), dy: logits, firstRow: start)
            } else if s.dNormalized.rows > 0 {
                s.dNormalized.rows(range).fill(0)
            }
        }
    }
}
