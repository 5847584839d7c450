// A third question that a loss must answer where an adapter is trained: is the adapter in it? The gradient promises how
// the loss changes when B is moved along it; the loss itself must change by that much. An adapter that is never applied,
// applied with another scale, or whose gradient belongs to something else, breaks the promise.

import Foundation
import PipelineKit

/// What the probe found.
struct AdapterFinding: Sendable, Equatable {
    /// The change of the loss that the gradient promises, and the one that came.
    var promised: Double
    var measured: Double
    var modules: Int
    /// Modules whose B has no gradient on this batch.
    var silent: [String]

    /// Curvature and rounding over a change of some hundredths of a nat.
    static let tolerance = 0.05

    var isApplied: Bool { promised > 0 && abs(measured - promised) <= Self.tolerance * promised }
}

/// The probe of one model with an adapter.
struct AdapterProbe {
    let model: HiggsModel
    /// The loss of a batch, and the same with gradients; tests put a broken model here.
    let loss: (PackedBatch) throws -> Double
    let gradients: (PackedBatch) throws -> Void

    init(
        _ model: HiggsModel, loss: @escaping (PackedBatch) throws -> Double,
        gradients: @escaping (PackedBatch) throws -> Void
    ) {
        self.model = model
        self.loss = loss
        self.gradients = gradients
    }

    init(_ model: HiggsModel, options: LossOptions) {
        self.init(model) { batch in
            let weighed = options.weighingOnly(batch.labelCounts)
            // A hundredth of a nat would drown in bfloat16's rounding; the gradient is the one that trains.
            return try model.parameters.workspace.inFloat32 {
                try model.evaluate(batch, loss: weighed).loss(weighed)
            }
        } gradients: { batch in
            _ = try model.forwardBackward(
                batch, loss: options.weighingOnly(batch.labelCounts), normalizers: batch.labelCounts)
        }
    }

    /// The change that is aimed at, in nats: far above rounding, far below where the loss bends.
    private static let aim = 0.01

    /// Moves B along its gradient and back. The values are the same afterwards; gradients are left at 0.
    func run(_ batch: PackedBatch) throws -> AdapterFinding {
        let parameters = model.parameters
        let factors = parameters.entries.filter { if case .adapter(_, .b) = $0.key { true } else { false } }
        parameters.zeroGradients()
        defer { parameters.zeroGradients() }
        try gradients(batch)
        var square = 0.0
        var silent: [String] = []
        for entry in factors {
            let own = parameters.gradients(entry).map { $0.reduce(0) { $0 + Double($1) * Double($1) } } ?? 0
            if own == 0, case .adapter(let key, _) = entry.key { silent.append(model.config.layout.module(of: key)) }
            square += own
        }
        guard square > 0, square.isFinite else {
            return AdapterFinding(promised: 0, measured: 0, modules: factors.count, silent: silent)
        }
        let step = Self.aim / square
        let kept = factors.map { Array(parameters.values($0)) }
        func moved(_ step: Double) throws -> Double {
            defer { for (entry, values) in zip(factors, kept) { _ = parameters.values(entry).update(from: values) } }
            for entry in factors {
                guard let gradients = parameters.gradients(entry) else { continue }
                let values = parameters.values(entry)
                for i in values.indices { values[i] += Float(step) * gradients[i] }
            }
            return try loss(batch)
        }
        let measured = try moved(step) - moved(-step)
        return AdapterFinding(promised: 2 * step * square, measured: measured, modules: factors.count, silent: silent)
    }
}

extension AdapterFinding {
    /// As the preflight tells it.
    /// - Throws: `Failure` for an adapter that does not do what its gradient says.
    func judged() throws -> String {
        guard promised > 0 else {
            throw Failure(
                .failed, "no module of the adapter has a gradient", remedy: "do not train: nothing would be learnt")
        }
        guard isApplied else {
            throw Failure(
                .failed,
                "moving the adapter along its gradient should raise the loss by \(RunConsole.decimal(promised)), but moves "
                    + "it by \(RunConsole.decimal(measured))",
                remedy: "do not train: the adapter is not applied as its gradient says")
        }
        let still = silent.isEmpty ? "" : "; \(silent.count) have no gradient on this row, such as \(silent[0])"
        return "\(modules) modules move the loss by \(String(format: "%.4f", measured)), their gradient says "
            + String(format: "%.4f", promised) + still
    }
}
