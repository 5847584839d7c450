// ingest as a whole process: rows of text with a reference and an answer, a vocabulary of Llama 3's size, beside a Python
// loop that does the same. And without text and vocabulary to speak of: the audio alone.

import Foundation
import PipelineKit

extension Stages {
    func measureIngest(into table: inout BenchTable) throws {
        let audio = try run("\(corpus.directory)/flac.jsonl", ["--max-duration", "40"], workers: 2)
        table.add(
            "ingest, 2 h of 48 kHz FLAC, 2 workers, CPU time", seconds: audio.cost.cpuSeconds,
            peakBytes: audio.cost.peakBytes)
        guard let peers else { return }  // the vocabulary is made by Python
        let vocabulary = "\(corpus.directory)/tokenizer.json"
        _ = try peers.run("vocabulary.py", [vocabulary])
        let rows = 5_000
        let manifest = try corpus.writeConversations("conversations", rows: rows, files: 200, seconds: 1)
        let arguments = ["--tokenizer", vocabulary]
        let one = try run(manifest, arguments, workers: 1) {
            let result = try peers.run("ingest.py", [manifest, vocabulary, "\(corpus.directory)/python-ingest"])
            return Double(rows) / (try peers.number("cpu_seconds", result, "ingest.py"))
        }
        table.add(
            "ingest, rows with two WAVs of 1 s, a second of CPU", rate: Double(rows) / one.cost.cpuSeconds,
            unit: "rows/s", peer: one.peer.map { ("json, tokenizers, soundfile, MDSWriter", $0) },
            peakBytes: one.cost.peakBytes)
        let two = try run(manifest, arguments, workers: 2)
        table.add(
            "ingest, the same, 2 workers", seconds: two.cost.wallSeconds, peer: ("one worker", one.cost.wallSeconds),
            peakBytes: two.cost.peakBytes)
    }

    private func run(
        _ manifest: String, _ arguments: [String], workers: Int, peer: () throws -> Double? = { nil }
    ) throws -> (cost: ProcessCost, peer: Double?) {
        let output = "\(corpus.directory)/work-ingest"
        let all = ["--data-path", manifest, "--output", output, "--keep-text-only", "--workers", "\(workers)"]
        return try measure("ingest", all + arguments, output: output, peer: peer)
    }
}
