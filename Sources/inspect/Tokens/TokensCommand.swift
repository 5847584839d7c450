// inspect tokens: one sample, id by id.

import ArgumentParser
import PipelineKit

struct TokensCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokens",
        abstract: "Shows each id of a sample: who says it, what it becomes, what is learnt there and why.",
        discussion: """
            EXAMPLES
              inspect tokens work --sample 3
              inspect tokens work --id amal-00 --json
            """)

    @Argument(help: "A WORK.")
    var work: String

    @Option(help: ArgumentHelp("The sample with this number, from 0.", valueName: "n"))
    var sample: Int?

    @Option(help: "The sample with this id.")
    var id: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard (sample == nil) != (id == nil) else { throw ValidationError("Name a sample with --sample or --id.") }
    }

    func run() throws {
        let work = try Work(holdingSamples: work)
        try TokenReport(work: work, sample: sample ?? work.sampleNumber(ofID: id ?? "")).print(asJSON: json)
    }
}

extension Work {
    /// A WORK whose samples/ is finished.
    /// - Throws: `Failure` (bad usage) for any other directory.
    init(holdingSamples directory: String) throws {
        guard case .work = try Subject(of: directory) else {
            throw Failure(
                .badUsage, "not a WORK", at: directory.escapedForTerminal,
                remedy: "name the directory that ingest wrote, in which samples/ lies")
        }
        try self.init(directory: directory)
        guard reader("samples") != nil else {
            throw Failure(
                .badUsage, "samples/ is not finished", at: directory.escapedForTerminal, remedy: "run ingest to its end"
            )
        }
    }

    /// The reader of samples/.
    /// - Throws: `Failure` where it is not finished.
    func samplesReader() throws -> MDSReader {
        guard let reader = reader("samples") else { throw Self.nothingFinished(directory) }
        return reader
    }
}
