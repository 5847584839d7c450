// torture: kills the stages at random moments, gives the same command again, and compares every byte with what an
// undisturbed run wrote. Not a test of one case but a search: it prints its seed, and ends with 1 where it found anything.

import ArgumentParser
import Foundation
import PipelineKit

@main
struct TortureCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "torture",
        abstract: "Kills every stage at random moments and compares what it makes in the end with an undisturbed run.",
        discussion: """
            Half of the rounds begin in an empty directory, half in one that was made with other options and is being \
            replaced. At random moments and after each kill it looks whether anything claims to be whole that is not.

            EXAMPLES
              torture                          200 kills, some minutes
              torture --kills 50 --seed 7      the same search again
              torture --stage train            one stage alone
            """,
        version: versionText())

    @Option(help: ArgumentHelp("The project's folder, for the example's rows and audio.", valueName: "DIR"))
    var project = "."

    @Option(help: ArgumentHelp("Kills that must land, over all stages.", valueName: "N"))
    var kills = 200

    @Option(help: ArgumentHelp("The seed of all moments (default: a new one, which is printed).", valueName: "N"))
    var seed: UInt64?

    @Option(help: ArgumentHelp("Only this one: ingest, featurize, \"tokenize fit\", \"tokenize encode\", train."))
    var stage: String?

    @Option(help: ArgumentHelp("Times that the data holds the example's 28 rows.", valueName: "N"))
    var repetitions = 4

    @Option(help: ArgumentHelp("The time after which it stops, and fails.", valueName: "MINUTES"))
    var minutes = 20.0

    static func main() { runMain(Self.self) }

    func validate() throws {
        guard kills >= 1, repetitions >= 1, minutes > 0 else {
            throw ValidationError("--kills, --repetitions and --minutes: give numbers above 0.")
        }
    }

    func run() throws {
        let example = URL(fileURLWithPath: "\(project)/examples/arabic-mini").standardizedFileURL.path
        let targets = Target.all(example: example)
        if let stage, !targets.contains(where: { $0.name == stage }) {
            throw ValidationError("--stage \(stage): give one of \(targets.map(\.name).joined(separator: ", ")).")
        }
        let wanted = targets.filter { stage == nil || $0.name == stage }
        let seed = seed ?? UInt64.random(in: 0...UInt64(Int.max))
        Console.print("seed \(seed), \(kills) kills")
        let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("sawt-torture-\(getpid())").path
        try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        // The commands name their places from here, so that what they record of them is the same in every run.
        guard chdir(scratch) == 0 else { throw FileError("enter the directory", scratch) }
        try Corpus.write(repetitions, from: example, to: "\(scratch)/manifest.jsonl")
        try AtomicFile.write(Target.trainConfig.utf8, to: "\(scratch)/train.yaml")

        var random = SplitMix64(seed: seed)
        let deadline = ContinuousClock.now + .seconds(minutes * 60)
        var findings: [Finding] = []
        var isInTime = true
        for target in targets where findings.count < wanted.count {
            // A stage that is not asked for still makes the next one's input.
            var trial = try Trial(target, scratch: scratch, binaries: Self.binaries)
            guard let place = wanted.firstIndex(where: { $0.name == target.name }) else { continue }
            let share = kills * (place + 1) / wanted.count - kills * place / wanted.count
            if try !trial.run(kills: share, until: deadline, &random) { isInTime = false }
            findings.append(trial.finding)
            Console.log.info("\(target.name): \(trial.finding.landed) kills")
        }
        Console.print(table(findings))
        for difference in findings.flatMap(\.differences) { Console.print(difference) }
        if findings.contains(where: { !$0.differences.isEmpty }) {
            throw Failure(.failed, "something was lost or claimed too early", remedy: "repeat with --seed \(seed)")
        }
        guard isInTime else {
            throw Failure(
                .failed, "\(findings.reduce(0) { $0 + $1.landed }) of \(kills) kills landed in \(minutes) minutes",
                remedy: "give more --minutes or fewer --kills")
        }
    }

    /// One line a stage.
    private func table(_ findings: [Finding]) -> String {
        let head = ["stage", "alone", "signals", "landed", "looks", "resumes", "reused", "rounds", "differences"]
        let rows = findings.map { finding in
            [
                finding.target, String(format: "%.1f s", finding.seconds), "\(finding.sent)", "\(finding.landed)",
                "\(finding.looks)", "\(finding.resumes)", "\(finding.reused)", "\(finding.rounds)",
                "\(finding.differences.count)",
            ]
        }
        let widths = head.indices.map { column in ([head] + rows).map { $0[column].count }.max() ?? 0 }
        return ([head] + rows).map { row in
            row.indices.map { column in
                let space = String(repeating: " ", count: widths[column] - row[column].count)
                return column == 0 ? row[column] + space : space + row[column]
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    /// The folder of the programs: this one's own.
    private static var binaries: String {
        URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
    }
}
