// Reading and writing of MDS shards in this process, on the log-mels and the audio of the stages before, beside
// mosaicml-streaming: the same rows, level and hashes, on one thread. It is read in two ways: by index, which leaves out all
// that it does for an epoch, by CPU time; and as a training loop does, by iteration, by the clock, since it then works on threads.

import CZstd
import Foundation
import PipelineKit

extension Stages {
    func measureShards(into table: inout BenchTable) throws {
        let short = try corpus.write("short", clips: 600, seconds: 6, rate: 16_000, role: "in")
        let work = try ingest(short, as: "short")
        _ = try runProcess(
            program("featurize"), ["--input", "\(work)/audio", "--output", "\(work)/features", "--quiet"])
        for (name, what) in [
            ("flac/features", "log-mels of 30 s"), ("short/features", "log-mels of 6 s"),
            ("flac/audio", "FLAC of 30 s"),
        ] {
            try measureShards("\(corpus.directory)/work-\(name)", what, into: &table)
        }
    }

    private func measureShards(_ directory: String, _ what: String, into table: inout BenchTable) throws {
        let reader = try MDSReader(directory: directory)
        let megabytes = Double(reader.shards.reduce(0) { $0 + $1.raw.byteCount }) / 1e6
        let reading = try cpuTime(runs: runs) {
            for number in reader.shards.indices { try view(number, of: reader) }
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
            "MDS read with hash check, \(what), zstd:1, CPU time", rate: megabytes / reading, unit: "MB/s",
            peer: try peer("index_cpu_seconds").map { ($0.0 + ", by index", $0.1) })
        let shards = Array(reader.shards.indices)
        table.add(
            "the same by the clock", rate: megabytes / (try wall(threads: 1, shards) { try view($0, of: reader) }),
            unit: "MB/s", peer: try peer("iteration_wall_seconds").map { ($0.0 + ", by iteration", $0.1) })
        table.add(
            "MDS read, \(what), beside libzstd", rate: megabytes / reading, unit: "MB/s",
            peer: ("zstd alone", megabytes / (try zstdAlone(reader))))
        table.add(
            "MDS write, \(what), zstd:1", rate: megabytes / writing, unit: "MB/s", peer: try peer("write_cpu_seconds"))
        // By the clock, on two threads. Read: as often as there are two shards to read at once. Written: two shards of half of
        // the rows each.
        let numbers = (0..<2 * reader.shards.count).map { $0 / 2 }
        let readTogether = try wall(threads: 2, numbers) { try view($0, of: reader) }
        table.add(
            "MDS read, \(what), two threads, by the clock", rate: 2 * megabytes / readTogether, unit: "MB/s",
            peer: try peer("index_wall_seconds").map { ($0.0 + ", by index, on one", $0.1) })
        let halves = [(0, rows[..<(rows.count / 2)]), (1, rows[(rows.count / 2)...])]
        @Sendable func writeHalf(_ number: Int, _ rows: ArraySlice<MDSRow>) throws {
            try write(rows, columns: reader.columns, to: "\(path)-\(number)")
        }
        table.add(
            "MDS write, \(what), two threads, by the clock",
            rate: megabytes / (try wall(threads: 2, halves, writeHalf)), unit: "MB/s",
            peer: ("one thread", megabytes / (try wall(threads: 1, halves, writeHalf))))
    }

    /// The median time of `body` over all items on so many threads.
    private func wall<Item: Sendable>(
        threads: Int, _ items: [Item], _ body: @escaping @Sendable (Item) throws -> Void
    ) throws -> Double {
        try time(runs: runs) {
            let pool = WorkerPool(threads: threads)
            defer { pool.shutDown() }
            let jobs = items.map { item in pool.submit { try body(item) } }
            for job in jobs { try job.take() }
        }
    }

    /// Reads a shard and looks at every value where it lies.
    @Sendable private func view(_ number: Int, of reader: MDSReader) throws {
        let shard = try reader.shard(number)
        for index in 0..<shard.count {
            let sample = try shard.sample(index)
            for column in shard.columns { try sample.withStoredBytes(column.name) { _ in } }
        }
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
