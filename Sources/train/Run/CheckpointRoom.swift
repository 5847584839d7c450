// How much of the disk a run's checkpoints will take, told before the first step: a run that cannot save its last
// checkpoint has trained for nothing.

import PipelineKit

/// The checkpoints that will stand at once, at most.
struct CheckpointRoom: Equatable {
    let bytesPerCheckpoint: Int
    /// Checkpoints that are still to be added to those that lie there.
    let added: Int

    var bytes: Int { bytesPerCheckpoint * added }

    /// - Parameters:
    ///   - steps: of the whole run.
    ///   - present: whole checkpoints that the run has written already.
    init(_ training: TrainingOptions, bytesPerCheckpoint: Int, steps: Int, evaluates: Bool, present: Int) {
        self.bytesPerCheckpoint = bytesPerCheckpoint
        let byRhythm = training.saveSteps.map { (steps - 1) / $0 } ?? 0
        let byMerit = evaluates && training.evalSteps != nil ? 1 : 0
        var standing = byRhythm + byMerit
        // The newest and the best stay under any limit, and the oldest goes when the new one is whole: for a moment there is
        // one more.
        if let limit = training.saveTotalLimit { standing = min(standing, max(limit, 1 + byMerit) + 1) }
        added = max(1, standing + 1 - present)  // final/ comes last
    }

    /// What a checkpoint of a model takes that is not loaded yet; `HiggsModel.checkpointBytes` says it of one that is.
    static func bytesPerCheckpoint(_ tensors: [TensorPlan], savesAdapter: Bool) -> Int {
        tensors.reduce(0) { sum, tensor in
            let count = tensor.shape.reduce(1, *), width = tensor.storedType.byteCount
            let moments = tensor.isTrained ? 8 * count : 0
            if savesAdapter { return sum + moments + (tensor.isTrained ? 4 * count : 0) }
            // What is stored narrower than it is trained stands in the optimizer's file unrounded.
            let unrounded = tensor.isTrained && tensor.storedType != .float32 ? 4 * count : 0
            return sum + count * width + moments + unrounded
        }
    }

    /// - Throws: `Failure` where there is not enough room.
    func check(_ directory: String) throws {
        try FreeSpace.check(
            directory, holds: bytes, of: "\(added) checkpoint\(added == 1 ? "" : "s") to come",
            remedy: "lower training.save_total_limit, or choose another --output-dir")
    }
}
