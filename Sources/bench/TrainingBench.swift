// Full training in float32 beside PyTorch: the same model of 56.7 million parameters, rows of the same lengths, AdamW and
// clipping on both sides. Each process measures its own steps, so that loading and imports do not count.

import PipelineKit

extension Stages {
    /// Tokens a second on all cores, in turn with the peer, and on one thread.
    func measureTraining(into table: inout BenchTable) throws {
        var ours: [Double] = [], alone: [Double] = [], theirs: [Double] = [], peaks: [Int] = []
        for _ in 0..<runs {
            let all = try steps([])
            ours.append(all.rate)
            peaks.append(all.peakBytes)
            alone.append(try steps(["--threads", "1"]).rate)
            if let peers {
                let result = try peers.run("train.py", [])
                theirs.append(try peers.number("tokens_per_second", result, "train.py"))
                let peak = Int(try peers.number("peak_bytes", result, "train.py"))
                Console.log.info("PyTorch's peak: \(peak >> 20) MiB")
            }
        }
        table.add(
            "train, 56.7M parameters, all cores", rate: median(ours), unit: "tokens/s",
            peer: theirs.isEmpty ? nil : ("PyTorch", median(theirs)), peakBytes: median(peaks))
        table.add(
            "train, the same, all cores over one thread", rate: median(ours), unit: "tokens/s",
            peer: ("one thread", median(alone)))
    }

    private func steps(_ arguments: [String]) throws -> (rate: Double, peakBytes: Int) {
        let (cost, output) = try runProcess(program("train"), ["benchmark"] + arguments)
        guard let rate = try JSONValue(parsing: output)["tokens_per_second"]?.doubleValue else {
            throw Failure(.failed, "printed no tokens_per_second", at: "train benchmark")
        }
        return (rate, cost.peakBytes)
    }
}
