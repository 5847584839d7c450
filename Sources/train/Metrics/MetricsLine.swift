// A line of metrics.jsonl: what one logged step, or one evaluation, found. Not when lines are written, see
// Run/TrainRun.swift.

import PipelineKit

/// Losses, what they are read against, and what they were computed on.
struct LossReport: Sendable, Equatable {
    let loss: Double
    /// nil: no labels.
    let text: Double?
    let audio: Double?
    let codebooks: [Double?]  // (Q)
    /// Of the labels that are eos, the fraction that the arg max found; nil without any.
    let eosRecall: Double?
    let positions: [PositionKind: LossSums.PositionCounts]

    init(_ sums: LossSums, options: LossOptions) {
        loss = sums.loss(options)
        text = sums.textLoss
        audio = sums.audioLoss(options)
        codebooks = sums.codebookLosses
        eosRecall = sums.eosRecall
        positions = sums.positions
    }

    /// The names of position kinds in metrics.
    static func name(_ kind: PositionKind) -> String {
        switch kind {
        case .text: "text"
        case .feature: "feature"
        case .audioIn: "audio_in"
        case .audioOut: "audio_out"
        }
    }

    /// Trained and masked positions by what stands there.
    fileprivate var positionsJSON: JSONValue {
        .object(
            JSONObject(
                PositionKind.allCases.map { kind in
                    let counts = positions[kind] ?? LossSums.PositionCounts()
                    return (Self.name(kind), ["trained": .int(counts.trained), "masked": .int(counts.masked)])
                }))
    }
}

/// What a logged step did beside its losses.
struct StepReport: Sendable, Equatable {
    /// From 0.
    var step: Int
    /// Epochs done with this step, as a fraction: 1.5 is the middle of the second.
    var epoch: Double
    var learningRate: Double
    /// Before clipping.
    var gradientNorm: Double
    /// Positions of the merged sequences of the steps since the last line.
    var tokens: Int
    /// These over the wall time of those steps, without evaluation and saving.
    var seconds: Double
}

enum MetricsLine {
    private static func number(_ value: Double?) -> JSONValue { value.map { .double($0) } ?? .null }
    private static func numbers(_ values: [Double?]) -> JSONValue { .array(values.map(number)) }

    /// The line of a training step.
    static func training(_ report: LossReport, _ step: StepReport, _ reference: LossReference) -> JSONObject {
        [
            "step": .int(step.step), "epoch": .double(step.epoch), "loss": .double(report.loss),
            "text_loss": number(report.text), "audio_loss": number(report.audio),
            "codebook_losses": numbers(report.codebooks), "learning_rate": .double(step.learningRate),
            "grad_norm": .double(step.gradientNorm), "tokens": .int(step.tokens),
            "tokens_per_second": .double(step.seconds > 0 ? Double(step.tokens) / step.seconds : 0),
            "chance_text": .double(reference.chanceText), "chance_audio": .double(reference.chanceAudio),
            "unigram_text": number(reference.unigramText), "unigram_audio": number(reference.unigramAudio),
            "unigram_codebooks": numbers(reference.unigramCodebooks), "eos_recall": number(report.eosRecall),
            "positions": report.positionsJSON,
        ]
    }

    /// The line of an evaluation after step `step`; it has no `loss`.
    static func validation(
        _ evaluation: EvaluationReport, step: Int, epoch: Double, rows: Int, reference: LossReference
    ) -> JSONObject {
        let report = evaluation.losses
        return [
            "step": .int(step), "epoch": .double(epoch), "validation_loss": .double(report.loss),
            "validation_text_loss": number(report.text), "validation_audio_loss": number(report.audio),
            "validation_codebook_losses": numbers(report.codebooks), "validation_eos_recall": number(report.eosRecall),
            "validation_reference_swap_delta": number(evaluation.referenceSwapDelta),
            "validation_text_swap_delta": number(evaluation.textSwapDelta), "validation_rows": .int(rows),
            "validation_positions": report.positionsJSON,
            "chance_text": .double(reference.chanceText), "chance_audio": .double(reference.chanceAudio),
            "unigram_text": number(reference.unigramText), "unigram_audio": number(reference.unigramAudio),
        ]
    }

    /// Members that depend on the clock and nothing else.
    static let timeKeys = ["tokens_per_second"]
}
