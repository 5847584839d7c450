// The directories that train reads in step: samples and codes, and features where the model has a tower. Checks that
// they belong together before a row is read. Records and provenance are read in DataSource+Records.swift.

import Foundation
import PipelineKit

/// A WORK, or one MDS directory that has all columns.
struct DataSource: Sendable {
    /// One directory of columns.
    struct Part: Sendable {
        let reader: MDSReader
        /// The stage that writes it, for remedies.
        let stage: String
        let columns: [String]
    }

    let path: String
    /// Whether `path` is a WORK, with one directory a group of columns.
    let isWork: Bool
    let samples: Part
    let codes: Part
    /// nil where the model does not consume features.
    let features: Part?

    static let sampleColumns = ["id", "input_ids", "label_ids"]
    static let codeColumns = ["id", "audio_ids", "audio_ids_start"]
    static let featureColumns = ["id", "audio_features", "feature_offsets", "feature_lengths"]

    /// Opens the indexes and compares shards, samples a shard and columns.
    ///
    /// - Parameter takesFeatures: whether the model consumes `audio_features`; without, that directory is not looked at.
    /// - Throws: `DataError`, `MDSError`, `FileError`.
    init(path: String, takesFeatures: Bool) throws {
        self.path = path
        isWork = Self.exists(path + "/samples")
        guard isWork || Self.exists(path + "/index.json") else { throw DataError.noData(path: path) }
        let whole = isWork ? nil : try MDSReader(directory: path)
        func part(_ name: String, _ stage: String, _ columns: [String]) throws -> Part {
            let directory = whole == nil ? path + "/" + name : path
            guard Self.exists(directory) else { throw DataError.missingDirectory(path: directory, stage: stage) }
            let reader = try whole ?? MDSReader(directory: directory)
            for column in columns where !reader.columns.contains(where: { $0.name.utf8.elementsEqual(column.utf8) }) {
                // A directory without shards has no columns; that there is nothing to train on is said elsewhere.
                if !reader.shards.isEmpty {
                    throw DataError.missingColumn(path: directory, column: column, stage: stage)
                }
            }
            return Part(reader: reader, stage: stage, columns: columns)
        }
        samples = try part("samples", "ingest", Self.sampleColumns)
        codes = try part("codes", "tokenize", Self.codeColumns)
        features = takesFeatures ? try part("features", "featurize", Self.featureColumns) : nil
        for other in [codes, features].compactMap(\.self) where other.reader !== samples.reader {
            try Self.checkShape(other, against: samples)
        }
        try checkProvenance()
    }

    private static func checkShape(_ part: Part, against samples: Part) throws {
        func fail(_ got: String, _ expected: String) -> DataError {
            .shardCounts(path: part.reader.directory, got: got, expected: expected, stage: part.stage)
        }
        let (mine, theirs) = (part.reader.shards, samples.reader.shards)
        guard mine.count == theirs.count else { throw fail("\(mine.count) shards", "\(theirs.count)") }
        for (number, (a, b)) in zip(mine, theirs).enumerated() where a.sampleCount != b.sampleCount {
            throw fail("\(a.sampleCount) samples in shard \(number)", "\(b.sampleCount)")
        }
    }

    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    var shardCount: Int { samples.reader.shards.count }
    var rowCount: Int { samples.reader.sampleCount }

    /// xxh64 over the index digests of all directories that are read: other data, another digest.
    var digest: String {
        let digests = [samples, codes, features].map { $0?.reader.indexDigest ?? "-" }
        return XXH64.hash(Array(digests.joined(separator: " ").utf8)).hexDigits
    }

    /// Whether the samples have a column, such as the optional `speaker`.
    func samplesHave(_ column: String) -> Bool {
        samples.reader.columns.contains { $0.name.utf8.elementsEqual(column.utf8) }
    }

    /// Reads shard `number` of each directory into memory.
    /// - Throws: `MDSError` for damage, `DataError` where an id differs between directories.
    func shard(_ number: Int) throws -> DataShard {
        let shared = try samples.reader.shard(number)
        func load(_ part: Part) throws -> MDSShard {
            part.reader === samples.reader ? shared : try part.reader.shard(number)
        }
        let shard = DataShard(
            firstRow: samples.reader.samples(ofShard: number).lowerBound, samples: shared, codes: try load(codes),
            features: try features.map(load))
        if codes.reader !== samples.reader { try Self.checkIDs(shard.codes, stage: codes.stage, shared) }
        if let features, let loaded = shard.features, features.reader !== samples.reader {
            try Self.checkIDs(loaded, stage: features.stage, shared)
        }
        return shard
    }

    private static func checkIDs(_ shard: MDSShard, stage: String, _ samples: MDSShard) throws {
        for row in 0..<samples.count {
            let isSame = try shard.sample(row).withStoredBytes("id") { got in
                try samples.sample(row).withStoredBytes("id") { got.elementsEqual($0) }
            }
            if !isSame {
                throw DataError.idMismatch(
                    path: shard.path, row: row, got: try shard.sample(row).string("id"),
                    expected: try samples.sample(row).string("id"), stage: stage)
            }
        }
    }
}
