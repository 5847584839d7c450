// The command line of train: arguments and wiring. What a run is and does lies in Run/, the preflight in Check/.

import ArgumentParser
import PipelineKit

@main
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Trains a Higgs-Audio-v2-style model on a WORK.",
        discussion: """
            Examples:
              train run --config configs/tiny.yaml --data-path work --output-dir runs/tiny
              train run --config configs/tiny.yaml --data-path work --output-dir runs/tiny --resume
              train check --config configs/tiny.yaml --data-path work --output-dir runs/tiny
              train run --config configs/finetune.yaml --set training.learning_rate=2e-5
              train merge --model checkpoints/base --adapter runs/voices/final --output checkpoints/voices
              train predict --model runs/tiny/final --data-path work --output predicted
            """,
        version: versionText(outputVersion: TrainerState.version),
        subcommands: [
            RunCommand.self, CheckCommand.self, MergeCommand.self, PredictCommand.self, FeaturesCommand.self,
            BenchmarkCommand.self, LogitsCommand.self, RandomCheckpointCommand.self,
        ],
        defaultSubcommand: RunCommand.self)

    static func main() { runMain(Self.self) }
}

/// What a run is made from; shared by `run` and `check`.
struct ConfigFlags: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The config, YAML.", valueName: "file"))
    var config: String

    @Option(name: .long, help: ArgumentHelp("A WORK, or one shard directory with all columns.", valueName: "work"))
    var dataPath: String?

    @Option(name: .long, help: ArgumentHelp("The run directory.", valueName: "dir"))
    var outputDir: String?

    @Option(name: .long, help: ArgumentHelp("A checkpoint to start from, in place of the config's.", valueName: "dir"))
    var model: String?

    @Option(name: .long, help: ArgumentHelp("An adapter of the model that goes on training.", valueName: "dir"))
    var adapter: String?

    @Flag(name: .long, help: "Go on from the last checkpoint of the run; starts fresh in an empty directory.")
    var resume = false

    @Flag(name: .long, help: "Move a run that cannot go on to DIR.1, .2, … and start anew.")
    var replace = false

    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp("Override a key: training.seed=3. Repeatable.", valueName: "key.path=value"))
    var set: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp("Threads to compute with (default: the machine's cores).", valueName: "n"))
    var threads: Int?

    func validate() throws {
        guard threads ?? 1 >= 1 else { throw ValidationError("--threads must be at least 1") }
    }

    var mode: RunMode { RunMode(resumes: resume, replaces: replace) }

    /// The config with overrides and flags on top.
    func resolved() throws -> TrainConfig {
        let flags = TrainConfig.Flags(
            model: model, dataPath: dataPath, outputDir: outputDir, adapter: adapter, overrides: set)
        return try TrainConfig(file: config, flags: flags)
    }
}

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Trains, and writes checkpoints and metrics.jsonl into the run directory.",
        discussion: """
            Ctrl-C saves a checkpoint; the same command with --resume goes on from there, as if the run had never
            stopped. Every number stands in metrics.jsonl, and in the events for `tensorboard --logdir DIR`.
            """)

    @OptionGroup var flags: ConfigFlags

    func run() throws {
        let config = try flags.resolved()
        Console.print(try TrainSession(config: config, mode: flags.mode, threads: flags.threads).run())
    }
}

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Looks for everything that would break a run, and leaves nothing behind.",
        discussion: "Ends with 0 where all is well, else with the exit status of the first failure.")

    @OptionGroup var flags: ConfigFlags

    func run() throws {
        let table = Preflight(threads: flags.threads).run { try flags.resolved() }
        Console.print(table.text)
        if let status = table.status { throw ExitCode(status.rawValue) }
    }
}

struct FeaturesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "features",
        abstract: "Says whether the model consumes audio features: yes or no. Reads no data.")

    @OptionGroup var flags: ConfigFlags

    func run() throws {
        Console.print(try flags.resolved().model.takesFeatures() ? "yes" : "no")
    }
}
