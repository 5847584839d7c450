// Audio codes as a clip has them and as the model sees them. The two are different types: nothing that wants delayed
// codes takes raw ones. The delay itself is in DelayPattern.swift.

/// The codes of one clip, as a codec gives them: Q codebooks by n frames, no bos, no eos, no delay.
public struct RawCodes: Sendable, Equatable {
    /// Q.
    public let codebooks: Int
    /// n.
    public let frames: Int
    /// Codebook by codebook.
    public let values: [UInt16]  // (Q, n)

    /// - Parameter values: (Q, n), codebook by codebook.
    public init(codebooks: Int, frames: Int, values: [UInt16]) {
        precondition(codebooks >= 1 && frames >= 0 && values.count == codebooks * frames, "codes are not Q × n")
        self.codebooks = codebooks
        self.frames = frames
        self.values = values
    }

    /// The code of one codebook at one frame.
    public subscript(codebook: Int, frame: Int) -> UInt16 { values[codebook * frames + frame] }

    /// Some consecutive frames of all codebooks.
    public func frames(_ range: Range<Int>) -> RawCodes {
        var part: [UInt16] = []
        part.reserveCapacity(codebooks * range.count)
        for codebook in 0..<codebooks {
            part += values[codebook * frames + range.lowerBound..<codebook * frames + range.upperBound]
        }
        return RawCodes(codebooks: codebooks, frames: range.count, values: part)
    }
}

/// Codes in the delay pattern, between bos and eos: Q codebooks by n + 2 + Q − 1 positions.
public struct DelayedCodes: Sendable, Equatable {
    /// Q.
    public let codebooks: Int
    /// n + Q + 1, where n is the number of raw frames.
    public let positions: Int
    /// Codebook by codebook.
    public let values: [Int32]  // (Q, positions)

    /// - Parameter values: (Q, positions), codebook by codebook.
    public init(codebooks: Int, positions: Int, values: [Int32]) {
        precondition(values.count == codebooks * positions, "delayed codes are not Q × positions")
        self.codebooks = codebooks
        self.positions = positions
        self.values = values
    }

    /// The cell of one codebook at one position.
    public subscript(codebook: Int, position: Int) -> Int32 { values[codebook * positions + position] }
}
