// How much of the disk a run's checkpoints will take, told before the first step: a run that cannot save its last
// checkpoint has trained for nothing.

import PipelineKit

/// The checkpoints that will stand at once, at most.
struct CheckpointRoom: Equatable {
    /// Of one checkpoint: the weights in their types, or the adapter alone; two moments of each trained parameter, and its
    /// unrounded value where the weight's type is narrower than 32 bits.
    let bytesPerCheckpoint: Int
    /// Checkpoints that are still to be added to those that lie there.
    let added: Int

    var bytes: Int { bytesPerCheckpoint * added }

    /// - Parameters:
    ///   - isAdapter: whether checkpoints hold what is trained alone.
    ///   - steps: of the whole run.
    ///   - present: whole checkpoints that the run has written already.
    init(
        _ training: TrainingOptions, tensors: [TensorPlan], isAdapter: Bool, steps: Int, evaluates: Bool, present: Int
    ) {
        bytesPerCheckpoint = tensors.reduce(0) { sum, tensor in
            let count = tensor.shape.reduce(1, *)
            return sum + count * Self.bytes(tensor.storedType, isTrained: tensor.isTrained, isAdapter: isAdapter)
        }
        let byRhythm = training.saveSteps.map { (steps - 1) / $0 } ?? 0
        let byMerit = evaluates && training.evalSteps != nil ? 1 : 0
        var standing = byRhythm + byMerit
        // The newest and the best stay under any limit, and the oldest goes when the new one is whole: for a moment there is
        // one more.
        if let limit = training.saveTotalLimit { standing = min(standing, max(limit, 1 + byMerit) + 1) }
        added = max(1, standing + 1 - present)  // final/ comes last
    }

    /// Of a run on some data.
    init(_ setup: RunSetup, _ data: TrainingData, present: Int = 0) throws {
        let training = setup.config.training
        let steps = StepPlan(data, training: training).totalSteps(epochs: training.epochs, maxSteps: training.maxSteps)
        self.init(
            training, tensors: try setup.tensors(), isAdapter: setup.parts.adapter != nil, steps: steps,
            evaluates: data.validationRowCount > 0, present: present)
    }

    /// `3 checkpoints to come`.
    var text: String { "\(added) checkpoint\(added == 1 ? "" : "s") to come" }

    /// Bytes of a checkpoint for each value of a tensor.
    private static func bytes(_ storedType: ElementType, isTrained: Bool, isAdapter: Bool) -> Int {
        let weight = isTrained || !isAdapter ? storedType.byteCount : 0
        return weight + (isTrained ? (storedType == .float32 ? 8 : 12) : 0)
    }

    /// - Throws: `Failure` where there is not enough room.
    func check(_ directory: String) throws {
        try FreeSpace.check(
            directory, holds: bytes, of: text,
            remedy: "lower training.save_total_limit, or choose another --output-dir")
    }
}
