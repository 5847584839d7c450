// inspect: looks into what the other programs made. Arguments and wiring; what is shown stands in the reports.

import ArgumentParser
import PipelineKit

@main
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Shows what a WORK, a shard directory, a run, a checkpoint or a codec holds.",
        usage: """
            inspect <directory> [--sample <n> | --id <id> | --verify] [--plot <dir>] [--html <file>] [--json]
            inspect <subcommand> …
            """,
        discussion: """
            EXAMPLES
              inspect work                       what the whole WORK holds, and whether its parts belong together
              inspect work --sample 3            one sample, joined over samples, audio, features and codes
              inspect work --id amal-00          the same, by id
              inspect work --id amal-00 --plot plots    its clips as PNG and WAV, and the sound of their codes
              inspect work --html report.html    a page with hours, speakers, histograms, rejects, sounds
              inspect work --verify              every hash and every promise; exit code 3 if one is broken
              inspect work/codes                 one shard directory
              inspect runs/tiny                  losses beside chance and entropy
              inspect runs/tiny/final            the tensors of a checkpoint
              inspect work/codec --json          the same as JSON
              inspect tokens work --id amal-00   each id of a sample: what it becomes, what is learnt and why
              inspect grep كتاب work             the samples whose texts hold a word
              inspect where work --row 17        which sample and shard a row of the manifest went to, and back
              inspect diff work other            what differs; exit code 1 if something does
              inspect repair work/codes          a lost index.json, made again
            """,
        version: versionText(),
        subcommands: [
            ShowCommand.self, TokensCommand.self, GrepCommand.self, WhereCommand.self, DiffCommand.self,
            RepairCommand.self,
        ], defaultSubcommand: ShowCommand.self)

    static func main() { runMain(Self.self) }
}

/// `inspect DIRECTORY`: what it holds.
struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "What a directory holds. The word itself can be left out.")

    @Argument(help: "A WORK, one shard directory, a run, a checkpoint or a codec.")
    var directory: String

    @Option(help: ArgumentHelp("Show the sample with this number, from 0.", valueName: "n"))
    var sample: Int?

    @Option(help: "Show the sample with this id.")
    var id: String?

    @Flag(help: "Check hashes, and everything that must hold of each sample.")
    var verify = false

    @Option(
        help: ArgumentHelp("Write pictures and sounds of the sample's clips into a directory.", valueName: "dir"))
    var plot: String?

    @Option(help: ArgumentHelp("Write a page about the WORK that needs no other file.", valueName: "file"))
    var html: String?

    @Option(
        help: ArgumentHelp(
            "The codec that made codes/, to hear them with --plot and --html. (default: WORK/codec)", valueName: "dir"))
    var codec: String?

    @Option(help: "Draw in colours: auto, always or never; auto colours terminals.")
    var color = ColorChoice.auto

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if [sample != nil, id != nil, verify].count(where: { $0 }) > 1 {
            throw ValidationError("--sample, --id and --verify exclude each other.")
        }
        if plot != nil, sample == nil, id == nil {
            throw ValidationError("--plot draws one sample: name it with --sample or --id.")
        }
        if html != nil, sample != nil || id != nil || verify {
            throw ValidationError("--html is about a whole WORK: leave --sample, --id and --verify out.")
        }
        if codec != nil, plot == nil, html == nil {
            throw ValidationError("--codec says how codes are heard; it needs --plot or --html.")
        }
    }

    func run() throws {
        let subject = try Subject(of: directory)
        if plot != nil || html != nil, subject != .work {
            throw Failure(
                .badUsage, "--plot and --html are for a WORK", at: directory.escapedForTerminal,
                remedy: "name the directory that holds samples/, audio/ and codes/")
        }
        let report: any Report = try report(on: subject)
        report.print(asJSON: json)
        if let findings = report as? Findings, !findings.isSound { throw ExitCode(ExitStatus.badData.rawValue) }
    }

    private func report(on subject: Subject) throws -> any Report {
        switch subject {
        case .work:
            if verify { return try verifyWork(Work(directory: directory)) }
            let work = try Work(directory: directory)
            if let html { return try HTMLReport(work: work, path: html, codec: codec) }
            guard sample != nil || id != nil else { return try WorkReport(directory: directory) }
            let number = try sample ?? work.sampleNumber(ofID: id ?? "")
            if let plot { return try PlotDirectory(work: work, sample: number, directory: plot, codec: codec) }
            return try DrawnSample(work: work, sample: number, style: json ? nil : TerminalStyle(color: color))
        case .shards:
            guard verify || sample != nil || id != nil else {
                return try ShardsReport(directory: directory, countingCodes: true)
            }
            let shards = try ShardsReport(directory: directory)
            if verify { return try verifyShards(shards) }
            return try RowReport(reader: shards.reader, sample: sample ?? shards.sampleNumber(ofID: id ?? ""))
        case .unfinishedShards:
            throw Failure(
                .badData, "shards without an index.json: the stage that writes them has not finished",
                at: directory.escapedForTerminal,
                remedy: "run that stage again; if the index was lost, inspect repair makes it anew")
        case .run, .checkpoint, .codec:
            guard sample == nil, id == nil, !verify else {
                throw Failure(
                    .badUsage, "--sample, --id and --verify are for a WORK or a shard directory",
                    at: directory.escapedForTerminal, remedy: "leave them out")
            }
            switch subject {
            case .run: return try RunReport(directory: directory)
            case .codec: return try CodecReport(directory: directory)
            default: return try CheckpointReport(directory: directory)
            }
        }
    }
}
