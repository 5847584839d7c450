// The stages as whole processes, in turn with what does the same in Python.

import Foundation
import PipelineKit

/// Measures the programs beside this one.
struct Stages {
    let binaries: String
    let corpus: Corpus
    let peers: Peers?
    let runs: Int

    private func program(_ name: String) -> String { "\(binaries)/\(name)" }

    /// Runs a program several times, its output directory removed before each, in turn with `peer`.
    private func measure(
        _ name: String, _ arguments: [String], output: String, peer: () throws -> Double? = { nil }
    ) throws -> (cost: ProcessCost, peer: Double?) {
        var costs: [ProcessCost] = []
        var others: [Double] = []
        for _ in 0..<runs {
            try? FileManager.default.removeItem(atPath: output)
            costs.append(try runProcess(program(name), arguments + ["--quiet"]).cost)
            if let other = try peer() { others.append(other) }
        }
        let cost = ProcessCost(
            wallSeconds: median(costs.map(\.wallSeconds)), cpuSeconds: median(costs.map(\.cpuSeconds)),
            peakBytes: median(costs.map(\.peakBytes)))
        return (cost, others.isEmpty ? nil : median(others))
    }

    private func ingest(_ manifest: String, as name: String, maximumSeconds: Int = 40) throws -> String {
        let work = "\(corpus.directory)/work-\(name)"
        let flags = ["--keep-text-only", "--max-duration", "\(maximumSeconds)", "--quiet"]
        _ = try runProcess(program("ingest"), ["--data-path", manifest, "--output", work] + flags)
        return work
    }

    /// featurize on 48 kHz mono FLAC: CPU time beside the Python chain's, and how it scales.
    func measureFeaturize(into table: inout BenchTable) throws {
        let clips = 40, seconds = 30
        let manifest = try corpus.write("flac48", clips: clips, seconds: seconds, rate: 48_000, role: "in")
        let work = try ingest(manifest, as: "flac48")
        let output = "\(work)/features"
        let arguments = ["--input", "\(work)/audio", "--output", output]
        let one = try measure("featurize", arguments + ["--workers", "1"], output: output) {
            try peers.map { peers in
                let result = try peers.run(
                    "features.py", ["\(corpus.directory)/flac48-*.flac", "\(corpus.directory)/python"])
                return try peers.number("cpu_seconds", result, "features.py")
            }
        }
        table.add(
            "featurize, \(clips * seconds) s of 48 kHz FLAC, CPU time", seconds: one.cost.cpuSeconds,
            peer: one.peer.map { ("soundfile, soxr, transformers, MDSWriter", $0) }, peakBytes: one.cost.peakBytes)
        let two = try measure("featurize", arguments + ["--workers", "2"], output: output)
        table.add(
            "featurize, two workers", seconds: two.cost.wallSeconds, peer: ("one worker", one.cost.wallSeconds),
            peakBytes: two.cost.peakBytes)
        let again = "\(corpus.directory)/work-again"
        let ingesting = try measure(
            "ingest",
            ["--data-path", manifest, "--output", again, "--keep-text-only", "--max-duration", "40", "--workers", "1"],
            output: again)
        table.add(
            "ingest, \(clips * seconds) s of 48 kHz FLAC, CPU time", seconds: ingesting.cost.cpuSeconds,
            peakBytes: ingesting.cost.peakBytes)
    }

    /// Reading and writing of the log-mels that featurize made.
    func measureShards(into table: inout BenchTable) throws {
        let directory = "\(corpus.directory)/work-flac48/features"
        let reader = try MDSReader(directory: directory)
        let megabytes = Double(reader.shards.reduce(0) { $0 + $1.raw.byteCount }) / 1e6
        let reading = try time(runs: runs) {
            for number in reader.shards.indices {
                let shard = try reader.shard(number)
                for index in 0..<shard.count { _ = try shard.row(index) }
            }
        }
        let rows = try (0..<reader.sampleCount).map { try reader.row($0) }
        let writing = try time(runs: runs) {
            let builder = MDSShardBuilder(columns: reader.columns, compression: .zstd(level: 1))
            for row in rows { try builder.append(row) }
            try builder.finish().sealed(as: 0).withBytes { try AtomicFile.write($0, to: "\(corpus.directory)/shard") }
        }
        let result = try peers?.run("mds.py", [directory, "\(corpus.directory)/python-mds"])
        func peer(_ key: String) throws -> (String, Double)? {
            guard let peers, let result else { return nil }
            return ("mosaicml-streaming", megabytes / (try peers.number(key, result, "mds.py")))
        }
        table.add(
            "MDS read with hash check, log-mels, zstd:1", rate: megabytes / reading, unit: "MB/s",
            peer: try peer("read_seconds"))
        table.add(
            "MDS write, the same", rate: megabytes / writing, unit: "MB/s", peer: try peer("write_seconds"))
    }

    /// The embedded codec.
    func measureMelRVQ(into table: inout BenchTable) throws {
        let work = "\(corpus.directory)/work-flac48"
        let codec = "\(work)/codec", codes = "\(work)/codes"
        let fit = try measure("tokenize", ["fit", "--input", "\(work)/audio", "--output", codec], output: codec)
        table.add("tokenize fit, mel-rvq, 1200 s", seconds: fit.cost.wallSeconds, peakBytes: fit.cost.peakBytes)
        let encode = try measure(
            "tokenize", ["encode", "--input", "\(work)/audio", "--output", codes, "--codec", codec], output: codes)
        table.add(
            "tokenize encode, mel-rvq, all cores", rate: 1_200 / encode.cost.wallSeconds, unit: "× real time",
            peakBytes: encode.cost.peakBytes)
    }

    /// The Higgs tokenizer at full size with random weights: whole processes, all cores.
    func measureHiggs(into table: inout BenchTable) throws {
        let codec = "\(corpus.directory)/higgs"
        _ = try runProcess(program("tokenize"), ["random-checkpoint", "--output", codec])
        for (seconds, clips) in [(30, 4), (5, 24)] {
            let name = "clips\(seconds)"
            let manifest = try corpus.write(name, clips: clips, seconds: seconds, rate: 24_000, role: "out")
            let work = try ingest(manifest, as: name)
            let output = "\(work)/codes"
            var load = 0.0
            let measured = try measure(
                "tokenize", ["encode", "--input", "\(work)/audio", "--output", output, "--codec", codec], output: output
            ) {
                try peers.map { peers in
                    let result = try peers.run("codec.py", [codec, "\(corpus.directory)/\(name)-*.flac"])
                    load = try peers.number("load_seconds", result, "codec.py")
                    return try peers.number("encode_seconds", result, "codec.py") + load
                }
            }
            let audio = Double(seconds * clips)
            table.add(
                "tokenize encode, higgs, \(seconds) s clips, all cores", rate: audio / measured.cost.wallSeconds,
                unit: "× real time", peer: measured.peer.map { ("transformers", audio / $0) },
                peakBytes: measured.cost.peakBytes)
        }
    }
}
