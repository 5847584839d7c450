// `train check`: asks everything that a run depends on, in the order in which the answers depend on each other, and
// leaves nothing on disk. What depends on a failed answer is skipped, what does not is still asked.

import Foundation
import PipelineKit

/// The preflight.
struct Preflight {
    /// Threads that were asked for; nil: as for a run.
    let threads: Int?

    /// Asks all questions.
    /// - Parameter config: gives the config; what it throws is the first answer.
    func run(config: () throws -> TrainConfig) -> CheckTable {
        var table = CheckTable()
        guard let config = ask("config", &table, config, finding: { _ in "known keys, values in range" }) else {
            return table
        }
        _ = ask("ranks", &table) {
            try Ranks.check()
        } finding: {
            $0
        }
        let setup = ask("data and model", &table) {
            try RunSetup(config)
        } finding: {
            let model = $0.modelConfig
            return "\($0.source.rowCount) rows in \($0.source.shardCount) shards; \(model.layers) layers of width "
                + "\(model.width), \(model.dualLayers.count) dual, vocabulary \(model.vocabularySize), "
                + "\(model.codebooks) codebooks of \(model.codebookSize), \(model.tower == nil ? "no tower" : "tower")"
        }
        ComputeThreads.apply(asked: threads)
        let data = setup.flatMap { setup in
            ask("rows", &table) {
                let data = try TrainingData(
                    setup.source, format: setup.format, validationFraction: config.training.validationFraction,
                    validationBy: config.training.validationBy, workers: threads ?? ComputeThreads.cores)
                try data.check(maxBatchTokens: config.training.maxBatchTokens)
                return data
            } finding: {
                "hashes, ids in step, ranges, a clip a placeholder; \($0.trainingRowCount) to train on, "
                    + "\($0.validationRowCount) to validate, \($0.trainingTokens) positions an epoch"
                    + ($0.sharedAnswers.finding(of: $0.validationRowCount).map { "; " + $0 } ?? "")
            }
        }
        if let setup, let data {
            _ = ask("labels", &table) {
                try setup.check(labels: data.labels)
                try LabelCheck.run(data)
            } finding: {
                "\(data.labels.text) of text, \(data.labels.codebooks.first ?? 0) a codebook, each equal to the input "
                    + "at its own position"
            }
        }
        var isComputable = true
        if let compute = setup?.frozenCompute, compute.text != nil || compute.type == .bfloat16 {
            let text = ask(Self.frozenTitle, &table) {
                try compute.check()
                return compute.text ?? ""
            } finding: {
                $0
            }
            isComputable = text != nil
        }
        let model = (isComputable ? setup : nil).flatMap { setup in
            ask("weights", &table) {
                // Before anything so large is loaded.
                _ = try MemoryCheck.run(try setup.memoryNeed())
                let model = try setup.model()
                try RunSetup.check(config.loss, against: model.config)
                return model
            } finding: {
                "\($0.parameters.parameterCount) parameters, \($0.parameters.trainedCount) trained"
                    + $0.parts.description
            }
        }
        if let setup, let data {
            _ = ask("disk", &table) {
                try DiskCheck.run(config, CheckpointRoom(setup, data))
            } finding: {
                $0
            }
        }
        if let setup, let data, let model {
            _ = ask("memory", &table) {
                let plan = StepPlan(data, training: config.training)
                let largest = CostEstimate.microBatches(plan).last?.rows ?? []
                let batch = try ShardCache(data.source, format: data.format, capacity: 1).batch(largest)
                model.usesGradientCheckpointing = config.training.gradientCheckpointing
                return try MemoryCheck.run(MemoryNeed(model, activations: model.activationBytes(batch)))
            } finding: {
                $0
            }
            probe(setup, data, model, &table)
        }
        let asked = Set(table.rows.map(\.title))
        for title in Self.titles where !asked.contains(title) {
            table.add(title, skipped: "not asked: needs an answer above")
        }
        return table
    }

    /// Asked only where there are frozen bfloat16 weights, or the config says that there are.
    static let frozenTitle = "frozen weights"
    /// Asked only where an adapter is trained.
    static let adapterTitle = "adapter probe"

    static let titles = [
        "config", "ranks", "data and model", "rows", "labels", "weights", "disk", "memory", "one step", "leak probe",
        "causality probe", "save and reload",
    ]

    /// Asks one question and notes its answer.
    func ask<Answer>(
        _ title: String, _ table: inout CheckTable, _ question: () throws -> Answer, finding: (Answer) -> String
    ) -> Answer? {
        do {
            let answer = try question()
            table.add(title, passed: finding(answer))
            return answer
        } catch {
            table.add(title, failed: Failure(error))
            return nil
        }
    }
}
