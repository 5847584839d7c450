// tokenize, with both codecs.

import PipelineKit

extension Stages {
    /// The embedded codec.
    func measureMelRVQ(into table: inout BenchTable) throws {
        let work = "\(corpus.directory)/work-flac"
        let codec = "\(work)/codec", codes = "\(work)/codes"
        let fit = try measure("tokenize", ["fit", "--input", "\(work)/audio", "--output", codec], output: codec)
        table.add("tokenize fit, mel-rvq, 2 h", seconds: fit.cost.wallSeconds, peakBytes: fit.cost.peakBytes)
        let encode = try measure(
            "tokenize", ["encode", "--input", "\(work)/audio", "--output", codes, "--codec", codec], output: codes)
        table.add(
            "tokenize encode, mel-rvq, all cores", rate: 7_200 / encode.cost.wallSeconds, unit: "× real time",
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
