// The command line of tokenize: three commands about one codec.

import ArgumentParser
import PipelineKit

@main
struct TokenizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize",
        abstract: "Turn clips into codebook tokens, and tokens back into sound.",
        discussion: """
            A codec lies in a directory of its own (CODEC_DIR). The embedded one, mel-rvq, is fitted to your own audio and \
            needs no weights.

            Examples:
              tokenize fit    --input work/audio --output work/codec
              tokenize encode --input work/audio --output work/codes --codec work/codec
              tokenize decode work/codes --id row-1 --output row-1.wav --codec work/codec
            """,
        version: versionText(outputVersion: CodeStage.outputVersion),
        subcommands: [FitCommand.self, EncodeCommand.self, DecodeCommand.self, RandomCheckpointCommand.self])

    static func main() { runMain(Self.self) }
}
