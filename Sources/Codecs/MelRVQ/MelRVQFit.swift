// The fit of a codec: codebook after codebook to what is left, and the account of what was lost.

import Foundation
import PipelineKit

/// Codebooks and what they lose.
package struct MelRVQFit {
    static let codebooks = 8
    /// The sizes among which `auto` chooses.
    static let automaticSizes = 16...1_024
    /// Frames a codeword, at least, where `auto` chooses: fewer would be learned by heart.
    static let framesPerCodeword = 32

    let quantizer: ResidualQuantizer
    let config: MelRVQConfig
    let loss: FitLoss

    /// The largest power of two ≤ frames / 32, within 16 … 1,024.
    static func automaticSize(frames: Int) -> Int {
        var size = automaticSizes.lowerBound
        while size * 2 <= automaticSizes.upperBound, size * 2 <= frames / framesPerCodeword { size *= 2 }
        return size
    }

    /// Fits codebooks to the frames.
    ///
    /// - Parameter codebookSize: nil chooses by the number of frames.
    /// - Throws: a `Failure` (bad data) where there are fewer frames than codewords; `Interrupted`.
    package init(_ sample: FrameSample, codebookSize: Int?, workers: Int, isQuiet: Bool = true) throws {
        let size = codebookSize ?? Self.automaticSize(frames: sample.frames)
        guard sample.keptFrames >= size else {
            let seconds = Double(sample.keptFrames) / Double(MelFrames.codeFrameRate)
            throw Failure(
                .badData,
                "too little audio for \(size) codewords: \(sample.keptFrames) code frames (\(seconds) s), a codeword "
                    + "needs at least one",
                remedy: codebookSize == nil ? "give more audio" : "give more audio, or a smaller --codebook-size")
        }
        let spread = Self.spread(sample.vectors)
        let energy = Self.energy(sample.vectors)
        var residual = sample.vectors
        var fitted: [Codebook] = []
        var stages: [FitLoss.Stage] = []
        var codes: [UInt16] = []
        let progress = Progress("tokenize fit", unit: "codebooks", total: Double(Self.codebooks), isQuiet: isQuiet)
        defer { progress.finish() }
        for stage in 0..<Self.codebooks {
            let means = KMeans(clusters: size, width: MelFrames.width, seed: UInt64(stage) + 1, workers: workers)
            let codebook = try means.fit(residual)
            let assignment = try means.assign(residual, to: codebook).codes
            ResidualQuantizer.subtract(assignment, of: codebook, from: &residual)
            fitted.append(codebook)
            stages.append(Self.stage(residual, assignment, size: size))
            codes += assignment.map(UInt16.init)
            progress.advance()
        }
        quantizer = ResidualQuantizer(fitted)
        let rows = sample.keptFrames
        let decoded = Self.energy(of: RawCodes(codebooks: Self.codebooks, frames: rows, values: codes), by: quantizer)
        config = MelRVQConfig(codebooks: Self.codebooks, codebookSize: size, decodeGain: Float(energy / decoded))
        loss = FitLoss(
            samples: sample.samples, clips: sample.clips, frames: sample.frames, fittedFrames: rows,
            spreadDecibels: spread, stages: stages)
    }

    /// What a sum of energies begins with, so that silence can be divided by.
    private static let leastEnergy = 1e-30

    /// Σ of the mel energies behind log-mel values, added to `start`; those at the floor are decoded as silence and do not
    /// count.
    private static func energy(_ vectors: [Float], from start: Double = leastEnergy) -> Double {
        let floor = log10(MelFrames.floorEnergy)
        return vectors.reduce(start) { $0 + ($1 <= floor ? 0 : pow(10, Double($1))) }
    }

    /// The same of codes, decoded a few thousand frames at a time: all of them are as large as the sample.
    private static func energy(of codes: RawCodes, by quantizer: ResidualQuantizer) -> Double {
        stride(from: 0, to: codes.frames, by: 4_096).reduce(leastEnergy) { sum, start in
            let part = codes.frames(start..<min(start + 4_096, codes.frames))
            return energy(quantizer.decode(part), from: sum)
        }
    }

    /// The root mean square of what is left, in dB: ten times a log10 of a power.
    private static func decibels(_ squares: Double, count: Int) -> Double {
        10 * (squares / Double(count)).squareRoot()
    }

    private static func stage(_ residual: [Float], _ codes: [Int], size: Int) -> FitLoss.Stage {
        let squares = residual.reduce(0.0) { $0 + Double($1) * Double($1) }
        var counts = [Int](repeating: 0, count: size)
        for code in codes { counts[code] += 1 }
        let entropy = counts.filter { $0 > 0 }.reduce(0.0) { sum, count in
            let share = Double(count) / Double(codes.count)
            return sum - share * log2(share)
        }
        return FitLoss.Stage(
            melDistanceDecibels: decibels(squares, count: residual.count), used: counts.count { $0 > 0 },
            entropyBits: entropy)
    }

    private static func spread(_ vectors: [Float]) -> Double {
        let width = MelFrames.width, rows = vectors.count / MelFrames.width
        var mean = [Double](repeating: 0, count: width)
        for index in vectors.indices { mean[index % width] += Double(vectors[index]) / Double(rows) }
        let squares = vectors.indices.reduce(0.0) { sum, index in
            let difference = Double(vectors[index]) - mean[index % width]
            return sum + difference * difference
        }
        return decibels(squares, count: vectors.count)
    }
}
