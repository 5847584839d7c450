// AdamW (Loshchilov and Hutter, arXiv 1711.05101) as torch.optim.AdamW (PyTorch 2, single tensor) computes it: decay
// first, bias correction, epsilon outside the root.

import Foundation
import PipelineKit

/// AdamW over the trained tensors of a model. Weight decay acts on tensors of two or more dimensions.
final class AdamW {
    struct Options: Sendable, Equatable {
        var beta1: Float = 0.9
        var beta2: Float = 0.95
        var epsilon: Float = 1e-8
        var weightDecay: Float = 0.01
    }

    let options: Options
    /// Steps done.
    private(set) var stepCount = 0
    private let parameters: ParameterStore
    /// Mean and mean square of the gradients, at the trained tensors' offsets.
    private let firstMoments: UnsafeMutableBufferPointer<Float>
    private let secondMoments: UnsafeMutableBufferPointer<Float>

    init(_ parameters: ParameterStore, options: Options) {
        self.options = options
        self.parameters = parameters
        firstMoments = .allocate(capacity: parameters.trainedExtent)
        secondMoments = .allocate(capacity: parameters.trainedExtent)
        firstMoments.initialize(repeating: 0)
        secondMoments.initialize(repeating: 0)
    }

    deinit {
        firstMoments.deallocate()
        secondMoments.deallocate()
    }

    /// One update of all trained tensors.
    ///
    /// - Parameter gradientScale: what gradients are multiplied by as they are read: clipping's factor.
    func step(learningRate: Float, gradientScale: Float = 1) {
        stepCount += 1
        // Powers in double precision, as Python has them.
        let correction1 = 1 - pow(Double(options.beta1), Double(stepCount))
        let correction2 = 1 - pow(Double(options.beta2), Double(stepCount))
        let stepSize = Float(Double(learningRate) / correction1)
        let rootCorrection = Float(correction2.squareRoot())
        for entry in parameters.entries where entry.isTrained {
            guard let gradients = parameters.gradients(entry) else { continue }
            let decay = entry.takesWeightDecay ? 1 - learningRate * options.weightDecay : 1
            update(
                parameters.values(entry), gradients, at: entry.offset, decay: decay, gradientScale: gradientScale,
                stepSize: stepSize, rootCorrection: rootCorrection)
        }
    }

    private func update(
        _ values: UnsafeMutableBufferPointer<Float>, _ gradients: UnsafeMutableBufferPointer<Float>, at offset: Int,
        decay: Float, gradientScale: Float, stepSize: Float, rootCorrection: Float
    ) {
        guard let p = values.baseAddress, let g = gradients.baseAddress, let m = firstMoments.baseAddress,
            let v = secondMoments.baseAddress
        else { return }
        let beta1 = options.beta1, beta2 = options.beta2, epsilon = options.epsilon
        let inverseRoot = 1 / rootCorrection
        ThreadTeam.forEachElements(values.count) { range in
            forEachBlock(range) { i, n in
                let gradient = Lanes(at: g + i, upTo: n) * gradientScale
                let mean = Lanes(at: m + offset + i, upTo: n) * beta1 + gradient * (1 - beta1)
                let square = Lanes(at: v + offset + i, upTo: n) * beta2 + gradient * gradient * (1 - beta2)
                store(mean, m + offset + i, upTo: n)
                store(square, v + offset + i, upTo: n)
                let denominator = square.squareRoot() * inverseRoot + epsilon
                store(Lanes(at: p + i, upTo: n) * decay - mean / denominator * stepSize, p + i, upTo: n)
            }
        }
    }

    /// min(1, maximum / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_ scales; 1 where there is no maximum.
    static func clippingScale(norm: Double, maximum: Float?) -> Float {
        guard let maximum else { return 1 }
        return Float(min(1, Double(maximum) / (norm + 1e-6)))
    }

    // MARK: - Checkpoints

    /// What is saved of a trained tensor: its moments, and its values where the checkpoint holds them rounded.
    private func states(_ entry: ParameterStore.Entry) -> [(name: String, values: UnsafeBufferPointer<Float>)] {
        let moments = [
            (entry.name + ".m", slice(firstMoments, entry)), (entry.name + ".v", slice(secondMoments, entry)),
        ]
        if entry.storedType == .float32 { return moments }
        return moments + [(entry.name + ".master", UnsafeBufferPointer(parameters.values(entry)))]
    }

    /// Writes the moments, by tensor name with `.m` and `.v`, the unrounded values of tensors that checkpoints hold in a
    /// narrower type with `.master`, and the step count.
    /// - Throws: `FileError`.
    func save(to path: String) throws {
        var writer = SafetensorsWriter(metadata: [("format", "pt"), ("step", String(stepCount))])
        for entry in parameters.entries where entry.isTrained {
            for (name, values) in states(entry) { writer.add(name, shape: entry.shape, borrowing: values) }
        }
        try writer.write(to: path)
    }

    /// More steps than anyone takes; what a file states beyond is damage.
    private static let largestStepCount = 1 << 40

    /// Reads what `save` wrote for a model with the same tensors.
    /// - Throws: `FileError`, `SafetensorsError`, `CheckpointError`. The optimizer is then left as it was.
    func load(from path: String) throws {
        let file = try SafetensorsFile(path: path)
        guard let text = file.metadata.first(where: { $0.key.utf8.elementsEqual("step".utf8) })?.value,
            let steps = Int(text), (0..<Self.largestStepCount).contains(steps)
        else { throw SafetensorsError(path: path, .header("it has no step count: not an optimizer's state")) }
        var error = CheckpointError(path: path)
        var found: [(SafetensorsTensor, UnsafeMutableBufferPointer<Float>)] = []
        for entry in parameters.entries where entry.isTrained {
            for (name, values) in states(entry) {
                guard let tensor = file.tensor(name) else {
                    error.missing.append(name)
                    continue
                }
                guard tensor.shape == entry.shape else {
                    error.misshaped.append(.init(name: name, got: tensor.shape, expected: entry.shape))
                    continue
                }
                guard tensor.elementType == .float32 else {
                    throw SafetensorsError(
                        path: path, tensor: name,
                        .elementType(got: tensor.elementType.safetensorsName, expected: "F32"))
                }
                guard tensor.holdsMoments(nonNegative: name.utf8.suffix(2).elementsEqual(".v".utf8)) else {
                    throw SafetensorsError(path: path, tensor: name, .tensor("holds a value that is no moment"))
                }
                found.append((tensor, UnsafeMutableBufferPointer(mutating: values)))
            }
        }
        let names = Set(found.map { Array($0.0.name.utf8) })
        if error.missing.isEmpty, error.misshaped.isEmpty {
            error.unexpected = file.tensors.map(\.name).filter { !names.contains(Array($0.utf8)) }
        }
        guard error.isEmpty else { throw error }
        for (tensor, target) in found { try tensor.copyFloats(into: target) }
        stepCount = steps
        withExtendedLifetime(file) {}
    }

    /// The first moment, or the step count, that a saved state does not have as this one has it; nil where none differs.
    func firstDifference(savedAt path: String) throws -> String? {
        let file = try SafetensorsFile(path: path)
        return withExtendedLifetime(file) {
            guard file.metadata.contains(where: { $0.key == "step" && $0.value == String(stepCount) }) else {
                return "the step count"
            }
            for entry in parameters.entries where entry.isTrained {
                for (name, values) in states(entry) where !file.holds(name, shape: entry.shape, values) {
                    return name
                }
            }
            return nil
        }
    }

    private func slice(
        _ moments: UnsafeMutableBufferPointer<Float>, _ entry: ParameterStore.Entry
    ) -> UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(rebasing: moments[entry.offset..<entry.offset + entry.count])
    }
}

extension SafetensorsTensor {
    /// Whether all values of an F32 tensor are finite; of second moments, which are means of squares, also not negative.
    fileprivate func holdsMoments(nonNegative: Bool) -> Bool {
        (0..<count).allSatisfy { index in
            let value = bytes.loadUnaligned(fromByteOffset: 4 * index, as: Float.self)
            return value.isFinite && (!nonNegative || value >= 0)
        }
    }
}
