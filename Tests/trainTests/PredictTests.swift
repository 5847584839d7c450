import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import train

/// From logits to clips: the arg max among codes, the shift and the delay undone.
@Suite struct PredictedClipsTests {
    /// A reference, a clip that is context only, and two targets.
    private func sample(_ format: SequenceFormat, frames: Int, seed: UInt64) -> TrainingSample {
        var numbers = SeededNumbers(seed)
        let codebooks = format.delay.codebooks
        let clips = [2, 3, frames, 1].map { frames in
            RawCodes(
                codebooks: codebooks, frames: frames,
                values: (0..<codebooks * frames).map { _ in UInt16(numbers.integer(format.codebookSize)) })
        }
        let inputs: [Int32] = [1, 38, 2, 39, 3, 39, 4, 39, 5]
        let labels = inputs.enumerated().map { $0 < 4 ? ignoredLabel : $1 }
        return TrainingSample(id: "a", inputIDs: inputs, labelIDs: labels, clips: clips)
    }

    private func format(codebooks: Int, codebookSize: Int) -> SequenceFormat {
        SequenceFormat(
            vocabularySize: 40, audioInID: 38, audioOutID: 39, codebookSize: codebookSize,
            delay: DelayPattern(codebooks: codebooks, bos: Int32(codebookSize), eos: Int32(codebookSize + 1)),
            hasTower: false, melBins: 0)
    }

    /// What a head with these logits predicts at each row of the loss.
    private func predictions(
        _ batch: PackedBatch, _ format: SequenceFormat, logits: (_ label: Int) -> [Float]
    ) -> LabelLosses {
        var labels = LabelLosses(targets: ShiftedTargets(batch))
        for label in labels.targets.audioLabels {
            guard label != ignoredLabel else {
                labels.classes.append(0)
                labels.codes.append(0)
                continue
            }
            var cell = logits(Int(label))
            let best = CrossEntropy.row(
                &cell, classes: cell.count, label: Int(label), smoothing: 0, gradientScale: nil
            ).best
            labels.classes.append(Int32(best))
            labels.codes.append(Int32(LikeliestCode.among(cell, codes: format.codebookSize, best: best)))
        }
        return labels
    }

    private func oneHot(_ label: Int, _ format: SequenceFormat, eos: Float = 0) -> [Float] {
        var logits = [Float](repeating: 0, count: format.codebookSize + 2)
        logits[format.codebookSize + 1] = eos
        logits[label] += 1
        return logits
    }

    @Test(arguments: [1, 3, 8], [1, 7, 9, 31])
    func `one-hot logits of the labels give back the clips`(codebooks: Int, frames: Int) throws {
        for size in [1, 2, 16, 1_024] {
            let format = format(codebooks: codebooks, codebookSize: size)
            let sample = sample(format, frames: frames, seed: UInt64(frames))
            let batch = try PackedBatch([sample], format: format)
            let labels = predictions(batch, format) { oneHot($0, format) }
            let predicted = try PredictedClips(sample, batch: batch, labels: labels, format: format)
            #expect(predicted.clips == sample.clips && predicted.targets == [2, 3])
            let score = PredictionScore(
                predicted, original: sample.clips, sums: LossSums(codebooks: codebooks), labels: labels, format: format)
            #expect(score.clips == 2 && score.frames == frames + 1 && score.share == 1 && score.eosCells == 0)
        }
    }

    @Test func `eos is never a code, and is counted where it was likelier`() throws {
        let format = format(codebooks: 3, codebookSize: 16)
        let sample = sample(format, frames: 5, seed: 1)
        let batch = try PackedBatch([sample], format: format)
        let labels = predictions(batch, format) { oneHot($0, format, eos: 2) }
        let predicted = try PredictedClips(sample, batch: batch, labels: labels, format: format)
        #expect(predicted.clips == sample.clips)
        let score = PredictionScore(
            predicted, original: sample.clips, sums: LossSums(codebooks: 3), labels: labels, format: format)
        // Five frames and one of three codebooks; the eos labels are no codes.
        #expect(score.eosCells == 18 && score.bosCells == 0 && score.codes == 18 && score.share == 1)
    }

    @Test func `the likeliest code is the first of equals, whatever bos and eos are`() {
        let logits: [[Float]] = [[-3, -1, -1, 9, 0], [-3, -1, -1, 0, 9], [-3, -1, -1, -9, -9], [5, 5, 1, 7, 7]]
        for (cell, expected) in zip(logits, [1, 1, 1, 0]) {
            var copy = cell
            let best = CrossEntropy.row(&copy, classes: 5, label: 0, smoothing: 0, gradientScale: nil).best
            #expect(LikeliestCode.among(cell, codes: 3, best: best) == expected, "\(cell)")
        }
    }

    @Test(arguments: [-1, 1]) func `labels one cell off are not taken for the clips`(shift: Int) throws {
        let format = format(codebooks: 3, codebookSize: 16)
        let sample = sample(format, frames: 5, seed: 2)
        let batch = try PackedBatch([sample], format: format)
        let columns = batch.audioOutColumns
        let shifted = batch.labelAudioIDs.indices.map { cell in
            let column = cell % columns + shift
            return (0..<columns).contains(column) ? batch.labelAudioIDs[cell + shift] : ignoredLabel
        }
        let planted = batch.replacing(labelAudioIDs: shifted)
        let labels = predictions(planted, format) { oneHot($0, format) }
        let told = failure { try PredictedClips(sample, batch: planted, labels: labels, format: format) }
        #expect(told?.status == .badData)
        #expect(
            told?.what.contains("the labels of clip 2 are off the delay: codebook 0, column") ?? false, "\(told as Any)"
        )
    }
}

/// What a model predicts.
@Suite struct PredictionTests {
    @Test(arguments: [true, false])
    func `predictions are the arg max one position before each code`(tower: Bool) throws {
        let config = try SmallModel.config(tower: tower)
        let model = SmallModel.model(config)
        for sample in SmallModel.samples() {
            let (clips, score, _) = try model.predictedSample(sample)
            let batch = try PackedBatch([sample], format: config.sequenceFormat)
            let logits = model.states(batch).audioLogits
            #expect(clips.targets == [2] && clips.clips[0] == sample.clips[0] && clips.clips[1] == sample.clips[1])
            // The target is the last clip: its positions are the last ones of kind audioOut.
            let target = sample.clips[2], classes = config.codebookClasses
            let positions = batch.kinds.indices.filter { batch.kinds[$0] == .audioOut }
            let first = positions[positions.count - (target.frames + config.codebooks + 1)]
            var equal = [0, 0, 0], others = 0
            for k in 0..<config.codebooks {
                for frame in 0..<target.frames {
                    let position = first + k + 1 + frame - 1
                    let start = (position * config.codebooks + k) * classes
                    let cell = Array(logits[start..<start + classes])
                    let code = (0..<config.codebookSize).max { cell[$0] < cell[$1] } ?? -1
                    #expect(Int(clips.clips[2][k, frame]) == code, "codebook \(k), frame \(frame)")
                    equal[k] += code == Int(target[k, frame]) ? 1 : 0
                    others += cell[config.codebookSize...].contains { $0 > cell[code] } ? 1 : 0
                }
            }
            #expect(score.equal == equal && score.eosCells + score.bosCells == others)
            let loss = try model.evaluate(batch, loss: LossOptions()).audioLoss(LossOptions())
            #expect(score.audioLoss == loss && loss != nil)
        }
    }

    /// Trains a model on one batch until it knows it by heart.
    private func overfitted(_ config: ModelConfig, on batch: PackedBatch) throws -> HiggsModel {
        let model = HiggsModel(config: config, seed: 1)
        let optimizer = AdamW(model.parameters, options: AdamW.Options())
        for _ in 0..<250 {
            model.parameters.zeroGradients()
            _ = try model.forwardBackward(batch, loss: LossOptions(), normalizers: batch.labelCounts)
            optimizer.step(learningRate: 1e-2, gradientScale: 1)
        }
        return model
    }

    @Test func `a model that knows a sample by heart predicts its codes, one that learnt another alignment does not`()
        throws
    {
        let config = try SmallModel.config(tower: false)
        let sample = SmallModel.sample("a", seed: 4, frames: 11)
        let batch = try PackedBatch([sample], format: config.sequenceFormat)
        let (clips, score, _) = try overfitted(config, on: batch).predictedSample(sample)
        #expect(clips.clips == sample.clips && score.share == 1 && score.eosCells == 0)

        // Labels one cell early: what comes two ahead is learnt, and is not what stands there.
        let columns = batch.audioOutColumns
        let early = batch.labelAudioIDs.indices.map {
            $0 % columns + 1 < columns ? batch.labelAudioIDs[$0 + 1] : ignoredLabel
        }
        let planted = try overfitted(config, on: batch.replacing(labelAudioIDs: early))
        let (_, wrong, _) = try planted.predictedSample(sample)
        #expect(wrong.share ?? 1 < 0.5, "\(wrong.share as Any)")
    }
}

/// train predict as a whole.
@Suite struct PredictionRunTests {
    /// A WORK and a model at random that fits it.
    private func withModel(
        _ work: SyntheticWork = SyntheticWork(),
        _ body: (_ root: String, _ run: (_ output: String) -> PredictionRun) throws -> Void
    ) throws {
        try withTemporaryDirectory { root in
            try work.write(to: root + "/work")
            let setup = try RunSetup(work.config(work: root + "/work", run: root + "/none"))
            try FileManager.default.createDirectory(atPath: root + "/model", withIntermediateDirectories: true)
            try setup.model().save(to: root + "/model")
            try body(root) {
                PredictionRun(model: root + "/model", dataPath: root + "/work", output: "\(root)/\($0)")
            }
        }
    }

    private func names(_ directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    }

    private func clips(_ directory: String, _ codec: CodecRecord) throws -> [[RawCodes]] {
        let reader = try MDSReader(directory: directory)
        return try (0..<reader.sampleCount).map { try CodeColumns.clips(of: reader.row($0), codec: codec) }
    }

    @Test func `all rows: shards in step with the data, references as they were, the codec's record`() throws {
        var work = SyntheticWork()
        work.textOnlyRows = [3]
        try withModel(work) { root, run in
            let report = try run("out").run()
            let (data, out) = (try MDSReader(directory: root + "/work/codes"), try MDSReader(directory: root + "/out"))
            #expect(out.shards.map(\.sampleCount) == data.shards.map(\.sampleCount) && out.columns == data.columns)
            let before = try clips(root + "/work/codes", work.codecRecord)
            let after = try clips(root + "/out", work.codecRecord)
            var equal = 0, changed = 0
            for row in 0..<work.rows {
                #expect(try out.row(row)["id"] == data.row(row)["id"])
                #expect(after[row].map(\.frames) == before[row].map(\.frames) && after[row][0] == before[row][0])
                guard row != 3 else { continue }
                equal += zip(before[row][1].values, after[row][1].values).count { $0 == $1 }
                changed += before[row][1] == after[row][1] ? 0 : 1
            }
            #expect(changed == 11 && report.total.equal.reduce(0, +) == equal)
            #expect(report.rows.count == 12 && report.rows[3].clips == [] && report.rows[4].clips == [1])
            #expect(report.total.clips == 11 && report.rows[3].score.share == nil)

            let record = try #require(try StageRecord(directory: root + "/out"))
            #expect(record.identity.stage == "predict" && record.record("codec") == work.codecRecord.json)
            #expect(record.inputDigest == (try StageRecord(directory: root + "/work/codes")?.inputDigest))
            #expect(record.counts["predicted"]?["frames"]?.intValue == report.total.frames)
            #expect(try names(root) == ["model", "out", "work"])
            // The same again, into an empty directory that is there, gives the same bytes.
            try FileManager.default.createDirectory(atPath: root + "/again", withIntermediateDirectories: true)
            _ = try run("again").run()
            for name in try names(root + "/out") {
                #expect(try fileBytes("\(root)/out/\(name)") == fileBytes("\(root)/again/\(name)"), "\(name)")
            }
        }
    }

    @Test func `chosen rows, in the order of the data`() throws {
        try withModel { root, run in
            var some = run("some")
            some.ids = ["صف-7", "صف-1", "صف-7"]
            #expect(try some.run().rows.map(\.id) == ["صف-1", "صف-7"])
            let all = try clips(rootOutput(root, run), SyntheticWork().codecRecord)
            #expect(try clips(root + "/some", SyntheticWork().codecRecord) == [all[1], all[7]])
            var first = run("first")
            first.limit = 6
            #expect(try first.run().rows.map(\.id) == (0..<6).map { "صف-\($0)" })
            #expect(try MDSReader(directory: root + "/first").shards.map(\.sampleCount) == [5, 1])
        }
    }

    private func rootOutput(_ root: String, _ run: (String) -> PredictionRun) throws -> String {
        _ = try run("all").run()
        return root + "/all"
    }

    /// Asserts that a run is refused with these words and leaves nothing at its output.
    private func expectRefusal(_ run: PredictionRun, _ status: PipelineKit.ExitStatus, _ words: String...) throws {
        let told = failure { try run.run() }
        #expect(told?.status == status)
        for word in words { #expect(told?.description.contains(word) ?? false, "\(told as Any)") }
        for path in [run.output, run.output + ".partial"] {
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test func `an unknown id and a model that is none are refused`() throws {
        try withModel { root, run in
            var unknown = run("out")
            unknown.ids = ["صف-1", "صف-112", "x"]
            try expectRefusal(unknown, .badUsage, "no sample has the id 'صف-112' (the nearest is 'صف-1", "'x' (")
            let none = PredictionRun(model: root + "/work", dataPath: root + "/work", output: root + "/out")
            try expectRefusal(none, .badUsage, "not a checkpoint directory")
        }
    }

    @Test func `data of another codec is refused, with a record and without`() throws {
        try withModel { root, _ in
            var other = SyntheticWork()
            other.codebooks = 4
            try other.write(to: root + "/four")
            let recorded = PredictionRun(model: root + "/model", dataPath: root + "/four", output: root + "/out")
            try expectRefusal(recorded, .badData, "the number of codebooks is 4, the model's config says 3")
            try other.writeJoined(to: root + "/joined")
            let bare = PredictionRun(model: root + "/model", dataPath: root + "/joined", output: root + "/out")
            try expectRefusal(bare, .badData, "clip 0 has 4 codebooks, the model has 3")
        }
    }

    @Test func `predicted codes are not taken for data`() throws {
        try withModel { root, run in
            _ = try run("work/predicted").run()
            try FileManager.default.removeItem(atPath: root + "/work/codes")
            try FileManager.default.moveItem(atPath: root + "/work/predicted", toPath: root + "/work/codes")
            try expectRefusal(run("out"), .badData, "/work/codes", "a model's predictions, not what was said")
        }
    }

    @Test func `data without a target clip is refused`() throws {
        try withModel { root, _ in
            var silent = SyntheticWork()
            silent.textOnlyRows = Set(0..<silent.rows)
            try silent.write(to: root + "/silent")
            let run = PredictionRun(model: root + "/model", dataPath: root + "/silent", output: root + "/out")
            try expectRefusal(run, .badData, "none of the 12 samples has a target clip")
        }
    }

    @Test func `an output that holds something is refused and stays`() throws {
        try withModel { root, run in
            let before = try names(root + "/model")
            let told = failure { try run("model").run() }
            #expect(told?.status == .badUsage)
            #expect(told?.what == "the output exists already and is not empty")
            #expect(try names(root + "/model") == before)
            let file = failure { try run("model/config.json").run() }
            #expect(file?.what == "the output is no directory")
        }
    }

    @Test func `one directory with all columns and no record will do`() throws {
        try withModel { root, run in
            try SyntheticWork().writeJoined(to: root + "/joined")
            let whole = try run("out").run()
            let joined = try PredictionRun(
                model: root + "/model", dataPath: root + "/joined", output: root + "/joined-out"
            ).run()
            #expect(joined.total == whole.total)
            #expect(
                try clips(root + "/joined-out", SyntheticWork().codecRecord)
                    == clips(root + "/out", SyntheticWork().codecRecord))
            #expect(try StageRecord(directory: root + "/joined-out")?.record("codec") == nil)
        }
    }

    @Test func `the report has chance, the commonest code and a line a sample`() throws {
        try withModel { _, run in
            let report = try run("out").run()
            let lines = report.text.split(separator: "\n")
            #expect(lines.count == 2 + 1 + 12 + 3 + 1)
            #expect(lines[15].hasSuffix("all samples") && lines[16].contains("6.2") && lines[16].contains("2.890"))
            #expect(lines[17].hasSuffix("the commonest code") && lines[3].hasSuffix("صف-0"))
            // Codes of the synthetic rows: every label counted, eos not.
            let counts = report.labels.codebooks.map { $0.prefix(16).reduce(0, +) }
            #expect(counts == [Int](repeating: report.total.frames, count: 3))
            let json = try JSONValue(parsing: report.json.pythonDump())
            #expect(json["all"]?["frames"]?.intValue == report.total.frames && json["chance"]?.doubleValue == 1 / 16)
            #expect(json["samples"]?.arrayValue?.count == 12 && json["teacher_forced"] == true)
        }
    }

    @Test func `an adapter is applied`() throws {
        try withTemporaryDirectory { root in
            let fixture = try AdapterWork(root)
            try fixture.train("run")
            func report(_ adapter: String?, _ output: String) throws -> PredictionReport {
                try PredictionRun(
                    model: fixture.base, adapter: adapter, dataPath: root + "/work", output: "\(root)/\(output)"
                ).run()
            }
            let plain = try report(nil, "plain"), adapted = try report(fixture.run("run") + "/final", "adapted")
            #expect(plain.total.audioLoss != adapted.total.audioLoss)
            _ = try AdapterMerge(base: fixture.base, adapter: fixture.run("run") + "/final", output: root + "/merged")
                .run()
            let merged = try PredictionRun(model: root + "/merged", dataPath: root + "/work", output: root + "/m").run()
            #expect(abs((merged.total.audioLoss ?? 0) - (adapted.total.audioLoss ?? 1)) < 1e-4)
        }
    }
}
