// The learning rate of each optimizer step.

import Foundation

/// Warm-up, then a schedule that ends at 0 at the last step.
struct LearningRateSchedule: Sendable {
    let peak: Double
    let scheduler: TrainingOptions.Scheduler
    /// W: step s < W has the factor (s + 1) / W.
    let warmupSteps: Int
    /// All steps of the run, warm-up included.
    let totalSteps: Int

    /// The rate of step `step`, 0 ..< totalSteps.
    ///
    /// After the warm-up, with progress p = (s − W) / (totalSteps − 1 − W), which is 0 at the first step and 1 at the
    /// last: cosine is (1 + cos πp) / 2, linear is 1 − p, constant is 1. Where one step only is left after the warm-up,
    /// or the run has one step, there is nothing to fall along and the factor is 1.
    func rate(at step: Int) -> Double {
        precondition((0..<totalSteps).contains(step), "step \(step) of \(totalSteps)")
        if step < warmupSteps { return peak * Double(step + 1) / Double(warmupSteps) }
        let span = totalSteps - 1 - warmupSteps
        guard span > 0 else { return peak }
        let progress = Double(step - warmupSteps) / Double(span)
        switch scheduler {
        case .constant: return peak
        case .linear: return peak * (1 - progress)
        case .cosine: return step == totalSteps - 1 ? 0 : peak * (1 + cos(.pi * progress)) / 2
        }
    }
}
