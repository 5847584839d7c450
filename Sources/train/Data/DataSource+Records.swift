// What the stages wrote beside their shards: from which audio, with which vocabulary, by which codec; and whether that
// fits the model. Shards of other programs have no records; then the model's config holds, and that is said once.

import PipelineKit

/// The records of a data source. Absent ones are nil.
struct DataRecords: Sendable {
    var text: TextRecord?
    var codec: CodecRecord?

    /// Reads samples/stage.json and codes/stage.json, or those of the one directory.
    init(_ source: DataSource) throws {
        text = try Self.record("text", source.samples) { try TextRecord(json: $0, path: $1) }
        codec = try Self.record("codec", source.codes) { try CodecRecord(json: $0, path: $1) }
    }

    private static func record<Record>(
        _ name: String, _ part: DataSource.Part, read: (JSONValue, String) throws -> Record
    ) throws -> Record? {
        let directory = part.reader.directory
        guard let json = try StageRecord(directory: directory)?.record(name) else { return nil }
        return try read(json, directory + "/" + StageRecord.basename)
    }

    /// What is absent, as one sentence; nil where everything is there.
    var absence: String? {
        let missing = [text == nil ? "text" : nil, codec == nil ? "codec" : nil].compactMap(\.self)
        guard !missing.isEmpty else { return nil }
        return "the data has no \(missing.joined(separator: " and no ")) record: the model config's ids and sizes hold"
    }

    /// Compares vocabulary, control ids, codebooks and their size with a model that was not made from these records.
    ///
    /// A vocabulary may be smaller than the model's (checkpoints round theirs up), never larger.
    /// - Throws: `DataError.record` with both values.
    func check(against format: SequenceFormat, source: DataSource) throws {
        func compare(_ name: String, _ part: DataSource.Part, _ got: Int, _ expected: Int, remedy: String) throws {
            guard got != expected else { return }
            throw DataError.record(
                path: part.reader.directory, problem: "\(name) is \(got), the model's config says \(expected)",
                remedy: remedy)
        }
        if let text {
            let remedy = "run ingest with the model's tokenizer.json (--tokenizer)"
            if text.vocabularySize > format.vocabularySize {
                try compare(
                    "the vocabulary's size", source.samples, text.vocabularySize, format.vocabularySize, remedy: remedy)
            }
            for (token, id) in [(ControlToken.audioOut, format.audioOutID), (.audio, format.audioInID)] {
                guard let recorded = text.controlTokens[token], let id else { continue }
                try compare("the id of \(token.rawValue)", source.samples, Int(recorded), Int(id), remedy: remedy)
            }
        }
        if let codec {
            let remedy = "run tokenize with the model's codec (--codec), or train a model with these sizes"
            try compare(
                "the number of codebooks", source.codes, codec.codebooks, format.delay.codebooks, remedy: remedy)
            try compare("the codebook size", source.codes, codec.codebookSize, format.codebookSize, remedy: remedy)
        }
    }
}

extension DataSource {
    /// Codes and features must come from the audio that lies beside them, or, where the audio stayed at home, from the
    /// same one; and codes from a codec, not from a model.
    func checkProvenance() throws {
        guard isWork else { return }
        let index = path + "/audio/" + MDSIndex.basename
        var expected: String?
        if Self.exists(index) {
            expected = try MappedFile(path: index).withBytes { XXH64.hash($0).hexDigits }
        }
        for part in [codes, features].compactMap(\.self) {
            guard let record = try StageRecord(directory: part.reader.directory) else { continue }
            guard !record.identity.stage.utf8.elementsEqual(PredictionRun.stage.utf8) else {
                throw DataError.record(
                    path: part.reader.directory, problem: "these codes are a model's predictions, not what was said",
                    remedy: "name the WORK whose codes tokenize made")
            }
            guard let digest = record.inputDigest else { continue }
            if let expected, !digest.utf8.elementsEqual(expected.utf8) {
                throw DataError.staleStage(
                    path: part.reader.directory, stage: part.stage, got: digest, expected: expected)
            }
            expected = digest
        }
    }

    /// M of the stored features: of the first row that has a chunk; nil where none has.
    func melBins() throws -> Int? {
        guard let features else { return nil }
        for number in features.reader.shards.indices {
            let shard = try features.reader.shard(number)
            for row in 0..<shard.count {
                let sample = try shard.sample(row)
                let chunks = try sample.withArrayBytes("feature_offsets") { _, shape, _ in shape.reduce(1, *) - 1 }
                if chunks > 0 { return try sample.withArrayBytes("audio_features") { _, shape, _ in shape.first } }
            }
        }
        return nil
    }

    /// The sizes that a model made for this data has.
    /// - Throws: `DataError.record` where a record is absent or has no id of a placeholder.
    func modelRecords(_ records: DataRecords) throws -> ModelRecords {
        func missing(_ part: Part, _ what: String) -> DataError {
            .record(
                path: part.reader.directory,
                problem: "no \(what) in stage.json, which a model described in the config needs",
                remedy: "run \(part.stage) again, or name a checkpoint as the model")
        }
        guard let text = records.text else { throw missing(samples, "text record") }
        guard let codec = records.codec else { throw missing(codes, "codec record") }
        guard let audioIn = text.controlTokens[.audio] else { throw missing(samples, "id of <|AUDIO|>") }
        guard let audioOut = text.controlTokens[.audioOut] else { throw missing(samples, "id of <|AUDIO_OUT|>") }
        return ModelRecords(
            vocabularySize: text.vocabularySize, audioInID: audioIn, audioOutID: audioOut,
            audioOutBOSID: text.controlTokens[.audioOutBegin], audioEOSID: text.controlTokens[.audioEnd],
            padID: text.controlTokens[.endOfText], codebooks: codec.codebooks, codebookSize: codec.codebookSize,
            melBins: try melBins())
    }
}
