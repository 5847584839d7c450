// What a run directory is taken for, and what happens to it.

import Foundation
import PipelineKit
import Testing
import TestSupport

@testable import train

/// Resolved, as a run directory takes it.
private func config(_ overrides: String...) throws -> TrainConfig {
    let yaml =
        "model: m\ndata_path: d\noutput_dir: o\ntraining: {max_steps: 4, learning_rate: 1, frozen_compute_dtype: float32}"
    return try TrainConfig(yaml: yaml, file: "c", flags: TrainConfig.Flags(overrides: overrides))
}

private func data(_ digest: String, codes: [String] = ["c0", "c1"]) -> DataFingerprint {
    DataFingerprint(
        digest: digest,
        directories: [.init(name: "samples", shards: ["s0", "s1"]), .init(name: "codes", shards: codes)])
}

private func state(step: Int) -> TrainerState {
    TrainerState(
        step: step, totalSteps: 12, epoch: 0, stepInEpoch: step, seed: 0, configDigest: "c", data: data("d0"),
        validationBy: .id, owesEvaluation: false, threads: 2, windowTokens: 5, windowSeconds: 0.25,
        best: BestCheckpoint(step: 2, validationLoss: 1.25))
}

private func write(_ state: TrainerState, _ checkpoint: String) throws {
    try FileManager.default.createDirectory(atPath: checkpoint, withIntermediateDirectories: true)
    try AtomicFile.write(Array(state.json.pretty().utf8), to: checkpoint + "/" + TrainerState.fileName)
}

private func start(
    _ path: String, resumes: Bool = false, replaces: Bool = false, _ config: TrainConfig,
    data: DataFingerprint = data("d0")
) throws -> RunDirectory.Start {
    try RunDirectory(path: path).start(
        mode: RunMode(resumes: resumes, replaces: replaces), config: config, data: data)
}

@Suite struct RunDirectoryTests {
    @Test func `an empty or absent directory starts fresh, with and without --resume`() throws {
        try withTemporaryDirectory { root in
            for (resumes, replaces) in [(false, false), (true, false), (true, true)] {
                let found = try start(root + "/a/b", resumes: resumes, replaces: replaces, config())
                #expect(found == .fresh)
            }
        }
    }

    @Test func `a directory with other files is refused, whatever is asked`() throws {
        try withTemporaryDirectory { root in
            try AtomicFile.write(Array("x".utf8), to: root + "/thesis.doc")
            for (resumes, replaces) in [(false, false), (true, false), (true, true), (false, true)] {
                #expect(throws: RunDirectoryError.foreignFiles(path: root, example: "thesis.doc")) {
                    try start(root, resumes: resumes, replaces: replaces, config())
                }
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: root) == ["thesis.doc"])
        }
    }

    @Test func `a run is refused without --resume, and goes on from its last whole checkpoint with it`() throws {
        try withTemporaryDirectory { root in
            try RunDirectory(path: root).prepare(.fresh, config: config())
            #expect(throws: RunDirectoryError.holdsRun(path: root)) { try start(root, config()) }
            // Nothing saved yet: from the start.
            #expect(try start(root, resumes: true, config()) == .fresh)
            try write(state(step: 2), root + "/checkpoint-2")
            try write(state(step: 10), root + "/checkpoint-10")
            try FileManager.default.createDirectory(atPath: root + "/checkpoint-11", withIntermediateDirectories: true)
            #expect(
                try start(root, resumes: true, config()) == .checkpoint(path: root + "/checkpoint-10", state(step: 10)))
            try write(state(step: 12), root + "/final")
            #expect(try start(root, resumes: true, config()) == .finished(state(step: 12)))
        }
    }

    @Test func `another config is refused with its keys, other data with the checkpoint`() throws {
        try withTemporaryDirectory { root in
            try RunDirectory(path: root).prepare(.fresh, config: config())
            try write(state(step: 2), root + "/checkpoint-2")
            let other = try config("training.seed=4", "training.save_steps=2")
            #expect(
                throws: RunDirectoryError.differentConfig(path: root, differences: ["training.seed (4, was 0)"])
            ) { try start(root, resumes: true, other) }
            #expect {
                try start(root, resumes: true, config(), data: data("d1", codes: ["c0", "new", "c2"]))
            } throws: {
                Failure($0).status == .badUsage
                    && Failure($0).what == "the data has changed since checkpoint-2 was written: codes shard 1, "
                        + "codes has 3 shards, had 2"
            }
            // The checkpoints' rhythm is not the run's identity.
            let rhythm = try config("training.save_steps=2", "output_dir=elsewhere")
            #expect(try start(root, resumes: true, rhythm) == .checkpoint(path: root + "/checkpoint-2", state(step: 2)))
        }
    }

    @Test func `texts that were prepared otherwise are refused with the difference, even where the ids are the same`()
        throws
    {
        try withTemporaryDirectory { root in
            try RunDirectory(path: root).prepare(.fresh, config: config())
            var trained = state(step: 2)
            var record = Tokenizer.byteLevel.record
            record.normalization = .arabic
            trained.text = record
            try write(trained, root + "/checkpoint-2")
            #expect(try TrainerState(checkpoint: root + "/checkpoint-2") == trained)
            func resume(_ text: TextRecord?, replaces: Bool = false) throws -> RunDirectory.Start {
                try RunDirectory(path: root).start(
                    mode: RunMode(resumes: true, replaces: replaces), config: config(), data: data("d0"), text: text)
            }
            #expect(try resume(record) == .checkpoint(path: root + "/checkpoint-2", trained))
            // Data without a record says nothing against it.
            #expect(try resume(nil) == .checkpoint(path: root + "/checkpoint-2", trained))
            let refusal = failure { try resume(Tokenizer.byteLevel.record) }
            #expect(refusal?.status == .badUsage)
            #expect(
                refusal?.what.contains("text.normalization: \"presentation-forms,zero-width,tatweel,nfc\" → none")
                    == true)
            guard case .anew = try resume(Tokenizer.byteLevel.record, replaces: true) else {
                Issue.record("--replace does not start anew")
                return
            }
        }
    }

    @Test func `--resume --replace moves a run of another config to the first free number`() throws {
        try withTemporaryDirectory { root in
            let path = root + "/run"
            for round in 1...3 {
                let config = try config("training.seed=\(round)")
                let directory = try RunDirectory(path: path)
                let start = try directory.start(
                    mode: RunMode(resumes: true, replaces: true), config: config, data: data("d0"))
                if round > 1 {
                    guard case .anew(let reason) = start else {
                        Issue.record("round \(round) does not start anew")
                        return
                    }
                    #expect(reason.contains("training.seed (\(round), was \(round - 1))"))
                }
                try directory.prepare(start, config: config)
                try write(state(step: round), path + "/checkpoint-\(round)")
            }
            #expect(CheckpointName.all(in: path) == [CheckpointName(step: 3)])
            #expect(CheckpointName.all(in: path + ".1") == [CheckpointName(step: 1)])
            #expect(CheckpointName.all(in: path + ".2") == [CheckpointName(step: 2)])
            // The same config goes on instead.
            let again = try start(path, resumes: true, replaces: true, config("training.seed=3"))
            #expect(again == .checkpoint(path: path + "/checkpoint-3", state(step: 3)))
        }
    }

    @Test func `a run of another version is refused, and moved aside where that is asked`() throws {
        try withTemporaryDirectory { root in
            try RunDirectory(path: root).prepare(.fresh, config: config())
            try write(state(step: 2), root + "/checkpoint-2")
            try AtomicFile.write(
                Array("{\"version\": 1, \"step\": 2}".utf8), to: root + "/checkpoint-2/" + TrainerState.fileName)
            #expect {
                try start(root, resumes: true, config())
            } throws: {
                Failure($0).status == .badUsage && Failure($0).remedy?.contains("--replace") == true
            }
            #expect(
                try start(root, resumes: true, replaces: true, config())
                    == .anew(because: "not a trainer state: its version is 1, expected 2"))
        }
    }

    @Test func `one process at a time writes in it`() throws {
        try withTemporaryDirectory { root in
            let first = try RunDirectory(path: root)
            #expect(throws: Failure.self) { try RunDirectory(path: root) }
            withExtendedLifetime(first) {}
        }
    }

    @Test func `preparing removes half-written checkpoints and writes the config`() throws {
        try withTemporaryDirectory { root in
            let directory = try RunDirectory(path: root)
            try FileManager.default.createDirectory(
                atPath: root + "/checkpoint-3.partial", withIntermediateDirectories: true)
            try directory.prepare(.fresh, config: config())
            #expect(!FileManager.default.fileExists(atPath: root + "/checkpoint-3.partial"))
            #expect(try TrainConfig(file: directory.configPath) == config())
        }
    }

    @Test func `the oldest checkpoints go, the best and the newest never`() throws {
        try withTemporaryDirectory { root in
            for step in [2, 4, 10, 6] { try write(state(step: step), root + "/checkpoint-\(step)") }
            try CheckpointName.prune(in: root, retention: Retention(interval: 2, limit: 2), best: 2)
            #expect(CheckpointName.all(in: root).map(\.step) == [2, 10])
            #expect(!FileManager.default.fileExists(atPath: root + "/checkpoint-4"))
        }
    }

    @Test(
        arguments: [
            // Rhythm, limit, best, what there is, what goes.
            (2, nil, nil, [2, 4, 6], []),
            (2, nil, 3, [2, 3, 4], []),
            (2, nil, 4, [2, 3, 4], [3]),  // 3 was best once and belongs to no rhythm
            (2, 2, nil, [2, 4, 6], [2]),
            (2, 2, 2, [2, 4, 6], [4]),
            (2, 1, 2, [2, 4, 6], [4]),
            (2, 1, 6, [2, 4, 6], [2, 4]),
            (2, 3, 9, [2, 4, 6, 8], [2]),  // the best is final/
            (nil, nil, 5, [3, 5, 7], [3]),
            (nil, nil, 7, [3, 5, 7], [3, 5]),
            (nil, 4, nil, [], []),
        ] as [(Int?, Int?, Int?, [Int], [Int])])
    func `retention`(interval: Int?, limit: Int?, best: Int?, steps: [Int], removed: [Int]) {
        #expect(Retention(interval: interval, limit: limit).removed(from: steps, best: best) == removed)
    }

    @Test func `once a run is finished, what a stop has saved goes`() {
        let retention = Retention(interval: 2, limit: nil)
        #expect(retention.removed(from: [2, 4, 5], best: nil, finalStep: 7) == [5])
        #expect(retention.removed(from: [2, 4, 5], best: 5, finalStep: 7) == [])
        // Of the last step there is final/ already, whether the step belongs to the rhythm or is the best.
        #expect(retention.removed(from: [2, 4, 6], best: 6, finalStep: 6) == [6])
        #expect(Retention(interval: 2, limit: 1).removed(from: [2, 4], best: nil, finalStep: 5) == [2])
        #expect(Retention(interval: nil, limit: nil).removed(from: [3], best: nil, finalStep: 5) == [3])
    }

    @Test func `the room for checkpoints counts those that will stand at once`() throws {
        func added(_ present: Int, _ overrides: String...) throws -> Int {
            var training = try config().training
            for change in overrides.map({ $0.split(separator: "=") }) {
                let value = Int(change[1])
                switch change[0] {
                case "save": training.saveSteps = value
                case "limit": training.saveTotalLimit = value
                default: training.evalSteps = value
                }
            }
            let model = try SmallModel.config(tower: false)
            let tensors = HiggsModel.tensors(model, parts: .everything, files: nil)
            let room = CheckpointRoom(
                training, tensors: tensors, isAdapter: false, steps: 100, evaluates: true, present: present)
            #expect(room.bytesPerCheckpoint == 12 * model.parameterShapes.reduce(0) { $0 + $1.1.reduce(1, *) })
            return room.added
        }
        // Steps 10 … 90 and final/; with evaluations the best one beside them.
        #expect(try added(0, "save=10", "eval=none", "limit=none") == 10)
        #expect(try added(4, "save=10", "eval=none", "limit=none") == 6)
        #expect(try added(0, "save=10", "eval=5", "limit=none") == 11)
        // Two that are kept, the next one before the oldest goes, final/.
        #expect(try added(0, "save=10", "eval=5", "limit=2") == 4)
        #expect(try added(0, "save=none", "eval=none", "limit=none") == 1)
        #expect(try added(9, "save=10", "eval=none", "limit=2") == 1)
    }

    @Test func `a checkpoint takes its weights in their types, or the adapter alone`() {
        let frozen = TensorPlan(
            key: .textEmbedding, name: "a", shape: [10, 10], isTrained: false, storedType: .bfloat16, mapped: nil)
        let trained = TensorPlan(key: .finalNorm, name: "b", shape: [10], isTrained: true)
        let narrow = TensorPlan(
            key: .audioHead, name: "c", shape: [2, 10], isTrained: true, storedType: .bfloat16, mapped: nil)
        func bytes(isAdapter: Bool) -> Int? {
            (try? config().training).map {
                CheckpointRoom(
                    $0, tensors: [frozen, trained, narrow], isAdapter: isAdapter, steps: 1, evaluates: false, present: 0
                ).bytesPerCheckpoint
            }
        }
        #expect(bytes(isAdapter: false) == 200 + 10 * (4 + 8) + 20 * (2 + 12))
        #expect(bytes(isAdapter: true) == 10 * (4 + 8) + 20 * (2 + 12))
    }

    @Test func `a trainer state reads back, and a damaged one says what is missing`() throws {
        try withTemporaryDirectory { root in
            try write(state(step: 7), root)
            #expect(try TrainerState(checkpoint: root) == state(step: 7))
            for (text, reason) in [
                ("{}", "version is missing or ill-typed"), ("{\"version\": 9}", "its version is 9, expected 2"),
                ("{\"version\": 2, \"step\": -1}", "step is missing or ill-typed"), ("{", "invalid JSON"),
            ] {
                try AtomicFile.write(Array(text.utf8), to: root + "/" + TrainerState.fileName)
                #expect {
                    try TrainerState(checkpoint: root)
                } throws: {
                    Failure($0).what.contains(reason)
                        && Failure($0).status == (reason.contains("expected 2") ? .badUsage : .badData)
                }
            }
        }
    }
}

@Suite struct MetricsTests {
    @Test func `going on cuts the lines of steps that will be done again, and a line without end`() throws {
        try withTemporaryDirectory { root in
            let path = root + "/metrics.jsonl"
            func write(_ keeping: Int, _ steps: Range<Int>) throws {
                let file = try MetricsFile(path: path, keepingStepsBelow: keeping)
                for step in steps { try file.append(["step": .int(step), "loss": .double(Double(step) / 4)]) }
                try file.sync()
            }
            try write(0, 0..<5)
            try write(3, 3..<4)
            func text() throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
            #expect(
                try text()
                    == (0..<4).map { "{\"step\": \($0), \"loss\": \(JSONValue.double(Double($0) / 4).pythonDump())}\n" }
                    .joined())
            try AtomicFile.write(Array((try text() + "{\"step\": 4, \"lo").utf8), to: path)
            try write(4, 4..<4)
            #expect(try text().hasSuffix("\"step\": 3, \"loss\": 0.75}\n"))
            try write(0, 0..<0)
            #expect(try text().isEmpty)
        }
    }

    @Test func `the line and the event of an evaluation that is owed go, others stay`() throws {
        try withTemporaryDirectory { root in
            let lines: [JSONObject] = [
                ["step": 0, "loss": 1.5], ["step": 0, "validation_loss": 1.25], ["step": 1, "loss": 0.5],
                ["step": 1, "validation_loss": 0.75],
            ]
            for owes in [false, true] {
                let path = "\(root)/metrics-\(owes)", events = "\(root)/events-\(owes)"
                func open(_ keeping: Int, _ owes: Bool) throws -> (MetricsFile, TensorBoardFile) {
                    (
                        try MetricsFile(path: path, keepingStepsBelow: keeping, owesEvaluation: owes),
                        try TensorBoardFile(path: events, keepingStepsBelow: keeping, owesEvaluation: owes)
                    )
                }
                let (metrics, board) = try open(0, false)
                var sizes: [Int] = []
                for line in lines {
                    sizes.append(try MappedFile(path: events).withBytes(\.count))
                    try metrics.append(line)
                    try board.append(line)
                }
                sizes.append(try MappedFile(path: events).withBytes(\.count))
                _ = try open(2, owes)
                let kept = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").count
                #expect(kept == (owes ? 3 : 4))
                #expect(try MappedFile(path: events).withBytes(\.count) == sizes[kept])
            }
        }
    }

    @Test func `a line has the documented keys in order, and null where there is no label`() {
        var sums = LossSums(codebooks: 2)
        sums.text = 6
        sums.counts.text = 3
        sums.positions = [.text: .init(trained: 3, masked: 4), .audioOut: .init(trained: 1, masked: 2)]
        let report = LossReport(sums, options: LossOptions())
        var counts = UnigramCounts(vocabularySize: 4, codebooks: 2, codebookSize: 2)
        counts += UnigramCounts(vocabularySize: 4, codebooks: 2, codebookSize: 2)
        let reference = LossReference(counts, weights: nil)
        let step = StepReport(step: 3, epoch: 0.5, learningRate: 0.1, gradientNorm: 2, tokens: 10, seconds: 4)
        let line = MetricsLine.training(report, step, reference)
        #expect(
            line.members.map(\.key) == [
                "step", "epoch", "loss", "text_loss", "audio_loss", "codebook_losses", "learning_rate", "grad_norm",
                "tokens", "tokens_per_second", "chance_text", "chance_audio", "unigram_text", "unigram_audio",
                "unigram_codebooks", "eos_recall", "positions",
            ])
        #expect(line["loss"] == 2.0 && line["text_loss"] == 2.0 && line["audio_loss"]?.isNull == true)
        #expect(line["tokens_per_second"] == 2.5 && line["codebook_losses"] == [.null, .null])
        #expect(line["positions"]?["audio_out"] == ["trained": 1, "masked": 2])
        #expect(line["positions"]?["feature"] == ["trained": 0, "masked": 0])
        let evaluation = EvaluationReport(losses: report, referenceSwapDelta: 0.25, textSwapDelta: nil)
        let validation = MetricsLine.validation(evaluation, step: 3, epoch: 0.5, rows: 2, reference: reference)
        #expect(validation["loss"] == nil && validation["validation_loss"] == 2.0)
        #expect(validation["validation_reference_swap_delta"] == 0.25)
        #expect(validation["validation_text_swap_delta"]?.isNull == true)
    }

    @Test func `of a checkpoint that is a link only the link goes, and of other names nothing`() throws {
        try withTemporaryDirectory { root in
            let run = root + "/run", files = FileManager.default
            try write(state(step: 1), root + "/foreign")
            try write(state(step: 2), run + "/checkpoint-2")
            try write(state(step: 3), run + "/checkpoint-3")
            try files.createSymbolicLink(atPath: run + "/checkpoint-1", withDestinationPath: root + "/foreign")
            try CheckpointName.prune(in: run, retention: Retention(interval: 1, limit: 1), best: nil)
            #expect(try files.contentsOfDirectory(atPath: run) == ["checkpoint-3"])
            #expect(try TrainerState(checkpoint: root + "/foreign") == state(step: 1))

            for name in ["checkpoint-4.partial", "final.partial", "notes.partial", "checkpoint-x.partial"] {
                try files.createDirectory(atPath: run + "/" + name, withIntermediateDirectories: true)
            }
            try CheckpointName.removePartial(in: run)
            let left = try files.contentsOfDirectory(atPath: run).sorted()
            #expect(left == ["checkpoint-3", "checkpoint-x.partial", "notes.partial"])
        }
    }
}
