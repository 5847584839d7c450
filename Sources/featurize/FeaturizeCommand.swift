// The command line of featurize.

import ArgumentParser
import PipelineKit

@main
struct FeaturizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "featurize",
        abstract: "Turn the clips that a model hears into Whisper log-mel features.",
        discussion: """
            Reads the shards that ingest wrote and writes one shard of features for each: of every clip of a user or \
            system turn, 16 kHz log-mel frames of 10 ms, in chunks of at most 30 s. Clips that a model says are left to \
            tokenize. A run that was stopped goes on where it was.

            Examples:
              featurize --input work/audio --output work/features
              featurize --input work/audio --output work/features --mel-bins 80 --replace
              featurize --input work/audio --output work/features --workers 4 --json > summary.json
            """,
        version: versionText(outputVersion: FeatureStage.outputVersion))

    @Option(help: ArgumentHelp("The audio directory that ingest wrote.", valueName: "WORK/audio"))
    var input: String

    @Option(help: ArgumentHelp("Where the features go.", valueName: "WORK/features"))
    var output: String

    @Option(
        help: ArgumentHelp("Mel bins: 128 for Higgs Audio and Whisper large-v3, 80 for older ones.", valueName: "M"))
    var melBins = 128

    @OptionGroup var flags: StageFlags

    static func main() { runMain(Self.self) }

    func validate() throws {
        guard [80, 128].contains(melBins) else {
            throw ValidationError("--mel-bins \(melBins): Whisper's front ends have 80 or 128.")
        }
    }

    func run() throws {
        try FeatureStage(melBins: melBins).run(input: input, output: output, flags: flags).report(flags)
    }
}
