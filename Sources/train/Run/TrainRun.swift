// The run: steps, evaluations, metrics, checkpoints, in the order in which they happen. What a step computes is the
// model's; which rows it sees is StepPlan's.

import Foundation
import PipelineKit

/// One run over its steps. Not thread-safe.
final class TrainRun {
    /// Closures that tests pass in to stand for what happens to a run from outside.
    struct Hooks {
        /// Called when a step is done and logged, before evaluation and saving; throwing stands for a kill.
        var stepDone: (_ step: Int) throws -> Void = { _ in }
        /// Whether a stop was asked for (Ctrl-C, SIGTERM).
        var isStopRequested: () -> Bool = { Interrupt.isRequested }
    }

    let setup: RunSetup
    let data: TrainingData
    let directory: RunDirectory
    let model: HiggsModel
    let optimizer: AdamW
    let plan: StepPlan
    let schedule: LearningRateSchedule
    let reference: LossReference
    private let metrics: MetricsFile
    private let events: TensorBoardFile
    let evaluation: Evaluation
    private let hooks: Hooks
    private let console: RunConsole

    /// Steps that are done.
    private(set) var step: Int
    private let firstStep: Int
    /// Whether step `step − 1` has an evaluation to come, because a stop came first.
    private var owesEvaluation: Bool
    /// The evaluation with the lowest loss so far.
    private(set) var best: BestCheckpoint?
    /// Positions and seconds of the steps since the last line of metrics.
    var windowTokens: Int
    var windowSeconds: Double

    var options: LossOptions { setup.lossOptions }
    var training: TrainingOptions { setup.config.training }
    private var epochRows: Int { data.trainingRowCount }

    /// Loads or makes the model and opens the metrics. `directory` has been prepared.
    init(
        _ setup: RunSetup, data: TrainingData, directory: RunDirectory, start: RunDirectory.Start,
        hooks: Hooks = Hooks()
    ) throws {
        self.setup = setup
        self.data = data
        self.directory = directory
        self.hooks = hooks
        let training = setup.config.training
        var state: TrainerState?
        if case .checkpoint(let path, let saved) = start {
            (model, optimizer) = try Checkpoint.load(path, setup: setup)
            guard optimizer.stepCount == saved.step else {
                throw TrainerState.Unreadable(
                    path: "\(path)/\(TrainerState.fileName)",
                    reason: "it is of step \(saved.step), the optimizer beside it of step \(optimizer.stepCount)")
            }
            state = saved
        } else {
            model = try setup.model()
            optimizer = AdamW(model.parameters, options: AdamW.Options(training))
        }
        try RunSetup.check(setup.config.loss, against: model.config)
        model.usesGradientCheckpointing = training.gradientCheckpointing
        step = state?.step ?? 0
        firstStep = step
        owesEvaluation = state?.owesEvaluation ?? false
        best = state?.best
        windowTokens = state?.windowTokens ?? 0
        windowSeconds = state?.windowSeconds ?? 0
        plan = StepPlan(data, training: training)
        schedule = LearningRateSchedule(
            peak: training.learningRate, scheduler: training.scheduler, warmupSteps: training.warmupSteps,
            totalSteps: plan.totalSteps(epochs: training.epochs, maxSteps: training.maxSteps))
        reference = LossReference(data.unigrams, weights: setup.config.loss.codebookWeights)
        metrics = try MetricsFile(
            path: directory.metricsPath, keepingStepsBelow: step, owesEvaluation: owesEvaluation)
        events = try TensorBoardFile(
            path: directory.eventsPath, keepingStepsBelow: step, owesEvaluation: owesEvaluation)
        evaluation = Evaluation(data, training: training)
        console = RunConsole(reference: reference, steps: schedule.totalSteps - step)
    }

    /// Trains to the end and writes final/.
    ///
    /// - Throws: `Interrupted` after a checkpoint was saved; `Divergence`; errors of data and files.
    func run() throws {
        console.begin(self)
        defer { console.end() }
        if step < schedule.totalSteps {
            console.estimated(
                try CostEstimate(
                    model, data: data, plan: plan, options: options, steps: schedule.totalSteps - step))
        }
        if owesEvaluation, try evaluate(epoch: epoch(of: nil)), step < schedule.totalSteps { try save() }
        var mark = ContinuousClock.now
        try StepLoader(data, plan: plan).forEachStep(from: step, to: schedule.totalSteps) { loaded in
            let report = try train(on: loaded)
            let now = ContinuousClock.now
            windowSeconds += (now - mark).seconds
            try finishStep(loaded, report)
            mark = .now
        }
        try write("final")
        try prune(finalStep: schedule.totalSteps)
    }

    /// Logs, evaluates and saves what is due after a step.
    private func finishStep(_ loaded: LoadedStep, _ outcome: StepOutcome) throws {
        let epoch = epoch(of: loaded.plan)
        let isLast = step + 1 == schedule.totalSteps
        if step % training.loggingSteps == 0 || isLast {
            let line = StepReport(
                step: step, epoch: epoch, learningRate: outcome.learningRate, gradientNorm: outcome.gradientNorm,
                tokens: windowTokens, seconds: windowSeconds)
            try log(MetricsLine.training(outcome.report, line, reference))
            console.logged(outcome.report, line)
            windowTokens = 0
            windowSeconds = 0
        }
        step += 1
        console.advance()
        try hooks.stepDone(step - 1)
        owesEvaluation = evaluation.hasRows && (isLast || training.evalSteps.map { step % $0 == 0 } ?? false)
        let isBest = owesEvaluation ? try evaluate(epoch: epoch) : false
        // The last step's checkpoint is final/.
        if isLast { return }
        let isStopping = hooks.isStopRequested()
        if isBest || isStopping || training.saveSteps.map({ step % $0 == 0 }) ?? false { try save() }
        if isStopping { throw Interrupted() }
    }

    /// Computes the validation losses and writes their line; a stop in the middle leaves it to the resumed run.
    /// - Returns: whether the loss is lower than that of every evaluation before.
    private func evaluate(epoch: Double) throws -> Bool {
        guard let report = try evaluation.run(model, options: options, isStopRequested: hooks.isStopRequested) else {
            try save()
            throw Interrupted()
        }
        try log(
            MetricsLine.validation(
                report, step: step - 1, epoch: epoch, rows: data.validationRowCount, reference: reference))
        owesEvaluation = false
        let isBest = best.map { report.losses.loss < $0.validationLoss } ?? true
        if isBest { best = BestCheckpoint(step: step, validationLoss: report.losses.loss) }
        console.evaluated(report, step: step - 1, isBest: isBest)
        return isBest
    }

    private func log(_ line: JSONObject) throws {
        try metrics.append(line)
        try events.append(line)
    }

    /// Writes checkpoint-N, then removes what is no longer kept.
    private func save() throws {
        let name = CheckpointName(step: step).name
        try write(name)
        try prune()
        console.saved(name)
    }

    private func write(_ name: String) throws {
        if let tensor = model.parameters.firstNonFiniteTrainedParameter() {
            throw divergence("a parameter", rows: [], tensor)
        }
        try metrics.sync()
        try events.sync()
        try Checkpoint.save(
            model: model, optimizer: optimizer, state: try state(), base: setup.baseDirectory, in: directory.path,
            name: name)
    }

    private func prune(finalStep: Int? = nil) throws {
        let retention = Retention(interval: training.saveSteps, limit: training.saveTotalLimit)
        try CheckpointName.prune(in: directory.path, retention: retention, best: best?.step, finalStep: finalStep)
    }

    private func state() throws -> TrainerState {
        let place = plan.place(step: step)
        return TrainerState(
            step: step, totalSteps: schedule.totalSteps, epoch: place.epoch, stepInEpoch: place.stepInEpoch,
            seed: training.seed, configDigest: XXH64.hash(Array(setup.config.identity.utf8)).hexDigits,
            data: setup.source.fingerprint, validationBy: data.split.by, owesEvaluation: owesEvaluation,
            threads: ThreadTeam.count,
            windowTokens: windowTokens, windowSeconds: windowSeconds, best: best, text: setup.records.text)
    }

    /// Epochs done with a step, as a fraction; of the last step that was done where none is given.
    private func epoch(of planned: PlannedStep?) -> Double {
        var planned = planned
        if planned == nil {
            var cursor = StepCursor(plan, at: max(0, step - 1))
            planned = cursor.advance()
        }
        guard let planned else { return 0 }
        return Double(planned.epoch) + Double(planned.rowsDone) / Double(epochRows)
    }
}

extension AdamW.Options {
    init(_ training: TrainingOptions) {
        self.init(
            beta1: Float(training.adamBeta1), beta2: Float(training.adamBeta2), epsilon: Float(training.adamEpsilon),
            weightDecay: Float(training.weightDecay))
    }
}

extension StepPlan {
    init(_ data: TrainingData, training: TrainingOptions) {
        self.init(
            order: SampleOrder(shards: data.trainingRows, seed: training.seed, isShuffled: training.shuffle),
            lengths: data.lengths, batchSize: training.batchSize, maxBatchTokens: training.maxBatchTokens,
            accumulationSteps: training.accumulationSteps)
    }

    /// The epoch in which step `step` of the run lies, and how many steps of that epoch come before it.
    func place(step: Int) -> (epoch: Int, stepInEpoch: Int) {
        var epoch = 0, rest = step
        while case let count = stepCount(epoch: epoch), rest >= count {
            rest -= count
            epoch += 1
        }
        return (epoch, rest)
    }
}
