// featurize as a whole process, zstd and writing included, beside the Python chain; how it scales, and what it holds.

import PipelineKit

extension Stages {
    /// Two hours of 48 kHz mono FLAC, four shards of 64 MiB and less, so that memory is what it stays at, and ten minutes of
    /// 44.1 kHz stereo Vorbis.
    func measureFeaturize(into table: inout BenchTable) throws {
        let flac = try corpus.write("flac", .flac, clips: 240, seconds: 30, rate: 48_000, role: "in")
        try measureFeaturize("flac", "2 h of 48 kHz FLAC", flac, workers: [1, 2], into: &table)
        let vorbis = try corpus.write("vorbis", .vorbis, clips: 20, seconds: 30, rate: 44_100, role: "in")
        try measureFeaturize("vorbis", "10 min of 44.1 kHz stereo Vorbis", vorbis, workers: [1], into: &table)
    }

    private func measureFeaturize(
        _ name: String, _ what: String, _ manifest: String, workers: [Int], into table: inout BenchTable
    ) throws {
        let work = try ingest(manifest, as: name)
        let output = "\(work)/features"
        func run(_ workers: Int, peer: () throws -> Double? = { nil }) throws -> (cost: ProcessCost, peer: Double?) {
            try measure(
                "featurize", ["--input", "\(work)/audio", "--output", output, "--workers", "\(workers)"],
                output: output, peer: peer)
        }
        let one = try run(1) {
            try peers.map { peers in
                let result = try peers.run(
                    "features.py", ["\(corpus.directory)/\(name)-*", "\(corpus.directory)/python-features"])
                return try peers.number("cpu_seconds", result, "features.py")
            }
        }
        table.add(
            "featurize, \(what), CPU time", seconds: one.cost.cpuSeconds,
            peer: one.peer.map { ("soundfile, soxr, transformers, MDSWriter", $0) }, peakBytes: one.cost.peakBytes)
        for count in workers where count > 1 {
            let more = try run(count)
            table.add(
                "featurize, the same, \(count) workers, by the clock", seconds: more.cost.wallSeconds,
                peer: ("one worker", one.cost.wallSeconds), peakBytes: more.cost.peakBytes)
        }
    }
}
