// AdamW (Loshchilov and Hutter, arXiv 1711.05101) as torch.optim.AdamW computes it.

/// AdamW over the trained tensors of a model.
final class AdamW {
    struct Options: Sendable, Equatable {
        var beta1: Float = 0.9
        var beta2: Float = 0.95
        var epsilon: Float = 1e-8
        var weightDecay: Float = 0.01
    }

    /// Steps done.
    private(set) var stepCount = 0

    init(_ parameters: ParameterStore, options: Options) {}

    /// One update: gradients are multiplied by `gradientScale` (of clipping) as they are read.
    func step(learningRate: Float, gradientScale: Float = 1) {}

    /// min(1, maximum / (norm + 1e-6)); 1 where `maximum` is nil.
    static func clippingScale(norm: Double, maximum: Float?) -> Float { 1 }

    /// Writes the moments and the step count.
    func save(to path: String) throws {}

    /// Reads what `save` wrote for the same model.
    func load(from path: String) throws {}
}
