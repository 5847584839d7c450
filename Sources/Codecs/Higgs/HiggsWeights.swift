// The tensors of a Higgs tokenizer checkpoint, checked against the table as a whole before one is read.
// Weight norm (torch.nn.utils.parametrizations.weight_norm: w = g · v / ‖v‖) is folded here; nothing after this file
// knows of it.

import PipelineKit

/// Gives the tensors of a checkpoint by their names in the table.
struct HiggsWeights {
    private let file: SafetensorsFile
    private let specs: [[UInt8]: TensorSpec]

    /// Opens the weights and compares them with the table.
    /// - Throws: `HiggsError` that lists every missing, unexpected and mis-shaped tensor; errors of the file.
    init(path: String, config: HiggsConfig) throws {
        file = try SafetensorsFile(path: path)
        let table = config.tensors
        specs = Dictionary(uniqueKeysWithValues: table.map { (Array($0.name.utf8), $0) })
        let problems = Self.problems(of: file, table)
        if !problems.isEmpty { throw HiggsError(.tensors(problems), at: path) }
    }

    /// A tensor as Float, in C order, weight norm folded.
    /// - Throws: `HiggsError.notFinite` where a value is NaN or infinite.
    func floats(_ name: String) throws -> [Float] {
        guard let spec = specs[Array(name.utf8)] else { preconditionFailure("\(name) is not in the table") }
        guard let axis = spec.normAxis, file.tensor(name) == nil, let names = Self.normNames(name, in: file) else {
            return try finite(name)
        }
        let magnitude = try finite(names.magnitude), direction = try finite(names.direction)
        return try checked(Self.folded(magnitude, direction, shape: spec.shape, axis: axis), name)
    }

    /// w = g · v / ‖v‖, the norm over all axes but one.
    static func folded(_ magnitude: [Float], _ direction: [Float], shape: [Int], axis: Int) -> [Float] {
        let inner = shape[(axis + 1)...].reduce(1, *), length = shape[axis]
        var squares = [Double](repeating: 0, count: length)
        for (i, value) in direction.enumerated() { squares[i / inner % length] += Double(value) * Double(value) }
        let scales = zip(magnitude, squares).map { Float(Double($0) / $1.squareRoot()) }
        return direction.enumerated().map { $1 * scales[$0 / inner % length] }
    }

    private func finite(_ name: String) throws -> [Float] {
        try checked(try file.floats(name), name)
    }

    private func checked(_ values: [Float], _ name: String) throws -> [Float] {
        // A sum of zeros times values is NaN as soon as one is NaN or infinite, and vectorizes; == is false for NaN.
        var sum = SIMD16<Float>.zero
        values.withUnsafeBufferPointer { values in
            let whole = values.count / 16 * 16
            for i in stride(from: 0, to: whole, by: 16) {
                sum +=
                    UnsafeRawPointer(values.baseAddress.unsafelyUnwrapped + i)
                    .loadUnaligned(as: SIMD16<Float>.self) * 0
            }
            for i in whole..<values.count { sum[0] += values[i] * 0 }
        }
        guard sum.sum() == 0 else { throw HiggsError(.notFinite(tensor: name), at: file.path) }
        return values
    }

    /// The keys under which PyTorch stores a weight-normed tensor: those of parametrizations, and the older ones.
    private static func normNames(_ name: String, in file: SafetensorsFile) -> (magnitude: String, direction: String)? {
        let stem = String(name.dropLast(".weight".count))
        let styles = [
            ("\(stem).parametrizations.weight.original0", "\(stem).parametrizations.weight.original1"),
            ("\(stem).weight_g", "\(stem).weight_v"),
        ]
        return styles.first { file.tensor($0.0) != nil || file.tensor($0.1) != nil }
    }

    private static func problems(of file: SafetensorsFile, _ table: [TensorSpec]) -> TensorProblems {
        var problems = TensorProblems()
        var known = Set<[UInt8]>()
        func check(_ name: String, _ shape: [Int], isUnused: Bool) {
            known.insert(Array(name.utf8))
            guard let tensor = file.tensor(name) else {
                if !isUnused { problems.missing.append(name) }
                return
            }
            let isFloat = [ElementType.float32, .float16, .bfloat16].contains(tensor.elementType)
            if tensor.shape != shape || !(isFloat || isUnused) {
                problems.misShaped.append(
                    .init(
                        name: name, got: "\(tensor.elementType.safetensorsName) \(tensor.shape)",
                        expected: "F32, F16 or BF16 \(shape)"))
            }
        }
        for spec in table {
            if let axis = spec.normAxis, file.tensor(spec.name) == nil, let names = normNames(spec.name, in: file) {
                let magnitude = spec.shape.indices.map { $0 == axis ? spec.shape[$0] : 1 }
                check(names.magnitude, magnitude, isUnused: spec.isUnused)
                check(names.direction, spec.shape, isUnused: spec.isUnused)
            } else {
                check(spec.name, spec.shape, isUnused: spec.isUnused)
            }
        }
        problems.unexpected = file.tensors.map(\.name).filter { !known.contains(Array($0.utf8)) }
        problems.missing.sort()
        problems.unexpected.sort()
        problems.misShaped.sort { $0.name < $1.name }
        return problems
    }
}
