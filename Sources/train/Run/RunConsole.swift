// What a person sees of a run: a bar on a terminal, plain lines elsewhere, each loss beside chance and unigram entropy.

import Foundation
import PipelineKit

/// The display of one run.
final class RunConsole {
    private let reference: LossReference
    private let progress: PipelineKit.Progress
    private var note = ""

    init(reference: LossReference, steps: Int) {
        self.reference = reference
        progress = PipelineKit.Progress("train", unit: "steps", total: Double(steps))
    }

    /// What is trained on what, once.
    func begin(_ run: TrainRun) {
        let data = run.data, training = run.setup.config.training
        Console.log.info("the config, as resolved:\n\(run.setup.config.yaml.escapedLines(indent: 2))")
        if let text = run.setup.frozenCompute.text { Console.log.info("\(text)") }
        let rows = "\(data.trainingRowCount) rows, \(data.trainingTokens) positions an epoch"
        let kept = data.validationRowCount == 0 ? "" : ", \(data.validationRowCount) rows kept for validation"
        Console.log.info("\(rows)\(kept)")
        let start = run.step == 0 ? "" : ", from step \(run.step) on"
        Console.log.info("\(run.schedule.totalSteps) steps\(start); \(Self.loss(reference))")
        if training.warmupSteps >= run.schedule.totalSteps {
            Console.log.warning(
                """
                training.warmup_steps is \(training.warmupSteps), the run has \(run.schedule.totalSteps) steps: the \
                learning rate never reaches \(training.learningRate)
                """)
        }
        let limit = run.model.config.maximumPositions
        let long = data.lengths.count { $0 > limit }
        if long > 0 {
            Console.log.warning("\(long) rows are longer than the \(limit) positions that the model's config states")
        }
        if data.validationRowCount == 0, training.validationFraction > 0 {
            Console.log.warning("no row was chosen for validation: there will be no validation loss")
        }
        if let finding = data.sharedAnswers.finding(of: data.validationRowCount) { Console.log.warning("\(finding)") }
        let swaps = run.evaluation.swaps
        let without = [swaps.references.isEmpty ? "references" : nil, swaps.texts.isEmpty ? "text" : nil]
            .compactMap(\.self)
        if data.validationRowCount > 0, !without.isEmpty {
            Console.log.info(
                """
                no swap delta of \(without.joined(separator: " and of ")): that needs two validation rows with the same \
                turns that differ in it
                """)
        }
    }

    func advance() { progress.advance(note: note) }

    func end() { progress.finish() }

    func logged(_ report: LossReport, _ step: StepReport) {
        let rate = step.seconds > 0 ? Int(Double(step.tokens) / step.seconds) : 0
        note = "\(Self.losses(report, reference)), \(rate) tokens/s"
    }

    /// What the steps to come will cost, once, before the first of them.
    func estimated(_ cost: CostEstimate) {
        for line in cost.lines { Console.log.info("\(line)") }
    }

    func evaluated(_ report: EvaluationReport, step: Int, isBest: Bool) {
        func swap(_ name: String, _ delta: Double?) -> String {
            delta.map { String(format: ", \(name) swap %+.3f", $0) } ?? ""
        }
        Console.log.info(
            """
            step \(step): validation \(Self.losses(report.losses, reference))\
            \(swap("reference", report.referenceSwapDelta))\(swap("text", report.textSwapDelta))\(isBest ? ", best" : "")
            """)
    }

    func saved(_ name: String) { Console.log.info("saved \(name)") }

    /// `loss 5.310, text 2.10 (chance 5.60, unigram 4.02), audio 4.20 (chance 4.87, unigram 4.51)`.
    static func losses(_ report: LossReport, _ reference: LossReference) -> String {
        func term(_ name: String, _ loss: Double?, _ chance: Double, _ unigram: Double?) -> String {
            guard let loss else { return "" }
            let entropy = unigram.map { ", unigram \(decimal($0))" } ?? ""
            return ", \(name) \(decimal(loss)) (chance \(decimal(chance))\(entropy))"
        }
        return "loss \(decimal(report.loss))"
            + term("text", report.text, reference.chanceText, reference.unigramText)
            + term("audio", report.audio, reference.chanceAudio, reference.unigramAudio)
    }

    /// What the losses will be read against.
    private static func loss(_ reference: LossReference) -> String {
        func term(_ name: String, _ chance: Double, _ unigram: Double?) -> String {
            "\(name) chance \(decimal(chance)), unigram entropy \(unigram.map(decimal) ?? "none")"
        }
        let codebooks = reference.unigramCodebooks.map { $0.map(decimal) ?? "none" }.joined(separator: " ")
        return term("text", reference.chanceText, reference.unigramText) + "; "
            + term("audio", reference.chanceAudio, reference.unigramAudio) + " (by codebook \(codebooks))"
    }

    static func decimal(_ value: Double) -> String { String(format: "%.3f", value) }
}

extension String {
    /// The lines of a text, indented, with what a terminal would obey escaped; without a final newline.
    fileprivate func escapedLines(indent: Int) -> String {
        split(separator: "\n").map { String(repeating: " ", count: indent) + String($0).escapedForTerminal }
            .joined(separator: "\n")
    }
}

/// Whether a base knows anything about these codes before it is trained on them.
enum BaseCheck {
    /// A loss within this fraction of chance is no better than chance: a model at random lies a little above it.
    static let margin = 0.98

    static func isNoBetterThanChance(_ audio: Double, _ reference: LossReference) -> Bool {
        audio >= margin * reference.chanceAudio
    }

    static func finding(_ audio: Double, _ reference: LossReference) -> String {
        "before training, the audio loss is \(RunConsole.decimal(audio)), no better than chance "
            + "(\(RunConsole.decimal(reference.chanceAudio))): the base knows nothing of these codes"
    }
}
