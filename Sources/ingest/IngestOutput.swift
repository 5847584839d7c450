// The two directories that ingest writes, split at the same rows. Shards are built here; how they get onto the disk is
// ShardDirectoryWriter's, on another thread while the next shards are built.

import Foundation
import PipelineKit

/// samples/ and audio/ of a WORK. Not thread-safe.
final class IngestOutput {
    let samples: ShardDirectoryWriter
    let audio: ShardDirectoryWriter
    /// The number of the shard in hand.
    private(set) var number = 0
    private let sampleBuilder: MDSShardBuilder
    private let audioBuilder: MDSShardBuilder
    /// What the shard in hand holds.
    private var kept = IngestCounts.Kept()
    private var textBytes = 0
    private var text = TextStatistics()
    private var rows = ManifestRuns()
    /// Of the shards before it.
    private var finishedText = TextStatistics()
    private let normalization: TextNormalization

    /// Manifest bytes of a shard at most, without audio in them. An hour of speech has one or two MiB; only where text
    /// outweighs audio does this keep samples/ in step with memory. Ids do not count: another tokenizer splits alike.
    private static let mostTextBytes = 16 << 20

    /// Opens both directories and takes their locks; changes nothing in them.
    ///
    /// - Parameters:
    ///   - options: those that shape the output.
    ///   - input: the manifest's digest and the root of its paths.
    init(_ run: IngestOptions, options: JSONObject, input: JSONObject, text: TextRecord) throws {
        func writer(
            _ name: String, _ columns: [MDSColumn], _ compression: ShardCompression, sizeLimit: Int?,
            records: JSONObject
        ) throws -> ShardDirectoryWriter {
            var all = options
            all["compression"] = .string("\(compression)")
            let identity = StageIdentity(
                stage: "ingest", outputVersion: IngestOptions.outputVersion, options: all, input: input,
                records: records)
            return try ShardDirectoryWriter(
                directory: run.output + "/" + name, identity: identity,
                configuration: MDSConfiguration(columns: columns, compression: compression, sizeLimit: sizeLimit),
                replace: run.replace)
        }
        samples = try writer(
            "samples", RowColumns.samples, run.samplesCompression, sizeLimit: nil, records: ["text": text.json])
        audio = try writer(
            "audio", RowColumns.audio, run.audioCompression, sizeLimit: run.shardSize, records: [:])
        normalization = text.normalization
        sampleBuilder = MDSShardBuilder(configuration: samples.configuration)
        audioBuilder = MDSShardBuilder(configuration: audio.configuration)
    }

    /// The states behind the finished pairs of shards, from the first on.
    func finishedStates(input: JSONObject) throws -> [ResumeState] {
        var states: [ResumeState] = []
        _ = try ShardDirectoryWriter.resumePoint(of: [samples, audio]) { number, sidecars in
            guard let state = ResumeState(json: sidecars[0].resume), state == ResumeState(json: sidecars[1].resume),
                sidecars[0].key == key(samples, number, state, input),
                sidecars[1].key == key(audio, number, state, input),
                TextStatistics(json: sidecars[0].notes["text"]) != nil
            else { return false }
            states.append(state)
            return true
        }
        return states
    }

    private func key(
        _ writer: ShardDirectoryWriter, _ number: Int, _ state: ResumeState, _ input: JSONObject
    ) -> String {
        writer.identity.key(ofShard: number, resume: state.json, audioRoot: input["audio_root"])
    }

    /// Goes on behind the first `count` shards.
    /// - Throws: `Failure` where one of them has gone.
    func resume(at count: Int) throws {
        precondition(audioBuilder.sampleCount == 0, "a run resumes before its first row")
        number = count
        finishedText = TextStatistics()
        for number in 0..<count {
            guard let shard = TextStatistics(json: try samples.sidecar(number)?.notes["text"]) else {
                throw Failure(
                    .failed, "the sidecar of shard \(number) has gone since the run began",
                    at: samples.directory.escapedForTerminal, remedy: "run the same command again")
            }
            finishedText.add(shard)
        }
    }

    /// What the texts of all closed shards are made of.
    var textReport: TextReport { TextReport(finishedText, normalization: normalization) }

    /// Whether a row is too large for any shard.
    func isTooLarge(_ audioSample: MDSEncodedRow) -> Bool {
        audioBuilder.rawByteCount(ofSingle: audioSample.byteCount) > IngestOptions.largestShard
    }

    /// Whether the shard in hand must be closed before a row.
    func isFull(for audioSample: MDSEncodedRow, of row: PreparedRow.Content) -> Bool {
        audioBuilder.sampleCount > 0
            && (audioBuilder.isFull(for: audioSample.byteCount)
                || kept.seconds + row.counts.seconds > RowPreparer.longestRowSeconds
                || textBytes + row.textBytes > Self.mostTextBytes)
    }

    /// Whether the shard in hand holds nothing.
    var isEmpty: Bool { audioBuilder.sampleCount == 0 }

    /// Adds a row to the shard in hand.
    ///
    /// - Parameter id: the one that it goes by.
    func append(
        samples: MDSEncodedRow, audio: MDSEncodedRow, of row: PreparedRow.Content, id: String, row source: ManifestRow
    ) throws {
        try sampleBuilder.append(samples)
        try audioBuilder.append(audio)
        kept.add(row.counts)
        textBytes += row.textBytes
        text.add(row.text, id: id)
        rows.append(row: source.number, line: source.line)
    }

    /// Closes the shard in hand and begins to write it to both directories, samples first. A shard that is there with
    /// the same bytes stays. Until `sealer.finish` returns, the writers are the sealer's.
    ///
    /// - Parameter before: called before the first of the two is written, on another thread.
    func close(
        _ state: ResumeState, input: JSONObject, through sealer: ShardSealer, before: @escaping () throws -> Void
    ) throws {
        let shards = [try sampleBuilder.finish(), try audioBuilder.finish()]
        let notes: [JSONObject] = [["rows": rows.json, "text": text.json], [:]]
        try sealer.seal(shards, as: number) { [self, number, kept] sealed in
            try before()
            for (writer, (shard, notes)) in zip([samples, audio], zip(sealed, notes)) {
                let key = key(writer, number, state, input)
                if let old = try writer.sidecar(number), old.key == key,
                    IngestCounts.Kept(json: .object(old.counts)) == kept, JSONValue.object(old.notes) == .object(notes),
                    old.shard.raw.xxh64 == shard.info.raw.xxh64, isSound(old.shard, in: writer)
                {
                    continue
                }
                try writer.write(shard, as: number, key: key, counts: kept.json, resume: state.json, notes: notes)
            }
        }
        number += 1
        kept = IngestCounts.Kept()
        textBytes = 0
        finishedText.add(text)
        text = TextStatistics()
        rows = ManifestRuns()
    }

    /// Whether the file of a shard holds what its sidecar says.
    private func isSound(_ shard: MDSShardInfo, in writer: ShardDirectoryWriter) -> Bool {
        (try? MDSReader(directory: writer.directory, shards: [shard]).shard(0)) != nil
    }

    /// Makes it visible that both directories are being changed.
    func begin() throws {
        try samples.begin()
        try audio.begin()
    }

    /// Ends both directories.
    ///
    /// - Returns: whether anything had to be written.
    func finish(tokenizer: [UInt8]?, counts: IngestCounts) throws -> Bool {
        try placeTokenizer(tokenizer)
        var all = counts.json
        all["text"] = .object(textReport.json)
        let wroteSamples = try samples.finish(shards: number, counts: all)
        let wroteAudio = try audio.finish(shards: number)
        return wroteSamples || wroteAudio
    }

    /// Puts the copy of the tokenizer into samples/, or takes away one that is not used any more.
    private func placeTokenizer(_ bytes: [UInt8]?) throws {
        let path = samples.directory + "/tokenizer.json"
        let isThere = access(path, F_OK) == 0
        if let bytes {
            if isThere {
                let file = try MappedFile(path: path)
                if file.withBytes({ $0.elementsEqual(bytes) }) { return }
            }
            try samples.begin()
            try AtomicFile.write(bytes, to: path)
        } else if isThere {
            try samples.begin()
            if unlink(path) != 0 { throw FileError("remove", path) }
        }
    }
}
