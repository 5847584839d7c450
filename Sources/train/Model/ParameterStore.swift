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

/// A tensor that a model shall have.
struct TensorPlan: Sendable {
    var key: ParameterKey
    /// Its name in a checkpoint of the model's layout.
    var name: String
    var shape: [Int]
    var isTrained: Bool
    /// The type in which checkpoints hold it.
    var storedType = ElementType.float32
    /// The tensor of an open file that is used where it lies; nil: the values are floats in the arena.
    var mapped: SafetensorsTensor?
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
        /// The type in which checkpoints hold it.
        let storedType: ElementType
        /// Where it starts in the arenas, in values; of a mapped tensor, nothing.
        let offset: Int
        /// Where it lies instead of in the arena; never of a trained tensor.
        let mapped: SafetensorsTensor?

        var count: Int { shape.reduce(1, *) }
        /// Weight decay acts on tensors of two or more dimensions, embeddings and convolutions included.
        var takesWeightDecay: Bool { shape.count >= 2 }
        /// Whether it is part of the base model, not of an adapter.
        var isBase: Bool { if case .adapter = key { false } else { true } }
    }

    /// What is trained comes first.
    let entries: [Entry]
    /// What the products of this model share.
    let workspace = LinearWorkspace()
    private let places: [ParameterKey: Int]
    private let adapter: AdapterPlan?
    private let weightArena: UnsafeMutableBufferPointer<Float>
    private let gradientArena: UnsafeMutableBufferPointer<Float>
    /// The files that the model was read from, kept open where tensors are mapped; nil for a model at random.
    let files: SafetensorsSet?
    /// Values of the arenas that belong to trained tensors, with the gaps between them.
    let trainedExtent: Int

    /// All values are 0 at first, but those of mapped tensors.
    /// - Parameter files: where mapped tensors lie.
    init(_ tensors: [TensorPlan], adapter: AdapterPlan? = nil, files: SafetensorsSet? = nil) {
        var entries: [Entry] = []
        var offset = 0, trainedExtent = 0
        for isTrained in [true, false] {
            for tensor in tensors where tensor.isTrained == isTrained {
                precondition(!isTrained || tensor.mapped == nil, "\(tensor.name) cannot be trained where it is mapped")
                let entry = Entry(
                    key: tensor.key, name: tensor.name, shape: tensor.shape, isTrained: isTrained,
                    storedType: tensor.storedType, offset: offset, mapped: tensor.mapped)
                entries.append(entry)
                if entry.mapped == nil { offset += (entry.count + 15) / 16 * 16 }  // a cache line
            }
            if isTrained { trainedExtent = offset }
        }
        self.entries = entries
        self.trainedExtent = trainedExtent
        self.adapter = adapter
        self.files = files
        places = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.key, $0) })
        weightArena = Self.zeros(offset)
        gradientArena = Self.zeros(trainedExtent)
    }

    deinit {
        weightArena.deallocate()
        gradientArena.deallocate()
    }

    /// The tensor of a key, which the model must have and hold as floats.
    subscript(key: ParameterKey) -> Parameter { parameter(entry(key)) }

    /// The matrix of a key, which the model must have, wherever it lies.
    func weight(_ key: ParameterKey) -> Weight {
        let entry = entry(key)
        return entry.mapped.map { Weight(values: StoredMatrix($0)) } ?? Weight(parameter(entry))
    }

    /// A linear layer with its adapter, if it has one.
    func projection(_ key: ParameterKey, bias: ParameterKey? = nil) -> Projection {
        var factors: LowRankAdapter?
        if let adapter, let a = places[.adapter(key, .a)], let b = places[.adapter(key, .b)] {
            factors = LowRankAdapter(
                a: parameter(entries[a]), b: parameter(entries[b]), scale: adapter.scale,
                dropout: Float(adapter.options.dropout), module: key.module)
        }
        return Projection(weight(key), bias: bias.map { self[$0] }, adapter: factors, workspace: workspace)
    }

    private func entry(_ key: ParameterKey) -> Entry {
        guard let place = places[key] else { preconditionFailure("the model has no tensor \(key)") }
        return entries[place]
    }

    /// The values of a tensor that is not mapped.
    func values(_ entry: Entry) -> UnsafeMutableBufferPointer<Float> {
        precondition(entry.mapped == nil, "\(entry.name) is mapped, not held")
        return UnsafeMutableBufferPointer(rebasing: weightArena[entry.offset..<entry.offset + entry.count])
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

    /// Calls `body` with a tensor's values as floats, piece after piece, wherever they lie.
    func forEachPiece(of entry: Entry, _ body: (UnsafeBufferPointer<Float>) -> Void) {
        guard let mapped = entry.mapped else { return body(UnsafeBufferPointer(values(entry))) }
        // A mapped tensor has a type that is read without an error.
        try? mapped.forEachPiece(body)
    }

    /// Bytes of floats that are held, and of those tensors that stay in their file.
    var heldBytes: Int { weightArena.count * MemoryLayout<Float>.size }
    var mappedBytes: Int { entries.reduce(0) { $0 + ($1.mapped?.bytes.count ?? 0) } }

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
