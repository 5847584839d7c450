// Residual vector quantization: each codebook codes what the ones before it left over (Juang and Gray, 1982; as in
// SoundStream, Zeghidour et al., 2021, without its networks).

import PipelineKit

/// Q codebooks in a row.
struct ResidualQuantizer: Sendable {
    let codebooks: [Codebook]
    var width: Int { codebooks[0].width }

    init(_ codebooks: [Codebook]) {
        precondition(!codebooks.isEmpty, "a quantizer has codebooks")
        self.codebooks = codebooks
    }

    /// The codes of vectors. // (rows, D) → (Q, rows)
    func encode(_ vectors: [Float]) -> RawCodes {
        let rows = vectors.count / width
        var residual = vectors
        var codes: [UInt16] = []
        codes.reserveCapacity(codebooks.count * rows)
        for codebook in codebooks {
            let stage = residual.withUnsafeBufferPointer { codebook.nearest($0) }
            Self.subtract(stage, of: codebook, from: &residual)
            codes.append(contentsOf: stage.map(UInt16.init))
        }
        return RawCodes(codebooks: codebooks.count, frames: rows, values: codes)
    }

    /// The sums of codewords. // (Q, frames) → (frames, D)
    func decode(_ codes: RawCodes) -> [Float] {
        precondition(codes.codebooks == codebooks.count, "codes of other codebooks")
        var vectors = [Float](repeating: 0, count: codes.frames * width)
        for (stage, codebook) in codebooks.enumerated() {
            for frame in 0..<codes.frames {
                let code = Int(codes[stage, frame])
                precondition(code < codebook.count, "a code beyond the codebook")
                for index in 0..<width { vectors[frame * width + index] += codebook.values[code * width + index] }
            }
        }
        return vectors
    }

    /// Takes each vector's codeword away from it.
    static func subtract(_ codes: [Int], of codebook: Codebook, from vectors: inout [Float]) {
        let width = codebook.width
        vectors.withUnsafeMutableBufferPointer { vectors in
            codebook.values.withUnsafeBufferPointer { values in
                for (row, code) in codes.enumerated() {
                    for index in 0..<width { vectors[row * width + index] -= values[code * width + index] }
                }
            }
        }
    }
}
