// The model's tensors in one arena and their gradients in another, in the same order: what is trained comes first, so
// that the optimizer walks one stretch of memory.

import PipelineKit

/// A tensor as the kernels take it: values, and gradients where it is trained.
struct Parameter {
    /// Vectors are (1, n), convolutions (O, 3 · I).
    let value: Matrix
    /// nil for a tensor that is not trained.
    let gradient: Matrix?
}

/// Parameters and gradients of a model.
final class ParameterStore {
    /// One tensor and its place.
    struct Entry: Sendable {
        let key: ParameterKey
        /// Its name in a checkpoint of the model's layout.
        let name: String
        let shape: [Int]
        let isTrained: Bool
        /// Where it starts in the arenas, in values.
        let offset: Int

        var count: Int { shape.reduce(1, *) }
        /// Weight decay acts on tensors of two or more dimensions, embeddings and convolutions included.
        var takesWeightDecay: Bool { shape.count >= 2 }
    }

    /// What is trained comes first.
    let entries: [Entry]
    private let places: [ParameterKey: Int]
    private let weightArena: UnsafeMutableBufferPointer<Float>
    private let gradientArena: UnsafeMutableBufferPointer<Float>
    /// Values of the arenas that belong to trained tensors, with the gaps between them.
    let trainedExtent: Int

    /// All values are 0 at first.
    init(_ shapes: [(key: ParameterKey, shape: [Int])], layout: CheckpointLayout) {
        var entries: [Entry] = []
        var offset = 0, trainedExtent = 0
        for isTrained in [true, false] {
            for (key, shape) in shapes where key.isTrainable == isTrained {
                let entry = Entry(
                    key: key, name: layout.name(of: key), shape: shape, isTrained: isTrained, offset: offset)
                entries.append(entry)
                offset += (entry.count + 15) / 16 * 16  // a cache line
            }
            if isTrained { trainedExtent = offset }
        }
        self.entries = entries
        self.trainedExtent = trainedExtent
        places = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.key, $0) })
        weightArena = Self.zeros(offset)
        gradientArena = Self.zeros(trainedExtent)
    }

    deinit {
        weightArena.deallocate()
        gradientArena.deallocate()
    }

    /// The tensor of a key, which the model must have.
    subscript(key: ParameterKey) -> Parameter {
        guard let place = places[key] else { preconditionFailure("the model has no tensor \(key)") }
        return parameter(entries[place])
    }

    /// The values of a tensor.
    func values(_ entry: Entry) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(rebasing: weightArena[entry.offset..<entry.offset + entry.count])
    }

    /// The gradients of a tensor; nil where it is not trained.
    func gradients(_ entry: Entry) -> UnsafeMutableBufferPointer<Float>? {
        guard entry.isTrained else { return nil }
        return UnsafeMutableBufferPointer(rebasing: gradientArena[entry.offset..<entry.offset + entry.count])
    }

    /// The entry of a checkpoint name; nil where there is none.
    func entry(named name: String) -> Entry? {
        entries.first { $0.name.utf8.elementsEqual(name.utf8) }
    }

    /// Numbers of the model: all, and those that are trained.
    var parameterCount: Int { entries.reduce(0) { $0 + $1.count } }
    var trainedCount: Int { entries.reduce(0) { $0 + ($1.isTrained ? $1.count : 0) } }

    func zeroGradients() {
        ThreadTeam.forEachElements(gradientArena.count) { gradientArena[$0].update(repeating: 0) }
    }

    /// √Σ g² over all gradients, summed in double precision.
    func gradientNorm() -> Double {
        var total = 0.0
        for entry in entries {
            guard let gradients = gradients(entry), let base = gradients.baseAddress else { continue }
            // Sums of 4,096 squares in single precision, those in double, in their order.
            let block = 4_096, blocks = (gradients.count + block - 1) / block
            let sums = [Float](unsafeUninitializedCapacity: blocks) { sums, initialized in
                let target = sums
                ThreadTeam.forEachRange(blocks, grain: 16) { range in
                    for i in range {
                        let start = base + i * block
                        target[i] = dot(start, start, count: min(block, gradients.count - i * block))
                    }
                }
                initialized = blocks
            }
            for sum in sums { total += Double(sum) }
        }
        return total.squareRoot()
    }

    private func parameter(_ entry: Entry) -> Parameter {
        let rows = entry.shape.count == 1 ? 1 : entry.shape[0]
        func matrix(_ buffer: UnsafeMutableBufferPointer<Float>) -> Matrix {
            guard let base = buffer.baseAddress else { preconditionFailure("\(entry.name) has no values") }
            return Matrix(base: base, rows: rows, columns: entry.count / rows)
        }
        return Parameter(value: matrix(values(entry)), gradient: gradients(entry).map(matrix))
    }

    private static func zeros(_ count: Int) -> UnsafeMutableBufferPointer<Float> {
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(1, count) * MemoryLayout<Float>.size, alignment: 64)
        let floats = memory.bindMemory(to: Float.self)
        floats.initialize(repeating: 0)
        return UnsafeMutableBufferPointer(rebasing: floats[..<count])
    }
}
