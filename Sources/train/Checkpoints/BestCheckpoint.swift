// The checkpoint with the lowest validation loss so far, and which checkpoints go when another one is written.

import PipelineKit

/// The best evaluation of a run.
struct BestCheckpoint: Sendable, Equatable {
    /// Optimizer steps that were done: it lies in checkpoint-STEP, or in final/ where that is the run's last.
    var step: Int
    var validationLoss: Double

    var json: JSONValue { ["step": .int(step), "validation_loss": .double(validationLoss)] }

    init(step: Int, validationLoss: Double) {
        self.step = step
        self.validationLoss = validationLoss
    }

    /// nil for anything that `json` does not write.
    init?(json: JSONValue) {
        guard let step = json["step"]?.intValue, step >= 0, let loss = json["validation_loss"]?.doubleValue else {
            return nil
        }
        self.init(step: step, validationLoss: loss)
    }
}

/// Which checkpoints a run keeps.
struct Retention: Sendable, Equatable {
    /// `save_steps`: checkpoints of this rhythm are kept for their own sake; nil: none is.
    var interval: Int?
    /// `save_total_limit`.
    var limit: Int?

    /// Those of `steps`, ascending, that go.
    ///
    /// The newest stays, since a stopped run goes on from it, and the best. Older ones stay if they belong to the rhythm
    /// (a best one that is no longer best may not), and then while the limit allows: it counts the best and the newest,
    /// which both stay even where it is 1.
    ///
    /// - Parameter finalStep: the last step, once `final/` is written: nothing goes on from the newest checkpoint any more,
    ///   and one of that step is `final/` again. So what a stop has saved goes, and a stopped run leaves what an undisturbed
    ///   one does.
    func removed(from steps: [Int], best: Int?, finalStep: Int? = nil) -> [Int] {
        guard let newest = steps.last else { return [] }
        let wanted = finalStep == nil ? [newest, best] : [best]
        let fixed = Set(wanted.compactMap(\.self)).intersection(steps).subtracting([finalStep].compactMap(\.self))
        var kept = fixed
        for step in steps.reversed() where !fixed.contains(step) {
            guard let interval, step % interval == 0, step != finalStep else { continue }
            if let limit, kept.count >= limit { continue }
            kept.insert(step)
        }
        return steps.filter { !kept.contains($0) }
    }
}
