// In what type the products with frozen bfloat16 weights are made: what the config asks for, what a run that goes on has
// recorded, and what the machine can do.

import PipelineKit

/// The choice of one run.
struct FrozenCompute: Sendable, Equatable {
    typealias ComputeType = TrainingOptions.ComputeType

    /// float32 or bfloat16.
    let type: ComputeType
    /// Frozen bfloat16 matrices that are multiplied; embedding tables are not.
    let matrices: Int
    /// Why `auto` became float32 where there are such matrices.
    private let reason: String?

    /// - Parameters:
    ///   - asked: the config's.
    ///   - recorded: that of the run that goes on: `auto` follows it, since other products give other numbers.
    init(
        asked: ComputeType, recorded: ComputeType?, tensors: [TensorPlan],
        obstacle: NarrowObstacle? = BFloat16Product.obstacle
    ) {
        let matrices = tensors.count { $0.mapped?.elementType == .bfloat16 && $0.key.isProjection }
        self.init(asked: asked, recorded: recorded, matrices: matrices, obstacle: obstacle)
    }

    /// What the machine does best, whatever an earlier run has recorded.
    func anew(asked: ComputeType) -> FrozenCompute {
        FrozenCompute(asked: asked, recorded: nil, matrices: matrices, obstacle: BFloat16Product.obstacle)
    }

    private init(asked: ComputeType, recorded: ComputeType?, matrices: Int, obstacle: NarrowObstacle?) {
        self.matrices = matrices
        if asked != .auto {
            (type, reason) = (asked, "as training.frozen_compute_dtype says")
        } else if let recorded, recorded != .auto {
            (type, reason) = (recorded, "as the run began")
        } else {
            type = matrices > 0 && obstacle == nil ? .bfloat16 : .float32
            reason = obstacle.map { "because \($0.problem)" }
        }
    }

    /// - Throws: `ConfigError` where bfloat16 cannot be had.
    func check(obstacle: NarrowObstacle? = BFloat16Product.obstacle) throws {
        guard type == .bfloat16 else { return }
        guard matrices > 0 else {
            throw ConfigError.contradiction(
                "training.frozen_compute_dtype is bfloat16, but the model has no frozen weight in bfloat16",
                location: "config", remedy: "set it to auto or float32")
        }
        guard let obstacle else { return }
        throw ConfigError.contradiction(
            "training.frozen_compute_dtype is bfloat16, but \(obstacle.problem)", location: "config",
            remedy: obstacle.remedy
                + ", or set it to float32; a run that began in bfloat16 then starts anew, with --resume --replace")
    }

    /// For a person, before the first step; nil where there is nothing to choose.
    var text: String? {
        guard matrices > 0 else { return nil }
        let how = type == .bfloat16 ? "bfloat16, sums in float32 (\(BFloat16Product.library))" : "float32"
        return "products with \(matrices) frozen bfloat16 matrices: \(how)" + (reason.map { ", \($0)" } ?? "")
    }
}
