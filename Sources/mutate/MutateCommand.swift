// mutate: damages a file of every format that sawt reads, thousands of times, and opens each mutant through the real reader.
// Nothing may crash, hang, take more memory than the file justifies, or let changed content pass where a hash vouches for it.

import ArgumentParser
import Foundation
import PipelineKit

@main
struct MutateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mutate",
        abstract: "Damages files of every format and opens them.",
        discussion: """
            EXAMPLES
              mutate                                     12,000 mutants of all formats, a few minutes
              mutate --mutants 100000 --seed 7           more of them, and always the same
              mutate --formats zstd --formats FLAC       formats whose names hold one of these words
              mutate show "FLAC" 17 --seed 7 --output x  the file of one mutant
            """,
        version: versionText(),
        subcommands: [RunCommand.self, ShowCommand.self, WorkerCommand.self], defaultSubcommand: RunCommand.self)

    static func main() { runMain(Self.self) }

    /// The folder of the programs: this one's own.
    static let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()

    static func programs(seconds: Int) -> Programs {
        Programs(directory: executable.deletingLastPathComponent().path, seconds: seconds)
    }

    /// Intact files in a folder that is removed afterwards.
    static func withMaterial<Result>(project: String, seconds: Int, _ body: (Material) throws -> Result) throws
        -> Result
    {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sawt-mutate-\(getpid())").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let material = Material(directory: directory)
        try material.make(project: project, programs: programs(seconds: seconds))
        return try body(material)
    }
}

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Opens mutants and prints what came of them; ends with 1 where one got in.")

    @Option(help: ArgumentHelp("Mutants of all formats together.", valueName: "N"))
    var mutants = 12_000

    @Option(
        help: ArgumentHelp("Where the damage is drawn from; drawn itself, and printed, by default.", valueName: "N"))
    var seed: UInt64?

    @Option(help: ArgumentHelp("Only formats whose name holds this word. Repeatable.", valueName: "WORD"))
    var formats: [String] = []

    @Option(help: ArgumentHelp("Processes that work at a time.", valueName: "N"))
    var workers = ProcessInfo.processInfo.activeProcessorCount

    @Option(help: ArgumentHelp("The longest that a mutant may take.", valueName: "N"))
    var seconds = 10

    @Option(help: ArgumentHelp("The checkout, for its fixtures.", valueName: "DIR"))
    var project = "."

    @Flag(
        help: ArgumentHelp("Run on doors that fail on purpose, to see that each failure is seen.", visibility: .hidden))
    var selfTest = false

    func validate() throws {
        guard mutants >= 1 else { throw ValidationError("--mutants \(mutants): give a number from 1.") }
        guard workers >= 1, seconds >= 1 else { throw ValidationError("--workers and --seconds count from 1.") }
    }

    func run() throws {
        let seed = seed ?? UInt64.random(in: 0..<1_000_000)
        Console.print("seed \(seed)")
        let chosen = (selfTest ? Format.selfTests : Format.all).filter { format in
            formats.isEmpty || formats.contains { format.name.range(of: $0, options: .caseInsensitive) != nil }
        }
        guard !chosen.isEmpty else {
            throw Failure(.badUsage, "no format's name holds \(formats.joined(separator: " or "))", at: "--formats")
        }
        var table = MutationTable(formats: chosen, seed: seed)
        try MutateCommand.withMaterial(project: project, seconds: seconds) { material in
            let supervisor = Supervisor(
                executable: MutateCommand.executable.path, material: material, seed: seed, seconds: seconds)
            let progress = Progress("mutate", unit: "mutants", total: Double(mutants))
            var batches = Self.batches(of: mutants, over: chosen)[...]
            try orderedMap(workers: workers) {
                try Interrupt.check()
                return batches.popFirst()
            } transform: {
                try supervisor.run($0)
            } drain: { findings in
                for finding in findings { table.add(finding) }
                progress.advance(by: Double(findings.count), note: findings.first?.format)
            }
            progress.finish()
        }
        Console.print(table.text)
        guard table.violations.isEmpty else {
            throw Failure(.failed, "\(table.violations.count) mutants got in, by crash, hang, memory, content or words")
        }
    }

    /// Shares the mutants among the formats by their weights, cut into batches.
    static func batches(of mutants: Int, over formats: [Format]) -> [Batch] {
        let weights = formats.reduce(0) { $0 + $1.weight }
        return formats.flatMap { format in
            let count = (mutants * format.weight + weights - 1) / weights
            return stride(from: 0, to: count, by: 100).map { start in
                Batch(format: format, numbers: start..<min(count, start + 100))
            }
        }
    }
}

struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Writes one mutant to a file.")

    @Argument(help: ArgumentHelp("The format, as the table names it.", valueName: "FORMAT"))
    var format: String

    @Argument(help: ArgumentHelp("The mutant's number.", valueName: "N"))
    var number: Int

    @Option(help: ArgumentHelp("The seed of the run.", valueName: "N"))
    var seed: UInt64

    @Option(help: ArgumentHelp("Where the mutant goes.", valueName: "FILE"))
    var output: String

    @Option(help: ArgumentHelp("The checkout, for its fixtures.", valueName: "DIR"))
    var project = "."

    func run() throws {
        let format = try Format.named(format)
        try MutateCommand.withMaterial(project: project, seconds: 60) { material in
            let path = material.folder("\(format.folder)/\(format.file)")
            let intact = try MappedFile(path: path).withBytes { Array($0) }
            try Mutant(of: intact, kind: format.kind, seed: seed, format: format.name, number: number).write(to: output)
        }
    }
}

struct WorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "worker", shouldDisplay: false)

    @Option var material: String
    @Option var scratch: String
    @Option var format: String
    @Option var first: Int
    @Option var end: Int
    @Option var seed: UInt64
    @Option var report: String
    @Option var seconds: Int
    @Flag var unlimited = false

    func run() throws {
        try WorkerTask(
            format: Format.named(format), numbers: first..<end, seed: seed, limitsMemory: !unlimited, report: report,
            material: Material(directory: material), scratch: scratch,
            programs: MutateCommand.programs(seconds: seconds)
        ).run()
    }
}
