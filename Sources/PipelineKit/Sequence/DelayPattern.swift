// The delay pattern of Higgs Audio v2 (that of MusicGen, arXiv 2306.05284, section 2.2): codebook k stands k positions
// later than codebook 0, so that one position never has to predict two codebooks that depend on each other.

/// The label of positions that are not trained on, as in PyTorch's cross-entropy.
public let ignoredLabel: Int32 = -100

/// How codes become positions: a bos column before and an eos column behind, codebook k shifted by k, empty cells bos
/// in front and eos behind.
public struct DelayPattern: Sendable, Equatable {
    /// Q.
    public let codebooks: Int
    /// The id of the bos cell.
    public let bos: Int32
    /// The id of the eos cell.
    public let eos: Int32

    public init(codebooks: Int, bos: Int32, eos: Int32) {
        precondition(codebooks >= 1, "a delay pattern needs a codebook")
        self.codebooks = codebooks
        self.bos = bos
        self.eos = eos
    }

    /// How many positions a clip of so many frames takes: n + 2 + Q − 1.
    public func positions(frames: Int) -> Int { frames + codebooks + 1 }

    /// The codes in the delay pattern.
    public func delay(_ raw: RawCodes) -> DelayedCodes {
        grid(raw, front: bos, end: eos, back: eos)
    }

    /// What each position of `delay(raw)` is trained to be: the codes and one eos per codebook, else `ignoredLabel`.
    ///
    /// Labels stand at their own positions; the shift by one is the loss's.
    public func labels(_ raw: RawCodes) -> DelayedCodes {
        grid(raw, front: ignoredLabel, end: eos, back: ignoredLabel)
    }

    /// Labels of a clip of so many frames that is not a target: `ignoredLabel` everywhere.
    public func noLabels(frames: Int) -> DelayedCodes {
        let positions = positions(frames: frames)
        return DelayedCodes(
            codebooks: codebooks, positions: positions,
            values: Array(repeating: ignoredLabel, count: codebooks * positions))
    }

    /// The codes behind a delayed grid: the inverse of `delay`.
    ///
    /// Cells outside the codes are not looked at. A bos or eos where a code should stand keeps its id; a label that is
    /// ignored cannot stand there.
    public func undelay(_ delayed: DelayedCodes) -> RawCodes {
        precondition(delayed.codebooks == codebooks, "\(delayed.codebooks) codebooks, expected \(codebooks)")
        let frames = max(0, delayed.positions - codebooks - 1)
        var values: [UInt16] = []
        values.reserveCapacity(codebooks * frames)
        for k in 0..<codebooks {
            for frame in 0..<frames { values.append(UInt16(delayed[k, k + 1 + frame])) }
        }
        return RawCodes(codebooks: codebooks, frames: frames, values: values)
    }

    private func grid(_ raw: RawCodes, front: Int32, end: Int32, back: Int32) -> DelayedCodes {
        precondition(raw.codebooks == codebooks, "\(raw.codebooks) codebooks, expected \(codebooks)")
        let positions = positions(frames: raw.frames)
        var values = Array(repeating: back, count: codebooks * positions)
        for k in 0..<codebooks {
            let row = k * positions
            for position in 0...k { values[row + position] = front }
            for frame in 0..<raw.frames { values[row + k + 1 + frame] = Int32(raw[k, frame]) }
            values[row + k + 1 + raw.frames] = end
        }
        return DelayedCodes(codebooks: codebooks, positions: positions, values: values)
    }
}
