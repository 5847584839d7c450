// train predict: the command line.

import ArgumentParser
import PipelineKit

struct PredictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict",
        abstract: "Writes the codes that a model predicts for the answers of a WORK, to be heard.",
        discussion: """
            Teacher-forced: each code is predicted from the true ids and codes before it, as in training. What is heard is \
            what the model would say next at each frame of a voice that never errs. It is not generation, where errors add \
            up, and sounds better than that.

            The output is a directory of codes with the clips of WORK/codes, the targets among them predicted. Printed are \
            the codes that equal the target's and the audio loss, beside what chance gives.

            Examples:
              train predict --model runs/tiny/final --data-path work --output predicted --limit 4
              train predict --model base --adapter runs/voices/final --data-path work --output predicted --id row-1
              tokenize decode predicted --id row-1 --clip 1 --output row-1.wav --codec work/codec
            """)

    @Option(name: .long, help: ArgumentHelp("The model: a checkpoint of a run, or a base.", valueName: "dir"))
    var model: String

    @Option(name: .long, help: ArgumentHelp("An adapter of the model.", valueName: "dir"))
    var adapter: String?

    @Option(name: .long, help: ArgumentHelp("A WORK, or one shard directory with all columns.", valueName: "work"))
    var dataPath: String

    @Option(name: .long, help: ArgumentHelp("Where the codes go; must not exist, or be empty.", valueName: "dir"))
    var output: String

    @Option(
        name: .long, parsing: .singleValue, help: ArgumentHelp("A sample. Repeatable; without: all.", valueName: "id"))
    var id: [String] = []

    @Option(name: .long, help: ArgumentHelp("Only the first so many of these samples.", valueName: "n"))
    var limit: Int?

    @Option(
        name: .long,
        help: ArgumentHelp("Threads to compute with (default: the machine's cores).", valueName: "n"))
    var threads: Int?

    @Flag(name: .long, help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard limit ?? 1 >= 1 else { throw ValidationError("--limit must be at least 1") }
        guard threads ?? 1 >= 1 else { throw ValidationError("--threads must be at least 1") }
    }

    func run() throws {
        let report = try PredictionRun(
            model: model, adapter: adapter, dataPath: dataPath, output: output, ids: id, limit: limit, threads: threads
        ).run()
        if json { Console.print(report.json) } else { Console.print(report.text) }
    }
}
