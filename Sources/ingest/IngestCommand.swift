// The command line of ingest.

import ArgumentParser
import PipelineKit

@main
struct IngestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Read a ChatML manifest and its audio into shards.",
        discussion: """
            Every row of the manifest (a JSON array or JSONL, plain, gzip or zstd) becomes one sample: its ids and \
            labels in WORK/samples, its clips, checked and untouched, in WORK/audio. Rows that cannot be used are \
            listed in WORK/rejects.jsonl with the reason.

            EXAMPLES
              A first look at a thousand rows:
                ingest --data-path train.jsonl --output work --limit 1000

              With the tokenizer of the model that will be fine-tuned:
                ingest --data-path train.jsonl --output work \\
                       --tokenizer model/tokenizer.json

              Audio elsewhere, and no path may leave that folder:
                ingest --data-path train.json.gz --output work \\
                       --audio-root /data/clips

              Clips up to a minute, and rows without audio to learn from:
                ingest --data-path train.jsonl --output work \\
                       --max-duration 60 --keep-text-only

              Texts out of PDFs, with presentation forms and invisible marks in them:
                ingest --data-path train.jsonl --output work --normalize arabic

            A ROW, over several lines only here:
              {"id": "0001", "speaker": "amal", "messages": [
                {"role": "user", "content": [
                  {"type": "text", "text": "What the reference says."},
                  {"type": "audio", "audio_url": "reference.wav"},
                  {"type": "text", "text": "What is to be said."}]},
                {"role": "assistant", "content": [
                  {"type": "text", "text": "What is to be said."},
                  {"type": "audio", "audio_url": "target.wav"}]}]}
            """,
        version: versionText(outputVersion: IngestOptions.outputVersion))

    static func main() { runMain(Self.self) }

    @Option(help: ArgumentHelp("The manifest.", valueName: "manifest"))
    var dataPath: String

    @Option(help: ArgumentHelp("Where samples/, audio/ and rejects.jsonl go.", valueName: "work"))
    var output: String

    @Option(
        help: ArgumentHelp(
            "The folder of the audio, which no path may leave (default: the manifest's, paths lead anywhere).",
            valueName: "dir"))
    var audioRoot: String?

    @Option(
        help: ArgumentHelp(
            "A Hugging Face tokenizer.json with the control tokens (default: a byte is an id).",
            valueName: "tokenizer.json"))
    var tokenizer: String?

    @Option(help: ArgumentHelp("Shorter clips are rejected; 0.04 at least.", valueName: "seconds"))
    var minDuration = 0.5

    @Option(help: ArgumentHelp("Longer clips are rejected; 3600 at most.", valueName: "seconds"))
    var maxDuration = 30.0

    @Option(help: ArgumentHelp("A message with fewer characters of text is rejected.", valueName: "n"))
    var minText = 1

    @Option(help: ArgumentHelp("A message with more characters of text is rejected.", valueName: "n"))
    var maxText = 2_000

    @Flag(help: "Keep rows without audio to learn from.")
    var keepTextOnly = false

    @Option(
        help: ArgumentHelp(
            """
            Change the texts before they are tokenized: a list of presentation-forms, zero-width, tatweel, \
            harakat=strip, digits=ascii or digits=arabic-indic, nfc; arabic is presentation-forms, zero-width, tatweel \
            and nfc (default: none).
            """, valueName: "rules"))
    var normalize: String?

    @Option(help: ArgumentHelp("Raw size of a shard of audio: 64MiB, 512KiB; 1GiB at most.", valueName: "size"))
    var shardSize = ByteCount(bytes: 64 << 20)

    @Option(help: ArgumentHelp("Fail where a larger part of the rows is rejected.", valueName: "0…1"))
    var maxRejectFraction = 0.5

    @Option(help: ArgumentHelp("Read the first N rows only.", valueName: "n"))
    var limit: Int?

    @Option(help: ArgumentHelp("Leave out the ids in a file: one a line, as JSON strings.", valueName: "file"))
    var exclude: String?

    @OptionGroup var flags: StageFlags

    func validate() throws {
        guard minDuration >= 0, minDuration <= maxDuration, maxDuration <= RowPreparer.longestRowSeconds else {
            throw ValidationError(
                "--min-duration \(minDuration), --max-duration \(maxDuration): give seconds in this order, 0 to 3600.")
        }
        guard minText >= 0, minText <= maxText else {
            throw ValidationError(
                "--min-text \(minText), --max-text \(maxText): give numbers in this order, from 0 on.")
        }
        guard (1...IngestOptions.largestShard).contains(shardSize.bytes) else {
            throw ValidationError("--shard-size \(shardSize): give at most 1GiB.")
        }
        guard (0...1).contains(maxRejectFraction) else {
            throw ValidationError("--max-reject-fraction \(maxRejectFraction): give a number from 0 to 1.")
        }
        guard limit.map({ $0 >= 1 }) ?? true else {
            throw ValidationError("--limit \(limit ?? 0): give a number from 1 on.")
        }
    }

    func run() throws {
        var options = IngestOptions(manifest: dataPath, output: output, audioRoot: audioRoot, tokenizer: tokenizer)
        options.minDuration = minDuration
        options.maxDuration = maxDuration
        options.text = TextLimits(minimum: minText, maximum: maxText)
        options.keepTextOnly = keepTextOnly
        options.normalization = try normalize.map { try TextNormalization(parsing: $0) } ?? .none
        options.shardSize = shardSize.bytes
        options.maxRejectFraction = maxRejectFraction
        options.limit = limit
        options.exclude = exclude
        options.workers = flags.workers
        options.replace = flags.replace
        options.isQuiet = flags.quiet
        if let compression = flags.compression {
            options.samplesCompression = compression
            options.audioCompression = compression
        }
        try IngestRun(options).run().report(json: flags.json)
    }
}
