// The stages as whole processes, in turn with what does the same in Python.

import Foundation
import PipelineKit

/// Measures the programs beside this one.
struct Stages {
    let binaries: String
    let corpus: Corpus
    let peers: Peers?
    let runs: Int

    func program(_ name: String) -> String { "\(binaries)/\(name)" }

    /// Runs a program several times, its output directory removed before each, in turn with `peer`: the medians.
    func measure(
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

    func ingest(_ manifest: String, as name: String, maximumSeconds: Int = 40) throws -> String {
        let work = "\(corpus.directory)/work-\(name)"
        let flags = ["--keep-text-only", "--max-duration", "\(maximumSeconds)", "--quiet"]
        _ = try runProcess(program("ingest"), ["--data-path", manifest, "--output", work] + flags)
        return work
    }
}
