// tokenize decode: one clip of one sample, from codes to a WAV file that can be heard.

import ArgumentParser
import Codecs
import PipelineKit

struct DecodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decode",
        abstract: "Play the codes of a clip back into a WAV file.",
        discussion: """
            Examples:
              tokenize decode work/codes --id row-1 --output reference.wav --codec work/codec
              tokenize decode work/codes --id row-1 --clip 1 --output target.wav --codec work/codec
            """)

    @Argument(help: ArgumentHelp("The directory of codes.", valueName: "WORK/codes"))
    var codes: String

    @Option(help: ArgumentHelp("The sample.", valueName: "ID"))
    var id: String

    @Option(help: ArgumentHelp("The WAV file to write: mono, 16 bits, at the codec's rate.", valueName: "x.wav"))
    var output: String

    @Option(help: ArgumentHelp("The clip within the sample, from 0, references and targets in order.", valueName: "N"))
    var clip = 0

    @Option(help: ArgumentHelp("The codec that made the codes.", valueName: "CODEC_DIR"))
    var codec: String

    @Flag(help: "Say nothing but warnings and errors.")
    var quiet = false

    func validate() throws {
        if quiet { Console.level = .warning }
        guard clip >= 0 else { throw ValidationError("--clip \(clip): clips count from 0.") }
    }

    func run() throws {
        let reader = try MDSReader(directory: codes)
        let codec = try openCodec(codec)
        try checkMaker(of: codes, is: codec.record, at: self.codec)
        let row = try findSample(id, in: reader)
        let clips = try CodeColumns.clips(of: row, codec: codec.record)
        guard clip < clips.count else {
            throw Failure(
                .badUsage, "--clip \(clip): the sample has \(clips.count) clip\(clips.count == 1 ? "" : "s")",
                remedy: clips.count == 1 ? "give 0" : "give a number from 0 to \(clips.count - 1)")
        }
        let samples = try codec.decode(clips[clip])
        let clipped = samples.count { abs($0) > 1 }
        if clipped > 0 {
            Console.log.warning("\(clipped) of \(samples.count) samples are above full scale and were clipped")
        }
        let wav = try AudioEncoder.wav16(samples, channels: 1, sampleRate: codec.sampleRate, source: output)
        try AtomicFile.write(wav, to: output)
        let seconds = Double(samples.count * 1_000 / codec.sampleRate) / 1_000
        Console.log.info(
            "\(output.escapedForTerminal): \(seconds) s from \(clips[clip].frames) frames of \(codec.codebooks) codes")
    }
}
