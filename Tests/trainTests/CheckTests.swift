// The preflight, and the bugs that its probes must catch, each planted in the losses that a probe asks for.

import Foundation
import Testing
import TestSupport

@testable import PipelineKit
@testable import train

/// A model, a format and a batch of two rows from a small WORK.
private struct Subject {
    let model: HiggsModel
    let format: SequenceFormat
    let batch: PackedBatch

    init() throws {
        let work = SyntheticWork()
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("sawt-probe-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: root) }
        try work.write(to: root)
        let setup = try RunSetup(work.config(work: root, run: root + "/run"))
        model = try setup.model()
        format = setup.format
        batch = try ShardCache(setup.source, format: format, capacity: 2).batch([0, 1])
    }

    func losses(_ batch: PackedBatch) throws -> LossSums { try model.evaluate(batch, loss: LossOptions()) }
}

extension PackedBatch {
    /// Labels one position later, so that a position is asked for what stands at itself: the shift left out.
    fileprivate var unshifted: PackedBatch {
        var labels = labelIDs
        for place in labels.indices.reversed() { labels[place] = place == 0 ? ignoredLabel : labelIDs[place - 1] }
        return replacing(labelIDs: labels)
    }

    /// The labels of one codebook a column later: one cell off the delay.
    fileprivate func offTheDelay(codebook: Int) -> PackedBatch {
        var labels = labelAudioIDs
        let row = codebook * audioOutColumns
        for column in 0..<audioOutColumns {
            labels[row + column] = column == 0 ? ignoredLabel : labelAudioIDs[row + column - 1]
        }
        return replacing(labelAudioIDs: labels)
    }
}

@Suite struct ProbeTests {
    @Test func `an honest model passes both probes, and both see something`() throws {
        let subject = try Subject()
        let probes = Probes(format: subject.format, evaluate: subject.losses)
        let leak = try probes.leak(subject.batch)
        #expect(!leak.leaks && leak.isConclusive && leak.labels >= 4 + 4 * 3, "\(leak)")
        let causality = try probes.causality(subject.batch)
        #expect(!causality.leaks && causality.isConclusive, "\(causality)")
    }

    @Test func `text labels that are not shifted are caught`() throws {
        let subject = try Subject()
        let probes = Probes(format: subject.format) { try subject.losses($0.unshifted) }
        let finding = try probes.leak(subject.batch)
        #expect(finding.leaks && finding.place.hasPrefix("text"), "\(finding)")
    }

    @Test func `a codebook whose labels are one cell off the delay is caught`() throws {
        let subject = try Subject()
        for codebook in 0..<3 {
            let probes = Probes(format: subject.format) { try subject.losses($0.offTheDelay(codebook: codebook)) }
            let finding = try probes.leak(subject.batch)
            #expect(finding.leaks && finding.place.hasPrefix("codebook \(codebook)"), "\(finding)")
        }
    }

    @Test func `attention across the boundary of two sequences is caught`() throws {
        let subject = try Subject()
        // Both sequences as one are longer than what the model would prepare for either.
        subject.model.rope.prepare(positions: subject.batch.positions)
        let probes = Probes(format: subject.format) { batch in
            guard batch.sequences.count > 1 else { return try subject.losses(batch) }
            return try subject.losses(batch.replacing(starts: [0, batch.positions]))
        }
        let finding = try probes.causality(subject.batch)
        #expect(finding.leaks, "\(finding)")
    }

    @Test func `losses that follow nothing prove nothing`() throws {
        let subject = try Subject()
        let constant = try subject.losses(subject.batch)
        let finding = try Probes(format: subject.format) { _ in constant }.leak(subject.batch)
        #expect(!finding.isConclusive)
    }
}

@Suite struct CheckTests {
    private func table(_ work: SyntheticWork, _ root: String, _ overrides: [String] = []) throws -> CheckTable {
        let config = try work.config(work: root + "/work", run: root + "/run", overrides)
        return Preflight(threads: 2).run { config }
    }

    @Test func `sound data and a sound config pass every question, and nothing is written`() throws {
        try withTemporaryDirectory { root in
            let work = SyntheticWork()
            try work.write(to: root + "/work")
            let table = try table(work, root)
            #expect(table.rows.map(\.title) == Preflight.titles)
            #expect(table.rows.allSatisfy { $0.mark == .passed }, "\(table.text)")
            #expect(table.status == nil)
            #expect(try FileManager.default.contentsOfDirectory(atPath: root) == ["work"])
        }
    }

    @Test func `a config that cannot be read is the only answer`() {
        let table = Preflight(threads: 1).run { throw ConfigError.malformedOverride("x") }
        #expect(table.status == .badUsage && table.rows.count == 1 && table.rows[0].mark == .failed)
    }

    @Test func `a damaged shard fails the rows, and what needs them is not asked`() throws {
        try withTemporaryDirectory { root in
            let work = SyntheticWork()
            try work.write(to: root + "/work")
            let path = root + "/work/codes/shard.00001.mds.zstd"
            var bytes = try MappedFile(path: path).withBytes { Array($0) }
            bytes[bytes.count / 2] ^= 1
            try AtomicFile.write(bytes, to: path)
            let table = try table(work, root)
            #expect(table.status == .badData)
            let marks = Dictionary(uniqueKeysWithValues: table.rows.map { ($0.title, $0.mark) })
            #expect(marks["rows"] == .failed && marks["weights"] == .passed && marks["leak probe"] == .skipped)
            #expect(table.text.contains("codes/shard.00001"))
        }
    }

    @Test func `labels that are shifted already are told from wrong ones`() throws {
        var sample = TrainingSample(id: "a", inputIDs: [1, 2, 3, 4], labelIDs: [-100, 3, 4, -100], clips: [])
        #expect {
            try LabelCheck.check(sample)
        } throws: {
            Failure($0).what.contains("shifted already")
        }
        sample.labelIDs = [-100, 2, 9, -100]
        #expect {
            try LabelCheck.check(sample)
        } throws: {
            Failure($0).what.contains("label 9 at 2")
        }
        sample.labelIDs = [-100, 2, 3, 4]
        try LabelCheck.check(sample)
    }

    @Test func `labels of codes a cell before or behind the delay are caught`() throws {
        let delay = DelayPattern(codebooks: 3, bos: 8, eos: 9)
        let raw = RawCodes(codebooks: 3, frames: 4, values: [0, 1, 2, 3, 4, 5, 6, 7, 7, 6, 5, 4])
        let format = SequenceFormat(
            vocabularySize: 12, audioInID: 10, audioOutID: 11, codebookSize: 8, delay: delay, hasTower: false,
            melBins: 0)
        let sample = TrainingSample(id: "a", inputIDs: [1, 11], labelIDs: [-100, 11], clips: [raw])
        let sequence = try MergedSequence(sample, format: format)
        try LabelCheck.check(sequence, delay: delay)
        // The delay of another program: each codebook's labels one column earlier, then later.
        for (bug, codebooks) in [(1, 0..<3), (-1, 0..<3), (1, 1..<2), (-1, 2..<3)] {
            let planted = PlantedDelay(delay, moved: bug, codebooks: codebooks)
            #expect {
                try LabelCheck.check(planted.sequence(sample, format: format), delay: delay)
            } throws: {
                Failure($0).what.contains("codebook \(codebooks.lowerBound)")
                    && Failure($0).what.contains("off the delay")
            }
        }
    }

    @Test func `a machine without the memory for a step is told before anything is loaded`() throws {
        let limit = try #require(MemoryCheck.limitBytes())
        #expect(limit > 1 << 27)
        let fits = MemoryNeed(held: 1_000, mapped: 70, trained: 500, activations: 300)
        #expect(fits.total == 4_000 + 70 + 2_000 + 4_000 + 300)
        #expect(try MemoryCheck.run(fits).contains(" of "))
        #expect {
            try MemoryCheck.run(MemoryNeed(held: limit / 4, mapped: 0, trained: limit / 12, activations: 0))
        } throws: {
            Failure($0).status == .failed && Failure($0).remedy?.contains("gradient_checkpointing") == true
        }
    }

    @Test func `what is saved wrong is found when it is read again, and the old checkpoint stays`() throws {
        try withTemporaryDirectory { root in
            let work = SyntheticWork(rows: 4)
            try work.write(to: root + "/work")
            let setup = try RunSetup(work.config(work: root + "/work", run: root + "/run"))
            let model = try setup.model()
            let optimizer = AdamW(model.parameters, options: AdamW.Options())
            let state = TrainerState(
                step: 1, totalSteps: 2, epoch: 0, stepInEpoch: 1, seed: 0, configDigest: "",
                data: setup.source.fingerprint, validationBy: .id, owesEvaluation: false, threads: 1, windowTokens: 0,
                windowSeconds: 0)
            func save(_ damage: @escaping (String) throws -> Void = { _ in }) throws {
                try Checkpoint.save(
                    model: model, optimizer: optimizer, state: state, in: root, name: "checkpoint-1", written: damage)
            }
            try save()
            func inode(_ name: String) throws -> UInt64 {
                var status = stat()
                try #require(stat("\(root)/checkpoint-1/\(name)", &status) == 0)
                return UInt64(status.st_ino)
            }
            // The same tensors again: only the state is written, the checkpoint stays whole meanwhile.
            let inodes = try ["model.safetensors", "optimizer.safetensors", TrainerState.fileName].map(inode)
            try save()
            let again = try ["model.safetensors", "optimizer.safetensors", TrainerState.fileName].map(inode)
            #expect(again[0] == inodes[0] && again[1] == inodes[1] && again[2] != inodes[2])
            let old = try directoryContent(root + "/checkpoint-1")
            model.parameters.values(model.parameters.entries[0])[0] += 1
            func flip(_ path: String, fromEnd: Int) throws {
                var bytes = try MappedFile(path: path).withBytes { Array($0) }
                bytes[bytes.count - fromEnd] ^= 1
                try AtomicFile.write(bytes, to: path)
            }
            let names = ["model.safetensors", "optimizer.safetensors", "config.json", "trainer_state.json"]
            for (name, fromEnd) in zip(names, [1, 1, 40, 4]) {
                #expect(throws: (any Error).self, "\(name)") {
                    try save { try flip("\($0)/\(name)", fromEnd: fromEnd) }
                }
                #expect(try directoryContent(root + "/checkpoint-1") == old)
                #expect(!FileManager.default.fileExists(atPath: root + "/checkpoint-1.partial"))
            }
            #expect {
                try save { try flip("\($0)/model.safetensors", fromEnd: 1) }
            } throws: {
                ($0 as? CheckpointMismatch)?.what.hasSuffix("weight") == true
            }
            try save()
            #expect(try directoryContent(root + "/checkpoint-1") != old)
        }
    }

    @Test func `a missing or negative rank is one process, a second one is refused`() throws {
        #expect(try Ranks.check([:]) == "one process")
        for environment in [["RANK": "-1", "WORLD_SIZE": "4"], ["RANK": ""], ["WORLD_SIZE": "2"]] {
            #expect(try Ranks.check(environment) == "one process")
        }
        #expect(try Ranks.check(["RANK": "0", "WORLD_SIZE": "1"]).hasPrefix("one process"))
        for environment in [["RANK": "0", "WORLD_SIZE": "2"], ["RANK": "1"], ["RANK": "x"]] {
            #expect {
                try Ranks.check(environment)
            } throws: {
                Failure($0).status == .badUsage
            }
        }
    }
}

/// A delay whose labels stand in the wrong column: what `LabelCheck` must catch.
private struct PlantedDelay {
    let delay: DelayPattern
    let moved: Int
    let codebooks: Range<Int>

    init(_ delay: DelayPattern, moved: Int, codebooks: Range<Int>) {
        self.delay = delay
        self.moved = moved
        self.codebooks = codebooks
    }

    /// The sample expanded, then with the labels of some codebooks moved.
    func sequence(_ sample: TrainingSample, format: SequenceFormat) throws -> MergedSequence {
        var sequence = try MergedSequence(sample, format: format)
        let labels = sequence.audioLabels[0]
        var values = labels.values
        for k in codebooks {
            for column in 0..<labels.positions {
                let source = column + moved
                let isInside = (0..<labels.positions).contains(source)
                values[k * labels.positions + column] = isInside ? labels[k, source] : ignoredLabel
            }
        }
        sequence.audioLabels[0] = DelayedCodes(codebooks: delay.codebooks, positions: labels.positions, values: values)
        return sequence
    }
}
