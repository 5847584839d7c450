// The questions of the preflight that need a model which computes on real rows: one step, the two probes, one save.

import Foundation
import PipelineKit

extension Preflight {
    /// Asks them on the shortest rows that have labels.
    func probe(_ setup: RunSetup, _ data: TrainingData, _ model: HiggsModel, _ table: inout CheckTable) {
        let reference = LossReference(data.unigrams, weights: setup.config.loss.codebookWeights)
        let cache = ShardCache(data.source, format: data.format, capacity: 2)
        let rows = Result { try Self.probedRows(data, cache) }
        _ = ask("one step", &table) {
            try StepCheck.run(model, try cache.batch([try rows.get()[0]]), setup: setup, reference: reference)
        } finding: {
            $0
        }
        // They ask what depends on what, to the last bits; in bfloat16 these would be rounding.
        let probes = Probes(format: data.format) { batch in
            try model.parameters.workspace.inFloat32 { try model.evaluate(batch, loss: setup.lossOptions) }
        }
        _ = ask("leak probe", &table) {
            let finding = try probes.leak(try cache.batch([try rows.get()[0]]))
            return try Self.judge(finding, of: "the input at its own position or later")
        } finding: {
            $0
        }
        if let count = try? rows.get().count, count < 2 {
            table.add("causality probe", skipped: "not asked: needs two rows with labels")
        } else {
            _ = ask("causality probe", &table) {
                let finding = try probes.causality(try cache.batch(try rows.get()))
                return try Self.judge(finding, of: "another sequence of the batch")
            } finding: {
                $0
            }
        }
        if model.parts.adapter != nil {
            _ = ask(Self.adapterTitle, &table) {
                try AdapterProbe(model, options: setup.lossOptions).run(try cache.batch([try rows.get()[0]])).judged()
            } finding: {
                $0
            }
        }
        _ = ask("save and reload", &table) {
            try SaveCheck.run(model, try cache.batch([try rows.get()[0]]), setup: setup, data: data)
        } finding: {
            $0
        }
    }

    /// The shortest two rows that have labels of text and, where any of the rows looked at has, of audio.
    private static func probedRows(_ data: TrainingData, _ cache: ShardCache) throws -> [Int] {
        let shortest = data.trainingRows.joined().sorted { data.lengths[$0] < data.lengths[$1] }.prefix(64)
        let labels = try shortest.map { (row: $0, labels: try cache.batch([$0]).labelCounts) }
        let hasAudio = labels.filter { $0.labels.codebooks.contains { $0 > 0 } }
        let hasAny = hasAudio.isEmpty ? labels.filter { $0.labels.text > 0 } : hasAudio
        guard !hasAny.isEmpty else {
            throw DataError.nothingToTrain(
                path: data.source.path, problem: "the \(labels.count) shortest rows have no label to probe",
                remedy: "check start_index and the roles in the manifest")
        }
        return hasAny.prefix(2).map(\.row)
    }

    private static func judge(_ finding: ProbeFinding, of what: String) throws -> String {
        func told(_ change: Double) -> String { String(format: "%.1e", change) }
        guard !finding.leaks else {
            throw Failure(
                .failed, "the loss of \(finding.place) moves by \(told(finding.leak)) with \(what)",
                remedy: "do not train: its losses would mean nothing")
        }
        guard finding.isConclusive else {
            throw Failure(
                .failed, "\(finding.labels) labels, of which some follow none of their inputs: nothing is proved",
                remedy: "check that the model's weights are not all zero")
        }
        return
            "\(finding.labels) labels do not move with \(what) (at most \(told(finding.leak)); with what they may see, "
            + "at least \(told(finding.control)))"
    }
}
