// The model's tensors in one arena, their gradients in another.

/// One tensor's name and place.
struct ParameterEntry: Sendable {
    var name: String
    var shape: [Int]
    var isTrained: Bool
    /// Weight decay applies to tensors of two or more dimensions.
    var takesWeightDecay: Bool { shape.count >= 2 }
    /// Where it lies in the arena, in values.
    var offset: Int
    var count: Int { shape.reduce(1, *) }
}

/// Parameters and gradients.
final class ParameterStore {
    var entries: [ParameterEntry] { [] }
    /// Parameters that are trained.
    var trainedCount: Int { 0 }
    func zeroGradients() {}
    /// √Σ g² over all gradients, summed in double precision.
    func gradientNorm() -> Double { 0 }
}
