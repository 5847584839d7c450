// The data of a run: what the one pass over all shards found (lengths, labels, splits, frequencies), and rows on demand.

import PipelineKit

/// All rows of a data source, looked at once.
struct TrainingData: Sendable {
    let source: DataSource
    let format: SequenceFormat
    let split: ValidationSplit
    /// Positions of each row after expansion.
    let lengths: [Int]
    /// Labels of the training rows, as the loss counts them.
    let labels: LabelCounts
    /// Frequencies of the training rows' labels.
    let unigrams: UnigramCounts
    /// Rows of each shard that are trained on, and those that are kept.
    let trainingRows: [[Int]]
    let validationRows: [[Int]]
    /// What the validation rows can lend each other, in their order.
    let swapKeys: [SwapKey]
    let sharedAnswers: SharedAnswers

    var trainingRowCount: Int { trainingRows.reduce(0) { $0 + $1.count } }
    var validationRowCount: Int { validationRows.reduce(0) { $0 + $1.count } }
    /// Positions of all training rows: one epoch.
    var trainingTokens: Int { trainingRows.joined().reduce(0) { $0 + lengths[$1] } }

    /// Reads every shard once, several at a time, and checks every row on the way as training will.
    ///
    /// - Throws: the first error in the order of the data: `MDSError`, `DataError`, `SequenceError`, `Interrupted`.
    init(
        _ source: DataSource, format: SequenceFormat, validationFraction: Double,
        validationBy: TrainingOptions.ValidationBy, workers: Int, isQuiet: Bool = false
    ) throws {
        self.source = source
        self.format = format
        split = try Self.split(source, fraction: validationFraction, by: validationBy, workers: workers)
        let progress = PipelineKit.Progress(
            "read the data", unit: "rows", total: Double(source.rowCount), isQuiet: isQuiet)
        defer { progress.finish() }
        var lengths: [Int] = []
        var labels = LabelCounts(codebooks: format.delay.codebooks)
        var unigrams = UnigramCounts(format)
        var swapKeys: [SwapKey] = []
        var answers: [[UInt64]] = []
        let isValidation = split.isValidation
        let validates = isValidation.contains(true)
        let hasSpeakers = source.samplesHave("speaker")
        try Self.forEachShard(source, workers: workers) { number in
            let shard = try source.shard(number)
            var summary = ShardSummary(format)
            for row in 0..<shard.count {
                let number = shard.firstRow + row
                let sample = try shard.sample(row, format: format)
                let sequence = try MergedSequence(sample, format: format)
                summary.add(sequence, isTrained: !isValidation[number])
                summary.answers.append(validates ? SharedAnswers.digests(sequence) : [])
                guard isValidation[number] else { continue }
                let speaker = hasSpeakers ? try shard.samples.sample(row).string("speaker") : ""
                summary.swapKeys.append(SwapKey(sample, row: number, speaker: speaker, format: format))
            }
            return summary
        } drain: { summary in
            lengths += summary.lengths
            labels += summary.labels
            unigrams += summary.unigrams
            swapKeys += summary.swapKeys
            answers += summary.answers
            progress.advance(by: Double(summary.lengths.count))
        }
        self.lengths = lengths
        self.labels = labels
        self.unigrams = unigrams
        self.swapKeys = swapKeys
        sharedAnswers = SharedAnswers(answers, isValidation: isValidation)
        let shards = (0..<source.shardCount).map { Array(source.samples.reader.samples(ofShard: $0)) }
        trainingRows = shards.map { $0.filter { !isValidation[$0] } }
        validationRows = shards.map { $0.filter { isValidation[$0] } }
        guard trainingRows.contains(where: { !$0.isEmpty }) else {
            throw DataError.nothingToTrain(
                path: source.path, problem: "no rows to train on", remedy: "see WORK/rejects.jsonl")
        }
    }

    private struct ShardSummary: Sendable {
        var lengths: [Int] = []
        var labels: LabelCounts
        var unigrams: UnigramCounts
        var swapKeys: [SwapKey] = []
        /// Hashes of each row's targets.
        var answers: [[UInt64]] = []

        init(_ format: SequenceFormat) {
            labels = LabelCounts(codebooks: format.delay.codebooks)
            unigrams = UnigramCounts(format)
        }

        mutating func add(_ sequence: MergedSequence, isTrained: Bool) {
            lengths.append(sequence.count)
            guard isTrained else { return }
            labels += LabelCounts(sequence, codebooks: labels.codebooks.count)
            unigrams.add(sequence)
        }
    }

    /// Reads the keys that the split goes by; nothing is read where there is nothing to choose.
    private static func split(
        _ source: DataSource, fraction: Double, by: TrainingOptions.ValidationBy, workers: Int
    ) throws -> ValidationSplit {
        guard fraction > 0 else {
            let zeros = [UInt64](repeating: 0, count: source.rowCount)
            return ValidationSplit(fraction: 0, by: by, ids: zeros, speakers: zeros)
        }
        let hasSpeakers = source.samplesHave("speaker")
        var ids: [UInt64] = [], speakers: [UInt64] = []
        try forEachShard(source, workers: workers) { number in
            let shard = try source.samples.reader.shard(number)
            return try (0..<shard.count).map { row in
                let sample = try shard.sample(row)
                let speaker = hasSpeakers ? try sample.string("speaker") : ""
                return (
                    id: ValidationSplit.hash(try sample.string("id").utf8),
                    speaker: speaker.isEmpty ? 0 : ValidationSplit.hash(speaker.utf8)
                )
            }
        } drain: { keys in
            ids += keys.map(\.id)
            speakers += keys.map(\.speaker)
        }
        return ValidationSplit(fraction: fraction, by: by, ids: ids, speakers: speakers)
    }

    private static func forEachShard<Output: Sendable>(
        _ source: DataSource, workers: Int, _ body: @escaping @Sendable (Int) throws -> Output,
        drain: (Output) throws -> Void
    ) throws {
        var next = 0
        try orderedMap(workers: workers, window: workers) {
            try Interrupt.check()
            defer { next += 1 }
            return next < source.shardCount ? next : nil
        } transform: {
            try body($0)
        } drain: {
            try drain($0)
        }
    }
}
