// Reading and writing of MDS shards in this process, on the log-mels and the audio of the stages before, beside
// mosaicml-streaming: the same rows, level and hashes. CPU time of one thread, because that is what a trainer or a stage
// gives away.

import CZstd
import Foundation
import PipelineKit

extension Stages {
    func measureShards(into table: inout BenchTable) throws {
        for (name, what) in [("features", "log-mels"), ("audio", "audio, FLAC")] {
            try measureShards("\(corpus.directory)/work-flac/\(name)", what, into: &table)
        }
    }

    private func measureShards(_ directory: String, _ what: String, into table: inout BenchTable) throws {
        let reader = try MDSReader(directory: directory)
        let megabytes = Double(reader.shards.reduce(0) { $0 + $1.raw.byteCount }) / 1e6
        let reading = try cpuTime(runs: runs) {
            for number in reader.shards.indices {
                let shard = try reader.shard(number)
                for index in 0..<shard.count { _ = try shard.row(index) }
            }
        }
        let rows = try (0..<reader.sampleCount).map { try reader.row($0) }
        let path = "\(corpus.directory)/shard"
        let writing = try cpuTime(runs: runs) { try write(rows[...], columns: reader.columns, to: path) }
        let result = try peers?.run("mds.py", [directory, "\(corpus.directory)/python-mds"])
        func peer(_ key: String) throws -> (String, Double)? {
            guard let peers, let result else { return nil }
            return ("mosaicml-streaming", megabytes / (try peers.number(key, result, "mds.py")))
        }
        table.add(
            "MDS read with hash check, \(what), zstd:1", rate: megabytes / reading, unit: "MB/s",
            peer: try peer("read_seconds"))
        table.add(
            "MDS read, the same", rate: megabytes / reading, unit: "MB/s",
            peer: ("zstd alone", megabytes / (try zstdAlone(reader))))
        table.add(
            "MDS write, the same", rate: megabytes / writing, unit: "MB/s", peer: try peer("write_seconds"))
        // Two shards of half of the rows each, by one thread and by two.
        let half = rows.count / 2
        func wall(threads: Int) throws -> Double {
            try time(runs: runs) {
                let pool = WorkerPool(threads: threads)
                defer { pool.shutDown() }
                let jobs = [rows[..<half], rows[half...]].enumerated().map { number, rows in
                    pool.submit { [columns = reader.columns] in
                        try write(rows, columns: columns, to: "\(path)-\(number)")
                    }
                }
                for job in jobs { try job.take() }
            }
        }
        table.add(
            "MDS write, two threads", rate: megabytes / (try wall(threads: 2)), unit: "MB/s",
            peer: ("one thread", megabytes / (try wall(threads: 1))))
    }

    @Sendable private func write(_ rows: ArraySlice<MDSRow>, columns: [MDSColumn], to path: String) throws {
        let builder = MDSShardBuilder(columns: columns, compression: .zstd(level: 1))
        for row in rows { try builder.append(row) }
        let file = try AtomicFile(path: path)
        try builder.finish().sealed(as: 0).withBytes { try file.write($0) }
        try file.commit()
    }

    /// What libzstd takes to decompress the shards from memory into memory, and nothing else.
    private func zstdAlone(_ reader: MDSReader) throws -> Double {
        let frames = try reader.shards.indices.map {
            [UInt8](try Data(contentsOf: URL(fileURLWithPath: reader.path(ofShard: $0))))
        }
        let largest = reader.shards.reduce(0) { max($0, $1.raw.byteCount) }
        var output = [UInt8](repeating: 0, count: largest)
        guard let context = ZSTD_createDCtx() else { throw Failure(.failed, "no memory for zstd") }
        defer { ZSTD_freeDCtx(context) }
        return cpuTime(runs: runs) {
            for frame in frames { ZSTD_decompressDCtx(context, &output, output.count, frame, frame.count) }
        }
    }
}
