// The model: parameters, gradients, and one forward and backward pass over a packed batch.

import PipelineKit

/// A Higgs Audio v2 model with its gradients. Not thread-safe: one pass at a time.
final class HiggsModel {
    let config: ModelConfig
    /// Every tensor: names, shapes, values, gradients.
    let parameters: ParameterStore

    /// A model at random.
    init(config: ModelConfig, seed: UInt64) throws {
        self.config = config
        parameters = ParameterStore()
    }

    /// A checkpoint directory: config.json and model.safetensors.
    convenience init(loading directory: String) throws { preconditionFailure("not built") }

    /// Writes config.json and model.safetensors into an existing directory.
    func save(to directory: String) throws { preconditionFailure("not built") }

    /// Computes the losses and adds the gradients of
    /// `text_loss_weight · Σ text / normalizers.text + audio_loss_weight · Σw·(Σ l / normalizers)/Σw` to the gradients.
    ///
    /// - Parameter normalizers: label counts of the whole optimizer step, accumulation included.
    func forwardBackward(_ batch: PackedBatch, loss: LossOptions, normalizers: LabelCounts) throws -> LossSums {
        preconditionFailure("not built")
    }

    /// The losses alone.
    func evaluate(_ batch: PackedBatch, loss: LossOptions) throws -> LossSums { preconditionFailure("not built") }
}
