// Whole runs on a small synthetic WORK: the loop, evaluation, checkpoints, and that a run that was stopped anywhere ends
// as one that never was.

import Foundation
import PipelineKit
import Testing
import TestSupport

@testable import train

private struct Killed: Error {}

/// The lines of metrics.jsonl without what depends on the clock.
private func metrics(_ run: String) throws -> [String] {
    try String(contentsOfFile: run + "/metrics.jsonl", encoding: .utf8).split(separator: "\n").map { line in
        guard var object = try JSONValue(parsing: String(line)).objectValue else { return "not an object" }
        for key in MetricsLine.timeKeys { object[key] = nil }
        return JSONValue.object(object).pythonDump()
    }
}

private func bytes(_ path: String) throws -> [UInt8] {
    try MappedFile(path: path).withBytes { Array($0) }
}

@discardableResult
private func train(
    _ config: TrainConfig, resumes: Bool = false, replaces: Bool = false, hooks: TrainRun.Hooks = TrainRun.Hooks()
) throws -> String {
    let mode = RunMode(resumes: resumes, replaces: replaces)
    return try TrainSession(config: config, mode: mode, hooks: hooks).run()
}

/// Both runs have the same metrics and the same bytes at the end.
private func expectSame(_ run: String, _ whole: String, _ comment: Comment) throws {
    #expect(try metrics(run) == metrics(whole), comment)
    for name in ["model.safetensors", "optimizer.safetensors", "config.json"] {
        let isSame = try bytes("\(run)/final/\(name)") == bytes("\(whole)/final/\(name)")
        #expect(isSame, "\(name): \(comment)")
    }
}

private let evaluating = [
    "training.validation_fraction=0.4", "training.eval_steps=3", "training.save_steps=3", "training.warmup_steps=2",
]

@Suite(.serialized) struct RunResumeTests {
    @Test func `a run writes its config, a line a step, validation lines, checkpoints and the end`() throws {
        try withTemporaryDirectory { root in
            let work = SyntheticWork()
            try work.write(to: root + "/work")
            let config = try work.config(work: root + "/work", run: root + "/run", evaluating)
            let summary = try train(config)
            #expect(summary.contains("last step:") && summary.contains("validation:"))
            let lines = try metrics(root + "/run").map { try JSONValue(parsing: $0) }
            let training = lines.filter { $0["loss"] != nil }
            #expect(training.compactMap { $0["step"]?.intValue } == Array(0..<8))
            #expect(lines.filter { $0["validation_loss"] != nil }.compactMap { $0["step"]?.intValue } == [2, 5, 7])
            #expect(CheckpointName.all(in: root + "/run").map(\.step) == [3, 6])
            let state = try TrainerState(checkpoint: root + "/run/final")
            #expect(state.step == 8 && state.totalSteps == 8)
            // As resolved: nothing is frozen.
            var resolved = config
            resolved.training.frozenComputeType = .float32
            #expect(try TrainConfig(file: root + "/run/config.yaml") == resolved)
            // It learns the rule that the codes follow.
            let first = try #require(training.first?["loss"]?.doubleValue)
            let last = try #require(training.last?["loss"]?.doubleValue)
            #expect(last < first)
            let rates = training.compactMap { $0["learning_rate"]?.doubleValue }
            #expect(rates[0] == 0.005 && rates[1] == 0.01 && rates[7] == 0)
            // Positions: what was expanded is what was counted.
            for line in training {
                let counted = PositionKind.allCases.reduce(0) { sum, kind in
                    let counts = line["positions"]?[LossReport.name(kind)]
                    return sum + (counts?["trained"]?.intValue ?? 0) + (counts?["masked"]?.intValue ?? 0)
                }
                #expect(counted == line["tokens"]?.intValue)
            }
        }
    }

    @Test func `a killed run goes on to the same metrics and the same bytes, wherever it was killed`() throws {
        try withTemporaryDirectory { root in
            let work = SyntheticWork()
            try work.write(to: root + "/work")
            let whole = root + "/whole"
            try train(work.config(work: root + "/work", run: whole, evaluating))
            // Before the first checkpoint, right at one, between two, and twice in one run.
            for kills in [[1], [2], [4], [5, 7], [0, 3, 6]] {
                let run = root + "/killed-\(kills)"
                let config = try work.config(work: root + "/work", run: run, evaluating)
                for kill in kills {
                    let hooks = TrainRun.Hooks(stepDone: { if $0 == kill { throw Killed() } })
                    #expect(throws: Killed.self) { try train(config, resumes: true, hooks: hooks) }
                }
                try train(config, resumes: true)
                try expectSame(run, whole, "killed after steps \(kills)")
            }
        }
    }

    @Test func `a stopped run saves where it is, owes its evaluation, and goes on to the same end`() throws {
        try withTemporaryDirectory { root in
            let work = SyntheticWork()
            try work.write(to: root + "/work")
            let overrides = evaluating + ["training.logging_steps=3", "training.shuffle=false"]
            let whole = root + "/whole"
            try train(work.config(work: root + "/work", run: whole, overrides))
            for stop in 0..<8 {
                let run = root + "/stopped-\(stop)"
                let config = try work.config(work: root + "/work", run: run, overrides)
                let last = Box(-1)
                let hooks = TrainRun.Hooks(stepDone: { last.value = $0 }, isStopRequested: { last.value >= stop })
                // The last step has an evaluation, and that is where a stop is still seen.
                #expect(throws: Interrupted.self) { try train(config, resumes: true, hooks: hooks) }
                let state = try TrainerState(checkpoint: "\(run)/checkpoint-\(stop + 1)")
                #expect(state.step == stop + 1 && state.owesEvaluation == [2, 5, 7].contains(stop))
                try train(config, resumes: true)
                try expectSame(run, whole, "stopped after step \(stop)")
            }
        }
    }

    @Test func `a checkpoint whose parts are of different steps is refused`() throws {
        try withTemporaryDirectory { root in
            let work = SyntheticWork(rows: 4, rowsPerShard: 4)
            try work.write(to: root + "/work")
            let run = root + "/run"
            let config = try work.config(
                work: root + "/work", run: run, ["training.max_steps=3", "training.save_steps=1"])
            #expect(throws: Killed.self) {
                try train(config, hooks: TrainRun.Hooks(stepDone: { if $0 == 1 { throw Killed() } }))
            }
            let last = try #require(CheckpointName.all(in: run).last)
            let path = "\(run)/\(last.name)/\(TrainerState.fileName)"
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let cases = [(3, "it is of step 3, the optimizer beside it of step \(last.step)"), (9, "step 9 of 3")]
            for (step, reason) in cases {
                let changed = text.replacingOccurrences(of: "\"step\": \(last.step),", with: "\"step\": \(step),")
                #expect(changed != text)
                try Data(changed.utf8).write(to: URL(fileURLWithPath: path))
                let failure = failure { try train(config, resumes: true) }
                #expect(failure?.status == .badData && failure?.location == path, "\(String(describing: failure))")
                #expect(failure?.what.contains(reason) == true)
            }
        }
    }

    @Test func `a finished run is touched, and another config moves it aside`() throws {
        try withTemporaryDirectory { root in
            let work = SyntheticWork(rows: 4, rowsPerShard: 4)
            try work.write(to: root + "/work")
            let run = root + "/run"
            let config = try work.config(work: root + "/work", run: run, ["training.max_steps=2"])
            try train(config, resumes: true, replaces: true)
            let before = try bytes(run + "/final/model.safetensors")
            #expect(throws: RunDirectoryError.holdsRun(path: run)) { try train(config) }
            #expect(try train(config, resumes: true, replaces: true).contains("already trained"))
            let other = try work.config(work: root + "/work", run: run, ["training.max_steps=3"])
            #expect(throws: RunDirectoryError.self) { try train(other, resumes: true) }
            try train(other, resumes: true, replaces: true)
            #expect(try bytes(run + ".1/final/model.safetensors") == before)
            #expect(try metrics(run).count == 3)
            // Other data under the same config.
            var more = work
            more.rows = 5
            try FileManager.default.removeItem(atPath: root + "/work")
            try more.write(to: root + "/work")
            #expect {
                try train(other, resumes: true)
            } throws: {
                Failure($0).what.hasPrefix("the data has changed since final was written: samples ")
            }
        }
    }

    @Test func `the best evaluation is recorded and its checkpoint kept`() throws {
        try withTemporaryDirectory { root in
            let work = SyntheticWork()
            try work.write(to: root + "/work")
            let run = root + "/run"
            // A rate that first learns, then destroys: the best evaluation lies in the middle.
            let overrides = [
                "training.validation_fraction=0.4", "training.eval_steps=1", "training.max_steps=10",
                "training.learning_rate=0.3", "training.warmup_steps=10", "training.lr_scheduler=constant",
                "training.save_steps=5", "training.save_total_limit=2",
            ]
            try train(work.config(work: root + "/work", run: run, overrides))
            let lines = try metrics(run).map { try JSONValue(parsing: $0) }
            let losses = lines.compactMap { $0["validation_loss"]?.doubleValue }
            #expect(losses.count == 10)
            let lowest = try #require(losses.min())
            let best = try #require(losses.firstIndex(of: lowest)) + 1
            let state = try TrainerState(checkpoint: run + "/final")
            #expect(state.best == BestCheckpoint(step: best, validationLoss: lowest))
            #expect((1..<10).contains(best), "the test needs a best evaluation before the end: \(losses)")
            let kept = CheckpointName.all(in: run).map(\.step)
            #expect(kept.contains(best) && kept.count <= 2, "\(kept), best \(best)")
            let checkpoint = try TrainerState(checkpoint: "\(run)/checkpoint-\(best)")
            #expect(checkpoint.best == state.best)
        }
    }

    @Test func `TensorBoard's events hold the steps of the metrics, also after a kill`() throws {
        try withTemporaryDirectory { root in
            let work = SyntheticWork()
            try work.write(to: root + "/work")
            let run = root + "/run"
            let config = try work.config(work: root + "/work", run: run, evaluating)
            let hooks = TrainRun.Hooks(stepDone: { if $0 == 4 { throw Killed() } })
            #expect(throws: Killed.self) { try train(config, hooks: hooks) }
            try train(config, resumes: true)
            let expected = try metrics(run).map { line in
                let object = try JSONValue(parsing: line)
                return "\(object["step"]?.intValue ?? -1)"
            }
            let events = try bytes("\(run)/\(TensorBoardFile.name)")
            var found: [String] = []
            var place = 0
            while place < events.count {
                let length = events[place..<place + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
                let message = events[place + 12..<place + 12 + length]
                found.append("\(TensorBoardEvent.step(ofMessage: message) ?? -1)")
                place += length + 16
            }
            #expect(Array(found.dropFirst()) == expected)
        }
    }

    @Test func `a base no better than chance is told, and stops the run where it is required to know more`() throws {
        try withTemporaryDirectory { root in
            let work = SyntheticWork(rows: 4)
            try work.write(to: root + "/work")
            let described = try work.config(work: root + "/work", run: root + "/run", ["training.max_steps=1"])
            // A model at random is such a base.
            try FileManager.default.createDirectory(atPath: root + "/base", withIntermediateDirectories: true)
            try RunSetup(described).model().save(to: root + "/base")
            func config(_ model: String, _ run: String, _ required: Bool) throws -> TrainConfig {
                try work.config(
                    work: root + "/work", run: root + "/" + run,
                    ["model=\(root)/\(model)", "training.max_steps=60", "training.require_pretrained=\(required)"])
            }
            #expect {
                try train(config("base", "required", true))
            } throws: {
                Failure($0).status == .badUsage && Failure($0).what.contains("no better than chance")
            }
            #expect(CheckpointName.all(in: root + "/required").isEmpty)
            try train(config("base", "run", false))
            // What came out of it has learnt these codes.
            try train(config("run/final", "further", true))
        }
    }

    @Test func `accumulated micro-batches give the step of one batch`() throws {
        try withTemporaryDirectory { root in
            let work = SyntheticWork(rows: 6, rowsPerShard: 6)
            try work.write(to: root + "/work")
            var losses: [[Double]] = []
            for (batch, accumulation) in [(6, 1), (3, 2), (1, 6), (4, 2)] {
                let run = root + "/run-\(batch)"
                try train(
                    work.config(
                        work: root + "/work", run: run,
                        [
                            "training.batch_size=\(batch)", "training.gradient_accumulation_steps=\(accumulation)",
                            "training.max_steps=4",
                        ]))
                let lines = try metrics(run).map { try JSONValue(parsing: $0) }
                losses.append(lines.compactMap { $0["loss"]?.doubleValue })
            }
            for other in losses.dropFirst() {
                for (a, b) in zip(losses[0], other) { #expect(abs(a - b) < 2e-4, "\(losses)") }
            }
        }
    }

    @Test func `rows without target clips are trained on text alone`() throws {
        try withTemporaryDirectory { root in
            let work = SyntheticWork(rows: 4, rowsPerShard: 2, textOnlyRows: [0, 1, 2])
            try work.write(to: root + "/work")
            let overrides = ["training.batch_size=1", "training.gradient_accumulation_steps=1", "training.max_steps=4"]
            try train(work.config(work: root + "/work", run: root + "/run", overrides))
            let lines = try metrics(root + "/run").map { try JSONValue(parsing: $0) }
            #expect(lines.count { $0["audio_loss"]?.isNull == true } == 3)
            #expect(lines.allSatisfy { $0["text_loss"]?.doubleValue != nil })
        }
    }

    @Test func `data without a single label of a weighed term is refused`() throws {
        try withTemporaryDirectory { root in
            let work = SyntheticWork(rows: 3, textOnlyRows: [0, 1, 2])
            try work.write(to: root + "/work")
            // A tower of such data has nothing to learn its sizes from; without one the labels are what is missing.
            let config = try work.config(work: root + "/work", run: root + "/run", ["model.audio_tower="])
            #expect {
                try train(config)
            } throws: {
                Failure($0).status == .badData && Failure($0).what.contains("not a single label for codebook 0")
            }
            #expect(!FileManager.default.fileExists(atPath: root + "/run/config.yaml"))
            let textOnly = ["model.audio_tower=", "loss.audio_loss_weight=0"]
            try train(work.config(work: root + "/work", run: root + "/run", textOnly))
        }
    }

    @Test func `a number that is not finite stops the run, names rows and tensor, and keeps the last checkpoint`()
        throws
    {
        try withTemporaryDirectory { root in
            let work = SyntheticWork()
            try work.write(to: root + "/work")
            let config = try work.config(
                work: root + "/work", run: root + "/run",
                ["training.learning_rate=1e30", "training.max_grad_norm=0", "training.save_steps=1"])
            #expect {
                try train(config)
            } throws: { error in
                guard let divergence = error as? Divergence else { return false }
                return divergence.failure.status == .failed && divergence.rows.count == 2
                    && divergence.rows.allSatisfy { $0.hasPrefix("صف-") } && divergence.lastCheckpoint != nil
            }
            let state = CheckpointName.all(in: root + "/run").last
            let kept = try HiggsModel(loading: root + "/run/\(try #require(state).name)")
            #expect(kept.parameters.firstNonFiniteParameter() == nil)
            #expect(!FileManager.default.fileExists(atPath: root + "/run/final"))
        }
    }

    @Test func `of a batch, the row whose data is no number is named alone`() throws {
        try withTemporaryDirectory { root in
            let work = SyntheticWork(rows: 6, rowsPerShard: 3, brokenRows: [4])
            try work.write(to: root + "/work")
            for (batch, accumulation) in [(6, 1), (2, 3)] {
                let config = try work.config(
                    work: root + "/work", run: "\(root)/run-\(batch)",
                    ["training.batch_size=\(batch)", "training.gradient_accumulation_steps=\(accumulation)"])
                #expect {
                    try train(config)
                } throws: {
                    ($0 as? Divergence)?.rows == ["صف-4"] && ($0 as? Divergence)?.tensor == nil
                }
            }
        }
    }

    @Test func `a base with a weight that is no number is named by its tensor`() throws {
        try withTemporaryDirectory { root in
            let work = SyntheticWork(rows: 4)
            try work.write(to: root + "/work")
            let described = try work.config(work: root + "/work", run: root + "/run")
            let model = try RunSetup(described).model()
            let entry = try #require(model.parameters.entries.first { $0.name == "layers.1.self_attn.k_proj.weight" })
            model.parameters.values(entry)[5] = .nan
            try FileManager.default.createDirectory(atPath: root + "/base", withIntermediateDirectories: true)
            try model.save(to: root + "/base")
            let config = try work.config(work: root + "/work", run: root + "/run", ["model=\(root)/base"])
            #expect {
                try train(config)
            } throws: {
                ($0 as? Divergence)?.tensor == entry.name && ($0 as? Divergence)?.lastCheckpoint == nil
            }
        }
    }
}

/// A variable that closures share.
private final class Box<Value> {
    var value: Value
    init(_ value: Value) { self.value = value }
}
