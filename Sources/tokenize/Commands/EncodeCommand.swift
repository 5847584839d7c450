// tokenize encode: the stage from clips to codes.

import ArgumentParser
import Codecs
import PipelineKit

struct EncodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encode",
        abstract: "Write the codes of every clip of an audio directory.",
        discussion: """
            Writes one shard of codes for each shard of audio. A run that was stopped goes on where it was.

            Examples:
              tokenize encode --input work/audio --output work/codes --codec work/codec
              tokenize encode --input work/audio --output work/codes --codec work/codec --workers 4 --replace
            """)

    @Option(help: ArgumentHelp("The audio directory that ingest wrote.", valueName: "WORK/audio"))
    var input: String

    @Option(help: ArgumentHelp("Where the codes go.", valueName: "WORK/codes"))
    var output: String

    @Option(help: ArgumentHelp("The codec.", valueName: "CODEC_DIR"))
    var codec: String

    @OptionGroup var flags: StageFlags

    func run() throws {
        try CodeStage(codec: openCodec(codec)).run(input: input, output: output, flags: flags).report(flags)
    }
}
