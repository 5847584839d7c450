// The log-mel kernel: 30 s in memory, one thread.

import PipelineKit

/// 128 bins of 30 s beside transformers' and librosa's.
func measureLogMel(_ corpus: Corpus, peers: Peers?, runs: Int, into table: inout BenchTable) throws {
    let samples = FourierResampler().resample(corpus.clip(0, seconds: 30), from: 24_000, to: LogMel.sampleRate)
    let logMel = LogMel(binCount: 128)
    let seconds = time(runs: max(runs, 15)) { _ = logMel.chunk(samples[...]) }
    let resampling = time(runs: runs) { _ = FourierResampler().resample(samples, from: 48_000, to: 16_000) }
    table.add("resampling 48 to 16 kHz, one thread", rate: 10 / resampling, unit: "× real time")
    guard let peers else { return table.add("log-mel, 30 s, 128 bins, one thread", seconds: seconds) }
    let result = try peers.run("mel.py", [])
    for name in ["transformers", "librosa"] {
        table.add(
            "log-mel, 30 s, 128 bins, one thread", seconds: seconds,
            peer: (name, try peers.number("\(name)_seconds", result, "mel.py")))
    }
}
