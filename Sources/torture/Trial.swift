// One target under torture: killed at random moments, resumed by the same command, compared with the undisturbed run.

import Foundation
import PipelineKit

/// What torture of a target found.
struct Finding {
    var target: String
    /// Of the undisturbed run.
    var seconds = 0.0
    /// Signals that were sent.
    var sent = 0
    /// Signals that ended the program before its work was done.
    var landed = 0
    /// Moments at which a directory was looked at: the program frozen, or just killed.
    var looks = 0
    /// Times that the finished work of a killed run was there for the next one, and that it was left as it was.
    var resumes = 0, reused = 0
    /// Rounds that came to their end.
    var rounds = 0
    /// What was not as it must be.
    var differences: [String] = []
}

/// The torture of one target.
struct Trial {
    let target: Target
    let scratch: String
    let binaries: String

    private var new: Content
    private var old: Content
    private(set) var finding: Finding
    /// Signals come within so many seconds: at first what the undisturbed run took, then less while they come too late and
    /// more while they land, since other programs take their part of the machine.
    private var span: Double

    /// Runs both commands undisturbed. The directory of `other` is kept aside, to be replaced again and again.
    init(_ target: Target, scratch: String, binaries: String) throws {
        (self.target, self.scratch, self.binaries) = (target, scratch, binaries)
        finding = Finding(target: target.name)
        span = 0
        try Self.undisturbed(target.program, target.other, scratch, binaries)
        old = try Content(target, in: scratch)
        for output in target.outputs {
            try FileManager.default.createDirectory(atPath: "\(scratch)/old/work", withIntermediateDirectories: true)
            try FileManager.default.moveItem(atPath: "\(scratch)/\(output)", toPath: "\(scratch)/old/\(output)")
        }
        let start = ContinuousClock.now
        try Self.undisturbed(target.program, target.arguments, scratch, binaries)
        finding.seconds = (ContinuousClock.now - start).seconds
        span = finding.seconds
        new = try Content(target, in: scratch)
        guard old.differences(from: new) != [] else {
            throw Failure(.failed, "\(target.name) gives the same with other options: nothing to replace")
        }
    }

    private static func undisturbed(
        _ program: String, _ arguments: [String], _ scratch: String, _ binaries: String
    ) throws {
        let child = try Child("\(binaries)/\(program)", arguments, log: "\(scratch)/log")
        let end = child.wait()
        guard end == .exit(0) else { throw Failure(.failed, "\(program), undisturbed: \(end)\n    \(child.words)") }
    }

    /// Tortures until `kills` signals have landed.
    ///
    /// - Returns: false where the time was up before.
    mutating func run(kills: Int, until deadline: ContinuousClock.Instant, _ random: inout SplitMix64) throws -> Bool {
        while finding.landed < kills {
            guard ContinuousClock.now < deadline else { return false }
            let replaces = random.below(2) == 1
            try lay(replaces)
            try round(replaces: replaces, most: min(1 + random.below(6), kills - finding.landed), &random)
        }
        return true
    }

    /// Puts the outputs into the state before a round: absent, or of other options.
    private func lay(_ replaces: Bool) throws {
        let files = FileManager.default
        for output in target.outputs + (target.kind == .run ? ["run.1"] : []) {
            let path = "\(scratch)/\(output)", aside = "\(scratch)/old/\(output)"
            if files.fileExists(atPath: path) { try files.removeItem(atPath: path) }
            if replaces, files.fileExists(atPath: aside) { try files.copyItem(atPath: aside, toPath: path) }
        }
    }

    /// Kills at most `most` times, lets the last run get through, and compares.
    private mutating func round(replaces: Bool, most: Int, _ random: inout SplitMix64) throws {
        let arguments = target.arguments + (replaces ? ["--replace"] : [])
        let finished = replaces ? [new, old] : [new]
        var kills = 0
        var work: [String: UInt64] = [:]
        while true {
            let child = try Child("\(binaries)/\(target.program)", arguments, log: "\(scratch)/log")
            let signal = kills < most ? Self.signal(&random) : nil
            if let signal {
                let delay = random.uniform() * span, glance = random.uniform()
                if !child.ends(within: delay * glance) { try look(child, finished) }
                if !child.ends(within: delay * (1 - glance)) { child.send(signal) }
                finding.sent += 1
            }
            let end = child.wait()
            try checkReuse(of: work)
            if end == .exit(0) {
                if signal != nil { span = max(0.05, span * 0.9) }
                break
            }
            guard let signal, end == .signal(signal) || signal != SIGKILL && end == .exit(130) else {
                note("\(end) after \(kills) kills: \(child.words)")
                return
            }
            kills += 1
            finding.landed += 1
            span = min(2 * finding.seconds, span * 1.1)
            try look(nil, finished)
            work = try target.finishedWork(in: scratch, finished: new)
            if !work.isEmpty { finding.resumes += 1 }
        }
        finding.rounds += 1
        for difference in try new.differences(from: Content(target, in: scratch)) { note("\(difference) differs") }
        if target.kind == .run, replaces { try checkMovedRun() }
    }

    /// Mostly the signal that nobody can catch, sometimes those of a terminal and of a machine that goes down.
    private static func signal(_ random: inout SplitMix64) -> Int32 {
        switch random.below(8) {
        case 0: SIGTERM
        case 1: SIGINT
        default: SIGKILL
        }
    }

    /// Looks for what claims to be whole and is not.
    private mutating func look(_ child: Child?, _ finished: [Content]) throws {
        var falsehoods: [String] = []
        let looked = try child?.whileFrozen { falsehoods = try target.falsehoods(in: scratch, finished: finished) }
        if child == nil { falsehoods = try target.falsehoods(in: scratch, finished: finished) }
        if looked ?? true { finding.looks += 1 }
        for falsehood in falsehoods { note(falsehood) }
    }

    /// Whether finished work is still the same files.
    private mutating func checkReuse(of work: [String: UInt64]) throws {
        if work.isEmpty { return }
        let changed = work.filter { path, inode in
            var status = stat()
            return stat("\(scratch)/\(path)", &status) != 0 || UInt64(status.st_ino) != inode
        }
        if changed.isEmpty {
            finding.reused += 1
        } else {
            note("done again: \(changed.keys.sorted().joined(separator: ", "))")
        }
    }

    /// The run that was replaced lies aside, as it was.
    private mutating func checkMovedRun() throws {
        let gaps = Snapshot.differences(try Snapshot("\(scratch)/run.1").files, old.outputs["run"]?.files ?? [:])
        if gaps != [] { note("the run moved aside differs: \(gaps.prefix(4).joined(separator: ", "))") }
    }

    private mutating func note(_ what: String) {
        finding.differences.append("\(target.name), round \(finding.rounds): \(what)")
        Console.log.error("\(what)")
    }
}
