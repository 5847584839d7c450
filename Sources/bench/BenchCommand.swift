// bench: times and peak memory of the data path and of training on this machine, with the Python peers beside them where they are installed.
// Not a test: it asserts nothing. Kernels run in this process, stages as the processes that users run.

import ArgumentParser
import Foundation
import PipelineKit

@main
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures the data path and training on this machine.",
        discussion: """
            EXAMPLES
              bench                                    ours alone, some ten minutes
              bench --peer-python ~/peer/bin/python    the Python chain beside it, in turn with ours
            """,
        version: versionText())

    @Option(
        help: ArgumentHelp("The project's folder, for the example's audio and the peers' scripts.", valueName: "DIR"))
    var project = "."

    @Option(
        help: ArgumentHelp(
            "A Python with transformers, torch, soundfile, soxr, librosa, mosaicml-streaming and llama-models.",
            valueName: "PATH"))
    var peerPython: String?

    @Option(help: ArgumentHelp("Runs of each measurement; medians are shown.", valueName: "N"))
    var runs = 5

    @Option(help: ArgumentHelp("Where the figures go as JSON.", valueName: "FILE"))
    var output = "bench.json"

    enum Only: EnumerableFlag {
        case dataOnly, trainingOnly

        static func help(for value: Only) -> ArgumentHelp? {
            switch value {
            case .dataOnly: "Measure log-mel, ingest, featurize and the shards."
            case .trainingOnly: "Measure training: 1 GB of memory (PyTorch 3 GB) and some minutes."
            }
        }
    }

    @Flag var only: Only?

    @Flag(help: "Leave the full-size Higgs tokenizer out: it takes 2 GB of memory and a few minutes.")
    var skipHiggs = false

    static func main() { runMain(Self.self) }

    func validate() throws {
        guard runs >= 1 else { throw ValidationError("--runs \(runs): give a number from 1.") }
    }

    func run() throws {
        let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("sawt-bench-\(getpid())").path
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        let corpus = try Corpus(directory: scratch, example: "\(project)/examples/arabic-mini/audio")
        let peers = peerPython.map { Peers(python: $0, scripts: "\(project)/dev/peers", directory: scratch) }
        let stages = Stages(binaries: Self.binaries, corpus: corpus, peers: peers, runs: runs)
        var table = BenchTable()
        if only != .trainingOnly {
            try measureLogMel(corpus, peers: peers, runs: runs, into: &table)
            try stages.measureFeaturize(into: &table)
            try stages.measureIngest(into: &table)
            try stages.measureShards(into: &table)
        }
        if only == nil {
            try stages.measureMelRVQ(into: &table)
            if !skipHiggs { try stages.measureHiggs(into: &table) }
        }
        if only != .dataOnly { try stages.measureTraining(into: &table) }
        Console.print(table.text)
        try AtomicFile.write(table.json(runs: runs).pretty().utf8, to: output)
        Console.log.info("the figures stand in \(output)")
    }

    /// The folder of the programs: this one's own.
    private static var binaries: String {
        URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
    }
}
