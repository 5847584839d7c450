// inspect: looks into what the other programs made. Arguments and wiring; what is shown stands in the reports.

import ArgumentParser
import PipelineKit

@main
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Shows what a WORK, a shard directory, a run, a checkpoint or a codec holds.",
        usage: """
            inspect <directory> [--sample <n> | --id <id> | --verify] [--json]
            inspect <subcommand> …
            """,
        discussion: """
            EXAMPLES
              inspect work                       what the whole WORK holds, and whether its parts belong together
              inspect work --sample 3            one sample, joined over samples, audio, features and codes
              inspect work --id amal-00          the same, by id
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

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if [sample != nil, id != nil, verify].count(where: { $0 }) > 1 {
            throw ValidationError("--sample, --id and --verify exclude each other.")
        }
    }

    func run() throws {
        let subject = try Subject(of: directory)
        let report: any Report = try report(on: subject)
        report.print(asJSON: json)
        if let findings = report as? Findings, !findings.isSound { throw ExitCode(ExitStatus.badData.rawValue) }
    }

    private func report(on subject: Subject) throws -> any Report {
        switch subject {
        case .work:
            if verify { return try verifyWork(Work(directory: directory)) }
            guard sample != nil || id != nil else { return try WorkReport(directory: directory) }
            let work = try Work(directory: directory)
            return try SampleReport(work: work, sample: sample ?? work.sampleNumber(ofID: id ?? ""))
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
                at: directory.escapedForTerminal, remedy: "run that stage again; it goes on where it was")
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
