// What one optimizer step computes: forward and backward over its micro-batches, clipping, the update; and what stops it.

import PipelineKit

extension TrainRun {
    /// What one optimizer step found.
    struct StepOutcome {
        var report: LossReport
        var gradientNorm: Double
        var learningRate: Double
    }

    /// Forward and backward over the micro-batches, clipping, AdamW.
    func train(on loaded: LoadedStep) throws -> StepOutcome {
        let rate = schedule.rate(at: step)
        var sums = LossSums(codebooks: setup.modelConfig.codebooks)
        model.parameters.zeroGradients()
        let stepOptions = options.weighingOnly(loaded.labels)
        for (number, batch) in loaded.batches.enumerated() {
            do {
                sums += try model.forwardBackward(
                    batch, loss: stepOptions, normalizers: loaded.labels,
                    dropout: DropoutPlace(seed: training.seed, step: step, microBatch: number))
            } catch LossError.notFinite(let term, let rows) {
                let tensor = model.parameters.firstNonFiniteParameter()
                throw divergence("the loss of \(term)", rows: culprits(in: [batch], options: options) ?? rows, tensor)
            }
        }
        let norm = model.parameters.gradientNorm()
        guard norm.isFinite else {
            let tensor = model.parameters.firstNonFiniteTensor()
            throw divergence(
                "the gradient", rows: culprits(in: loaded.batches, options: options) ?? loaded.rows, tensor)
        }
        let report = LossReport(sums, options: options)
        if step == 0 { try checkBase(report) }
        let maximum = training.maxGradNorm > 0 ? Float(training.maxGradNorm) : nil
        optimizer.step(
            learningRate: Float(rate), gradientScale: AdamW.clippingScale(norm: norm, maximum: maximum))
        windowTokens += loaded.tokens
        return StepOutcome(report: report, gradientNorm: norm, learningRate: rate)
    }

    func divergence(_ what: String, rows: [String], _ tensor: String?) -> Divergence {
        let last = CheckpointName.all(in: directory.path).last?.name
        return Divergence(what: what, step: step, rows: rows, tensor: tensor, lastCheckpoint: last)
    }

    /// The rows whose loss or gradient is not finite when each is computed by itself; nil where none is. Leaves gradients
    /// behind that mean nothing.
    private func culprits(in batches: [PackedBatch], options: LossOptions) -> [String]? {
        let rows = batches.flatMap(\.sequences).filter { sequence in
            let batch = PackedBatch([sequence], codebooks: setup.modelConfig.codebooks)
            model.parameters.zeroGradients()
            let sums = try? model.forwardBackward(
                batch, loss: options.weighingOnly(batch.labelCounts), normalizers: batch.labelCounts)
            return sums == nil || !model.parameters.gradientNorm().isFinite
        }
        return rows.isEmpty ? nil : rows.map(\.id)
    }

    /// A pretrained base knows more about audio than chance before it is trained further.
    func checkBase(_ report: LossReport) throws {
        guard case .directory(let base) = setup.config.model, let audio = report.audio,
            BaseCheck.isNoBetterThanChance(audio, reference)
        else { return }
        let finding = BaseCheck.finding(audio, reference)
        guard training.requirePretrained else {
            Console.log.warning("\(base.escapedForTerminal): \(finding)")
            return
        }
        throw Failure(
            .badUsage, finding, at: base.escapedForTerminal,
            remedy: "check that it is the model that these codes belong to, or set training.require_pretrained to false"
        )
    }
}
