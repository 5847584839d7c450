// Watches workers: reads their reports, starts them again behind a mutant that they died of, and finds out what it was.

import Foundation
import PipelineKit

/// What came of one mutant.
struct Finding: Sendable {
    var format: String
    var number: Int
    var verdict: Verdict
    var detail: String
}

/// Mutants of one format that one worker opens in a row.
struct Batch: Sendable {
    var format: Format
    var numbers: Range<Int>
}

/// Runs batches in processes of their own. Any number of threads may use one at the same time.
struct Supervisor: Sendable {
    /// This program.
    var executable: String
    var material: Material
    var seed: UInt64
    /// The longest that a mutant may take.
    var seconds: Int

    /// Opens all mutants of a batch.
    ///
    /// - Throws: a `Failure` where the worker fails before its first mutant: the intact file is refused, for one.
    func run(_ batch: Batch) throws -> [Finding] {
        var findings: [Finding] = []
        var next = batch.numbers.lowerBound
        while next < batch.numbers.upperBound {
            try Interrupt.check()
            let part = try observe(batch.format, next..<batch.numbers.upperBound, limitsMemory: true)
            findings += part.findings
            next += part.findings.count
            guard let death = part.death else { continue }
            findings.append(try explain(batch.format, next, death))
            next += 1
        }
        return findings
    }

    /// What a mutant's death was: it is opened again by itself, without a limit on memory.
    private func explain(_ format: Format, _ number: Int, _ death: Death) throws -> Finding {
        let again = try observe(format, number..<number + 1, limitsMemory: false)
        let finding = { Finding(format: format.name, number: number, verdict: $0, detail: $1) }
        switch (death.end, again.death?.end) {
        case (.timeout, .timeout): return finding(.hung, "over \(seconds) s")
        case (.timeout, nil): return again.findings.first ?? finding(.hung, "over \(seconds) s, once")
        case (_, nil):
            return finding(.grew, "\(death.end) within the memory that its size justifies, none without limit")
        default: return finding(.crashed, "\(death.end): \(death.words)")
        }
    }

    private struct Death {
        var end: ProcessEnd
        /// The end of what it wrote to standard error.
        var words: String
    }

    private func observe(
        _ format: Format, _ numbers: Range<Int>, limitsMemory: Bool
    ) throws -> (findings: [Finding], death: Death?) {
        let scratch = "\(material.directory)/worker-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        let report = "\(scratch)/report", errors = "\(scratch)/errors"
        let arguments =
            [
                "worker", "--material", material.directory, "--scratch", scratch, "--format", format.name, "--first",
                "\(numbers.lowerBound)", "--end", "\(numbers.upperBound)", "--seed", "\(seed)", "--report", report,
                "--seconds", "\(seconds)",
            ] + (limitsMemory ? [] : ["--unlimited"])
        let child = try ChildProcess(executable, arguments, output: nil, errors: errors)
        // Programs are watched by the worker, and run a second time where they fail. A mutant's time begins when the report
        // grows; before the first one the worker starts and opens the intact file.
        let patience = Duration.seconds(seconds * (1 + 2 * format.programCount))
        var size = 0, deadline = ContinuousClock.now + .seconds(120)
        let end = child.wait {
            var status = stat()
            if stat(report, &status) == 0, Int(status.st_size) != size {
                size = Int(status.st_size)
                deadline = ContinuousClock.now + patience
            }
            return deadline
        }
        let lines = (try? String(contentsOfFile: report, encoding: .utf8))?.split(separator: "\n") ?? []
        let findings = lines.compactMap { line in
            let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
            return words.count == 4 && words[0] == "end" ? finding(format.name, words) : nil
        }
        if end == .exit(0), findings.count == numbers.count { return (findings, nil) }
        let words = (try? String(contentsOfFile: errors, encoding: .utf8)) ?? ""
        guard lines.last?.hasPrefix("begin ") == true else {
            throw Failure(
                end == .exit(ExitStatus.interrupted.rawValue) ? .interrupted : .failed,
                "the worker ended (\(end)) outside of a mutant: \(words.suffix(400))", at: format.name)
        }
        return (findings, Death(end: end, words: String(words.suffix(300))))
    }

    private func finding(_ format: String, _ words: [String]) -> Finding? {
        guard let number = Int(words[1]), let verdict = Verdict(rawValue: words[2]) else { return nil }
        return Finding(format: format, number: number, verdict: verdict, detail: words[3])
    }
}
