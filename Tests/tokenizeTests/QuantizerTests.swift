import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import Codecs

@Suite struct QuantizerTests {
    private func noise(_ count: Int, seed: UInt64) -> [Float] {
        var random = SplitMix64(seed: seed)
        return (0..<count).map { _ in Float(random.uniform() * 2 - 1) }
    }

    /// The nearest codeword by the definition, in Double.
    private func naiveNearest(_ vectors: [Float], _ codebook: Codebook) -> [(code: Int, distance: Double)] {
        (0..<vectors.count / codebook.width).map { row in
            (0..<codebook.count).map { code in
                (0..<codebook.width).reduce(0.0) { sum, index in
                    let difference =
                        Double(vectors[row * codebook.width + index])
                        - Double(codebook.values[code * codebook.width + index])
                    return sum + difference * difference
                }
            }.enumerated().min { $0.element < $1.element }.map { ($0.offset, $0.element) } ?? (0, 0)
        }
    }

    @Test func `SplitMix64 gives its published numbers`() {
        var random = SplitMix64(seed: 1_234_567)
        #expect(
            (0..<3).map { _ in random.next() }
                == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423])
        #expect((0..<1_000).allSatisfy { _ in (0..<7).contains(random.below(7)) })
    }

    @Test(arguments: [1, 7, 31, 256, 300], [1, 2, 9, 64]) func `the nearest codeword is the definition's`(
        rows: Int, count: Int
    ) {
        for width in [1, 7, 8, 31] {
            let seed = UInt64(rows * 1_000 + count * 10 + width)
            let codebook = Codebook(noise(count * width, seed: seed), count: count, width: width)
            let vectors = noise(rows * width, seed: seed + 1)
            var scores = [Float](repeating: 0, count: rows)
            let codes = vectors.withUnsafeBufferPointer { codebook.nearest($0) { scores[$0] = $1 } }
            let expected = naiveNearest(vectors, codebook)
            #expect(codes == expected.map(\.code), "seed \(seed)")
            for row in 0..<rows {
                let square = vectors[row * width..<(row + 1) * width].reduce(0) { $0 + $1 * $1 }
                #expect(abs(Double(square + scores[row]) - expected[row].distance) < 1e-4)
            }
        }
    }

    @Test func `of equal codewords the first is taken`() {
        let codebook = Codebook([1, 1, 0, 0, 0, 0, 1, 1], count: 4, width: 2)
        #expect([Float](repeating: 0, count: 4).withUnsafeBufferPointer { codebook.nearest($0) } == [1, 1])
    }

    @Test func `residual codes are found stage by stage and their sums come back`() {
        let width = 9
        let books = (0..<3).map { Codebook(noise(8 * width, seed: UInt64($0)), count: 8, width: width) }
        let quantizer = ResidualQuantizer(books)
        let vectors = noise(17 * width, seed: 40)
        let codes = quantizer.encode(vectors)
        #expect(codes.codebooks == 3 && codes.frames == 17)
        var residual = vectors
        for (stage, book) in books.enumerated() {
            let expected = naiveNearest(residual, book).map(\.code)
            #expect((0..<17).map { Int(codes[stage, $0]) } == expected)
            for (row, code) in expected.enumerated() {
                for index in 0..<width { residual[row * width + index] -= book.values[code * width + index] }
            }
        }
        let decoded = quantizer.decode(codes)
        let problem = mismatch("sum", got: decoded, expected: zip(vectors, residual).map { $0 - $1 }, tolerance: 1e-6)
        #expect(problem == nil, Comment(rawValue: problem ?? ""))
    }

    // MARK: k-means

    private func kMeans(_ clusters: Int, _ width: Int, workers: Int = 1) -> KMeans {
        KMeans(clusters: clusters, width: width, seed: 5, workers: workers)
    }

    @Test func `clusters that lie apart are found`() throws {
        let width = 5
        let centres: [[Float]] = (0..<9).map { number in (0..<width).map { Float(number * ($0 + 3) % 9 * 10) } }
        let jitter = noise(900 * width, seed: 3)
        let vectors: [Float] = jitter.indices.map { index in
            let centre = centres[index / width % 9][index % width]
            return centre + jitter[index] * 0.5
        }
        let codebook = try kMeans(9, width).fit(vectors)
        let found: [[Float]] = (0..<9).map { code in
            codebook.values[code * width..<(code + 1) * width].map { $0.rounded() }
        }
        #expect(Set(found) == Set(centres))
    }

    @Test func `an empty cluster takes the vector that lies farthest, each another one`() {
        let vectors: [Float] = [0, 1, 2, 50, 80]
        let assignment = KMeans.Assignment(codes: [1, 1, 1, 1, 1], distances: [0, 1, 4, 9, 30])
        let codebook = kMeans(3, 1).means(vectors, assignment)
        #expect(codebook.values == [80, 26.6, 50])
    }

    @Test func `the distance never grows and the workers do not show`() throws {
        let width = 31, rows = 5_000
        let vectors = noise(rows * width, seed: 8)
        let energy = vectors.reduce(0.0) { $0 + Double($1) * Double($1) }
        var last = energy
        for clusters in [1, 2, 8, 32] {
            let means = kMeans(clusters, width)
            let codebook = try means.fit(vectors)
            #expect(try kMeans(clusters, width, workers: 3).fit(vectors).values == codebook.values)
            let total = try means.assign(vectors, to: codebook).distances.reduce(0.0) { $0 + Double($1) }
            #expect(total < last)
            last = total
        }
    }

    @Test func `fewer distinct vectors than codewords are no trouble`() throws {
        let codebook = try kMeans(4, 2).fit([1, 2, 1, 2, 1, 2, 3, 4])
        let used = Set(try kMeans(4, 2).assign([1, 2, 3, 4], to: codebook).codes)
        #expect(used.count == 2)
        #expect(codebook.values.allSatisfy { $0.isFinite })
    }
}
