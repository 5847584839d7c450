// k-means: k-means++ seeds (Arthur and Vassilvitskii, 2007), Lloyd's iterations, empty clusters seeded anew. The result is
// a function of the vectors and the seed alone, whatever the number of workers.

import PipelineKit
import Synchronization

/// The fit of one codebook.
struct KMeans {
    let clusters: Int
    let width: Int
    let seed: UInt64
    let workers: Int
    /// Lloyd's iterations at most; they also end where the distance falls by less than a ten-thousandth.
    var iterations = 30

    /// Vectors a codeword among which k-means++ looks for seeds; on more it would cost more than the rest of the fit.
    private static let seedVectorsPerCluster = 16
    /// Vectors a unit of parallel work. Fixed, so that no sum depends on the number of workers.
    private static let blockRows = 2_048

    /// Fits codewords to at least as many vectors. // (rows, D)
    ///
    /// Each codeword is the mean of vectors that were nearest to its predecessor, so that the squared distance to the
    /// codewords is never above the vectors' own squared length.
    func fit(_ vectors: [Float]) throws -> Codebook {
        precondition(vectors.count >= clusters * width, "k-means of fewer vectors than codewords")
        var codebook = Codebook(seeds(vectors), count: clusters, width: width)
        var last = Double.infinity
        for _ in 0..<iterations {
            try Interrupt.check()
            let assignment = try assign(vectors, to: codebook)
            let total = assignment.distances.reduce(0) { $0 + Double($1) }
            codebook = means(vectors, assignment)
            if last - total <= 1e-4 * total { break }
            last = total
        }
        return codebook
    }

    struct Assignment: Sendable {
        var codes: [Int]  // (rows)
        /// Squared distances. // (rows)
        var distances: [Float]
    }

    /// The nearest codeword of every vector, blocks in parallel.
    func assign(_ vectors: [Float], to codebook: Codebook) throws -> Assignment {
        let width = width
        let rows = vectors.count / width
        var result = Assignment(codes: [], distances: [])
        result.codes.reserveCapacity(rows)
        result.distances.reserveCapacity(rows)
        var starts = stride(from: 0, to: rows, by: Self.blockRows).makeIterator()
        try orderedMap(
            workers: workers, next: { starts.next() },
            transform: { start in
                let range = start * width..<min(start + Self.blockRows, rows) * width
                return vectors.withUnsafeBufferPointer { vectors in
                    let block = UnsafeBufferPointer(rebasing: vectors[range])
                    var distances = (0..<block.count / width).map { row in
                        block[row * width..<(row + 1) * width].reduce(Float(0)) { $0 + $1 * $1 }
                    }
                    let codes = codebook.nearest(block) { row, score in
                        distances[row] = max(0, distances[row] + score)
                    }
                    return Assignment(codes: codes, distances: distances)
                }
            },
            drain: { block in
                result.codes += block.codes
                result.distances += block.distances
            })
        return result
    }

    /// The mean of each cluster, summed in Double in the vectors' order. An empty cluster takes the place of the vector
    /// that lies farthest from its codeword, each another one.
    func means(_ vectors: [Float], _ assignment: Assignment) -> Codebook {
        var sums = [Double](repeating: 0, count: clusters * width)
        var counts = [Int](repeating: 0, count: clusters)
        vectors.withUnsafeBufferPointer { vectors in
            sums.withUnsafeMutableBufferPointer { sums in
                for (row, code) in assignment.codes.enumerated() {
                    counts[code] += 1
                    for index in 0..<width { sums[code * width + index] += Double(vectors[row * width + index]) }
                }
            }
        }
        var values = [Float](repeating: 0, count: clusters * width)
        for code in 0..<clusters where counts[code] > 0 {
            let scale = 1 / Double(counts[code])
            for index in code * width..<(code + 1) * width { values[index] = Float(sums[index] * scale) }
        }
        let empty = (0..<clusters).filter { counts[$0] == 0 }
        if !empty.isEmpty {
            let farthest = assignment.distances.indices.sorted {
                (assignment.distances[$0], $1) > (assignment.distances[$1], $0)
            }
            for (code, row) in zip(empty, farthest) {
                values.replaceSubrange(
                    code * width..<(code + 1) * width, with: vectors[row * width..<(row + 1) * width])
            }
        }
        return Codebook(values, count: clusters, width: width)
    }

    /// Seeds: each vector is drawn with a chance in proportion to its squared distance from the seeds so far.
    private func seeds(_ vectors: [Float]) -> [Float] {
        var random = SplitMix64(seed: seed)
        let all = vectors.count / width
        let rows = min(all, clusters * Self.seedVectorsPerCluster)
        // Evenly spread, because neighbours in a reservoir may be neighbours in time.
        let candidates = (0..<rows).map { $0 * all / rows }
        var distances = [Float](repeating: .infinity, count: rows)
        var seeds: [Float] = []
        seeds.reserveCapacity(clusters * width)
        var next = random.below(rows)
        vectors.withUnsafeBufferPointer { vectors in
            for _ in 0..<clusters {
                let seed = candidates[next] * width
                seeds.append(contentsOf: vectors[seed..<seed + width])
                var total = 0.0
                for row in 0..<rows {
                    let distance = squaredDistance(vectors, candidates[row] * width, seed)
                    if distance < distances[row] { distances[row] = distance }
                    total += Double(distances[row])
                }
                var left = random.uniform() * total
                // Where all candidates are seeds already, the first one is drawn again; the cluster will stay empty.
                next = 0
                for row in 0..<rows where distances[row] > 0 {
                    next = row
                    left -= Double(distances[row])
                    if left < 0 { break }
                }
            }
        }
        return seeds
    }

    private func squaredDistance(_ vectors: UnsafeBufferPointer<Float>, _ a: Int, _ b: Int) -> Float {
        guard let base = vectors.baseAddress else { return 0 }
        var sum = SIMD16<Float>.zero
        var index = 0
        while index + 16 <= width {
            let x = UnsafeRawPointer(base + a + index).loadUnaligned(as: SIMD16<Float>.self)
            let y = UnsafeRawPointer(base + b + index).loadUnaligned(as: SIMD16<Float>.self)
            sum += (x - y) * (x - y)
            index += 16
        }
        var total = sum.sum()
        while index < width {
            let difference = base[a + index] - base[b + index]
            total += difference * difference
            index += 1
        }
        return total
    }
}
