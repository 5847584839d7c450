// train merge: the command line.

import ArgumentParser
import PipelineKit

struct MergeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Merges an adapter into its base, in the base's layout and types.",
        discussion: """
            Example:
              train merge --model checkpoints/base --adapter runs/voices/final --output checkpoints/voices
            The merged model is read again, and its logits compared with those of base and adapter, before the
            directory gets its name.
            """)

    @Option(name: .long, help: ArgumentHelp("The base that the adapter was trained on.", valueName: "dir"))
    var model: String

    @Option(name: .long, help: ArgumentHelp("The adapter: a checkpoint of a run, or peft's.", valueName: "dir"))
    var adapter: String

    @Option(name: .long, help: ArgumentHelp("Where the merged model goes; must not exist.", valueName: "dir"))
    var output: String

    @Option(name: .long, help: ArgumentHelp("Bytes of a file of weights, at most.", valueName: "bytes"))
    var shardBytes = SafetensorsSet.defaultShardBytes

    func validate() throws {
        guard shardBytes >= 1 else { throw ValidationError("--shard-bytes must be at least 1") }
    }

    func run() throws {
        ComputeThreads.apply(asked: nil)
        let report = try AdapterMerge(base: model, adapter: adapter, output: output, shardBytes: shardBytes).run()
        if report.isCoarse {
            Console.log.warning(
                """
                rounding to \(report.type.safetensorsName) moves the logits by \(report.distance), the adapter by \
                \(report.proof.logitsChange): base and adapter apart are closer to what was trained
                """)
        }
        Console.print(
            """
            \(output.escapedForTerminal): merged \(report.proof.text)
              checked: its logits differ by at most \(String(describing: Float(report.distance))) from those of base and adapter
              weights: \(report.fileNames.joined(separator: ", "))
            """)
    }
}
