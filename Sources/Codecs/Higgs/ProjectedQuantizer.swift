// Residual vector quantization with projections (transformers 5.23 models/higgs_audio_v2_tokenizer,
// `HiggsAudioV2TokenizerResidualVectorQuantization`): each stage projects the residual, takes the nearest codeword, and
// subtracts its projection back.

import PipelineKit

/// The stages of the quantizer.
struct ProjectedQuantizer: Sendable {
    private struct Stage: Sendable {
        var input: PackedWeights
        /// The codewords as columns of a product: its rows are dot products with all of them.
        var codewords: PackedWeights
        /// |codeword|²
        var squares: [Float]
        /// project_out of every codeword, (K, C).
        var outputs: Frames
    }

    private let stages: [Stage]
    private let channels: Int
    private let codebookSize: Int

    init(_ weights: HiggsWeights, _ config: HiggsConfig) throws {
        channels = config.hidden
        codebookSize = config.codebookSize
        let size = config.codebookSize, width = config.codebookChannels, hidden = config.hidden
        stages = try (0..<config.codebooks).map { stage in
            let name = "quantizer.quantizers.\(stage)"
            let book = Frames(try weights.floats("\(name).codebook.embed"), channels: width)
            let output = try weights.linear("\(name).project_out", hidden, width)
            let outputs = Frames(count: size, channels: hidden)
            output.multiply(book.inputs(), rows: size, into: outputs.outputs())
            return Stage(
                input: try weights.linear("\(name).project_in", width, hidden),
                codewords: PackedWeights(linear: book.values, outputs: size, channels: width, bias: nil),
                squares: (0..<size).map { Self.square(book[$0], width) }, outputs: outputs)
        }
    }

    /// Codes of frames, (Q, N), codebook by codebook. `residual`, (N, C), becomes what no stage has expressed.
    func encode(_ residual: Frames) -> [UInt16] {
        precondition(residual.channels == channels)
        var codes: [UInt16] = []
        codes.reserveCapacity(stages.count * residual.count)
        for stage in stages {
            let projected = Frames(count: residual.count, channels: stage.input.outputs)
            stage.input.multiply(residual.inputs(), rows: residual.count, into: projected.outputs())
            let products = Frames(count: residual.count, channels: codebookSize)
            stage.codewords.multiply(projected.inputs(), rows: residual.count, into: products.outputs())
            for t in 0..<residual.count {
                let code = Self.nearest(
                    products[t], stage.squares, square: Self.square(projected[t], projected.channels))
                codes.append(UInt16(code))
                let row = residual[t], output = stage.outputs[code]
                for i in 0..<channels { row[i] -= output[i] }
            }
        }
        return codes
    }

    /// The sum of the codewords' projections, (N, C). Codes must be in range.
    func decode(_ codes: RawCodes) -> Frames {
        precondition(codes.codebooks == stages.count, "codes of \(codes.codebooks) codebooks for \(stages.count)")
        let count = codes.frames
        let sum = Frames(count: count, channels: channels)
        sum.clear(0..<count)
        for (stage, book) in stages.enumerated() {
            for t in 0..<count {
                let row = sum[t], output = book.outputs[Int(codes[stage, t])]
                for i in 0..<channels { row[i] += output[i] }
            }
        }
        return sum
    }

    /// The first codeword at the least distance |x|² − 2 x·e + |e|², rounded step by step as the reference does, for ties
    /// are decided by rounding.
    private static func nearest(_ products: UnsafePointer<Float>, _ squares: [Float], square: Float) -> Int {
        var best = 0, least = Float.infinity
        for (i, own) in squares.enumerated() {
            let distance = (square - 2 * products[i]) + own
            if distance < least { (best, least) = (i, distance) }
        }
        return best
    }

    private static func square(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
        (0..<count).reduce(0) { $0 + x[$1] * x[$1] }
    }
}
