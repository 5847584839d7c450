// tokenize fit: the embedded codec, fitted to an audio directory.

import ArgumentParser
import Codecs
import Foundation
import PipelineKit

struct FitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fit",
        abstract: "Fit a mel-rvq codec to the clips of an audio directory.",
        discussion: """
            Reads at most \(FrameSample.largestSampleCount) samples, drawn over all shards, and keeps at most \
            \(FrameSample.largestFrameCount) code frames of them (84 MB). Prints, and stores in config.json, the mel \
            distance after each codebook and how many of its codewords are used. The same audio and options give the same \
            codec; running it again changes nothing.

            Examples:
              tokenize fit --input work/audio --output work/codec
              tokenize fit --input work/audio --output work/codec --codebook-size 256
            """)

    @Option(help: ArgumentHelp("The audio directory that ingest wrote.", valueName: "WORK/audio"))
    var input: String

    @Option(help: ArgumentHelp("Where the codec goes.", valueName: "CODEC_DIR"))
    var output: String

    @Option(
        help: ArgumentHelp(
            "Codewords a codebook; by default the largest power of two up to a 32nd of the code frames, 16 to 1024.",
            valueName: "N"))
    var codebookSize: Int?

    @OptionGroup var flags: StageFlags

    func validate() throws {
        if let codebookSize, !(2...65_536).contains(codebookSize) {
            throw ValidationError("--codebook-size \(codebookSize): give a number from 2 to 65536.")
        }
    }

    func run() throws {
        let reader = try openAudio(input)
        let identity = FitIdentity(inputDigest: reader.indexDigest, codebookSize: codebookSize)
        let directory = try MelRVQDirectory(output)
        let config: JSONValue
        if case .same(let existing) = try directory.content(for: identity, replace: flags.replace) {
            try directory.touch(identity)
            Console.log.info("\(output.escapedForTerminal) holds this very codec already: nothing to do")
            config = existing
        } else {
            let sample = try FrameSample(of: reader, workers: flags.workers, isQuiet: flags.quiet)
            try directory.checkRoom(codebookSize: codebookSize, sample: sample)
            let fit = try MelRVQFit(
                sample, codebookSize: codebookSize, workers: flags.workers, isQuiet: flags.quiet)
            config = try directory.write(fit, identity: identity)
        }
        let codec = try openCodec(output)
        if flags.json {
            let summary: JSONValue = [
                "stage": "tokenize fit", "codec": codec.record.json, "lost": config["lost"] ?? .null,
            ]
            Console.print(summary)
        } else if !flags.quiet, let lost = config["lost"] {
            Console.print(fitTable(codec.record, lost))
        }
    }
}

/// Opens a finished audio directory.
///
/// - Throws: a `Failure` (bad usage) where there is none, bad data where it holds no sample.
private func openAudio(_ path: String) throws -> MDSReader {
    let reader = try MDSReader(directory: path)
    guard reader.sampleCount > 0 else {
        throw Failure(.badData, "holds no sample to fit a codec to", at: path.escapedForTerminal)
    }
    for column in ["id"] + StoredClip.columns where !reader.columns.contains(where: { $0.name == column }) {
        throw Failure(
            .badUsage, "has no column '\(column)', which tokenize reads", at: path.escapedForTerminal,
            remedy: "name the directory that ingest wrote")
    }
    return reader
}

/// What the fit lost, a line a codebook.
func fitTable(_ record: CodecRecord, _ lost: JSONValue) -> String {
    func number(_ key: String) -> Int { lost[key]?.intValue ?? 0 }
    func column(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
    func decimals(_ value: JSONValue?) -> String {
        value?.doubleValue.map { String(format: "%.2f", $0) } ?? "?"
    }
    var lines = [
        "\(record.name): \(record.codebooks) codebooks of \(record.codebookSize) codewords, digest \(record.digest)",
        "fitted to \(number("fitted_frames")) of \(number("frames")) code frames in \(number("clips")) distinct clips of "
            + "\(number("samples")) samples",
        "codebook   mel distance       used   entropy",
        "    none " + column(decimals(lost["spread_db"]) + " dB", 14),
    ]
    let distances = lost["mel_distance_db"]?.arrayValue ?? [], used = lost["codewords_used"]?.arrayValue ?? []
    let entropies = lost["entropy_bits"]?.arrayValue ?? []
    for (stage, distance) in distances.enumerated() where stage < used.count && stage < entropies.count {
        lines.append(
            column("\(stage)", 8) + " " + column(decimals(distance) + " dB", 14)
                + column("\(used[stage].intValue ?? 0)/\(record.codebookSize)", 11)
                + column(decimals(entropies[stage]) + " bit", 10))
    }
    return lines.joined(separator: "\n")
}
