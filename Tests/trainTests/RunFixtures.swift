// A small WORK made in the test: conversations with codes that follow a rule, so that a model can learn them, and
// log-mels of the references. Written through the shard builder, with the records that the stages would leave.

import Foundation
import PipelineKit

@testable import train

/// What a synthetic WORK holds.
struct SyntheticWork {
    var rows = 12
    var rowsPerShard = 5
    var codebooks = 3
    var codebookSize = 16
    var vocabularySize = 40
    var melBins = 8
    var hasFeatures = true
    var speakers = 3
    /// Rows, by number, that have no audio at all.
    var textOnlyRows: Set<Int> = []
    /// Rows, by number, with a log-mel that is no number.
    var brokenRows: Set<Int> = []
    var seed: UInt64 = 1
    /// The number in the first row's id.
    var firstNumber = 0

    static let audioIn: Int32 = 38
    static let audioOut: Int32 = 39

    /// One row before it is stored.
    struct Row {
        var id: String
        var speaker: String
        var inputIDs: [Int32]
        var labelIDs: [Int32]
        var clips: [RawCodes]
        var features: (values: [Float16], frames: Int, offsets: [Int32], lengths: [Int32])
    }

    func row(_ number: Int) -> Row {
        var generator = SplitMix64(seed: seed, streams: [UInt64(number)])
        let speaker = number % speakers
        let word = Int32(1 + generator.below(8))
        var ids: [Int32] = [30, 31, word, Int32(10 + speaker), word]
        var labels = [Int32](repeating: ignoredLabel, count: 5)
        func codes(frames: Int, shift: Int) -> RawCodes {
            // Each code follows from its frame, its codebook and the word.
            let values = (0..<codebooks).flatMap { k in
                (0..<frames).map { UInt16(($0 * (k + 1) + Int(word) + shift) % codebookSize) }
            }
            return RawCodes(codebooks: codebooks, frames: frames, values: values)
        }
        var clips: [RawCodes] = []
        var mel: [Float16] = [0]
        var lengths: [Int32] = [0], offsets: [Int32] = [0]
        var frames = 1
        let isTextOnly = textOnlyRows.contains(number)
        if !isTextOnly {
            ids += [Self.audioIn]
            labels += [ignoredLabel]
            clips.append(codes(frames: 3 + generator.below(3), shift: speaker))
            let valid = 4 * clips[0].frames + generator.below(3)
            frames = valid + 2
            mel = (0..<melBins * frames).map { Float16(Float($0 % 7) / 7 - 0.5) }
            if brokenRows.contains(number) { mel[3] = .nan }
            lengths = [Int32(valid)]
            offsets = [0, Int32(frames)]
        } else {
            mel = [Float16](repeating: 0, count: melBins)
        }
        let answer: [Int32] = [word + 1, word + 2, Int32(20 + Int(word) % 3)]
        ids += [32] + answer
        labels += [ignoredLabel] + answer
        if !isTextOnly {
            ids += [Self.audioOut, 33]
            labels += [Self.audioOut, 33]
            clips.append(codes(frames: 4 + generator.below(4), shift: 0))
        }
        return Row(
            id: "صف-\(firstNumber + number)", speaker: "s\(speaker)", inputIDs: ids, labelIDs: labels, clips: clips,
            features: (mel, frames, offsets, lengths))
    }

    /// Writes samples, codes and features, and an audio/index.json for them to come from.
    func write(to work: String) throws {
        let index = Array("{\"shards\": [], \"version\": 2}".utf8)
        try makeDirectory(work + "/audio")
        try AtomicFile.write(index, to: work + "/audio/index.json")
        let digest = XXH64.hash(index).hexDigits
        let all = (0..<rows).map(row)
        func part(_ name: String, _ stage: String, _ records: JSONObject, _ encode: (Row) -> MDSRow) throws {
            var record: JSONObject = [
                "stage": .string(stage), "output_version": 1, "options": [:], "input": ["digest": .string(digest)],
                "counts": [:],
            ]
            for (name, value) in records.members { record[name] = value }
            try shards(work + "/" + name, all, encode)
            try AtomicFile.write(Array(JSONValue.object(record).pretty().utf8), to: "\(work)/\(name)/stage.json")
        }
        try part("samples", "ingest", ["text": textRecord.json], samples)
        try part("codes", "tokenize", ["codec": codecRecord.json], codes)
        if hasFeatures { try part("features", "featurize", [:], features) }
    }

    /// Writes one directory with all columns and no record, as another program might.
    func writeJoined(to directory: String) throws {
        try shards(directory, (0..<rows).map(row)) { row in
            MDSRow((samples(row).values + codes(row).values + features(row).values).map { ($0.column, $0.value) })
        }
    }

    private func samples(_ row: Row) -> MDSRow {
        MDSRow([
            ("id", .str(row.id)), ("speaker", .str(row.speaker)), ("input_ids", .array(row.inputIDs)),
            ("label_ids", .array(row.labelIDs)),
        ])
    }

    private func codes(_ row: Row) -> MDSRow {
        let width = row.clips.reduce(0) { $0 + $1.frames }
        var values: [UInt16] = []
        for k in 0..<codebooks {
            for clip in row.clips { values += clip.values[k * clip.frames..<(k + 1) * clip.frames] }
        }
        var starts: [Int32] = []
        var next = 0
        for clip in row.clips {
            starts.append(Int32(next))
            next += clip.frames
        }
        if row.clips.isEmpty { (values, starts) = ([UInt16](repeating: 0, count: codebooks), [0]) }
        return MDSRow([
            ("id", .str(row.id)), ("audio_ids", .array(values, shape: [codebooks, max(1, width)])),
            ("audio_ids_start", .array(starts)),
        ])
    }

    private func features(_ row: Row) -> MDSRow {
        MDSRow([
            ("id", .str(row.id)),
            ("audio_features", .array(row.features.values, shape: [melBins, row.features.frames])),
            ("feature_offsets", .array(row.features.offsets)), ("feature_lengths", .array(row.features.lengths)),
        ])
    }

    var textRecord: TextRecord {
        TextRecord(
            kind: .byteLevel, vocabularySize: vocabularySize, digest: "0123456789abcdef",
            controlTokens: [.audio: Self.audioIn, .audioOut: Self.audioOut])
    }

    var codecRecord: CodecRecord {
        CodecRecord(
            name: "test", sampleRate: 24_000, frameRate: 25, codebooks: codebooks, codebookSize: codebookSize,
            digest: "0123456789abcdef")
    }

    private func shards(_ directory: String, _ rows: [Row], _ encode: (Row) -> MDSRow) throws {
        let columns = encode(rows[0]).values.map { column, value in
            MDSColumn(name: column, encoding: Self.encoding(value))
        }
        let builder = MDSShardBuilder(columns: columns, compression: .zstd(level: 3))
        try makeDirectory(directory)
        var entries: [MDSShardInfo] = []
        for start in stride(from: 0, to: rows.count, by: rowsPerShard) {
            for row in rows[start..<min(start + rowsPerShard, rows.count)] { try builder.append(encode(row)) }
            let sealed = try builder.finish().sealed(as: entries.count)
            try sealed.withBytes {
                try AtomicFile.write(Array($0), to: directory + "/" + sealed.info.stored.basename)
            }
            entries.append(sealed.info)
        }
        try AtomicFile.write(MDSIndex(shards: entries).bytes, to: directory + "/index.json")
    }

    private static func encoding(_ value: MDSValue) -> MDSEncoding {
        switch value {
        case .ndarray(let array): .ndarray(array.elementType)
        default: .str
        }
    }

    private func makeDirectory(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// A config that trains a very small model with a tower on this data.
    func config(work: String, run: String, _ overrides: [String] = []) throws -> TrainConfig {
        let yaml = """
            model:
              hidden_size: 16
              intermediate_size: 24
              num_hidden_layers: 2
              num_attention_heads: 2
              num_key_value_heads: 1
              initializer_range: 0.1
              \(hasFeatures ? "audio_tower: {d_model: 8, encoder_layers: 1, encoder_attention_heads: 2, encoder_ffn_dim: 12}" : "")
            training:
              max_steps: 8
              learning_rate: 0.01
              batch_size: 2
              gradient_accumulation_steps: 2
              seed: 3
            """
        let flags = TrainConfig.Flags(dataPath: work, outputDir: run, overrides: overrides)
        return try TrainConfig(yaml: yaml, file: "test.yaml", flags: flags)
    }
}
