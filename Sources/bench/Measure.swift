// How things are measured: whole processes by the system's own account, kernels by the clock, medians of several runs.

import Foundation
import PipelineKit

/// What a process took.
struct ProcessCost {
    var wallSeconds: Double
    var cpuSeconds: Double
    var peakBytes: Int
}

/// The middle one of several values; the lower of two.
func median<Value: Comparable>(_ values: [Value]) -> Value {
    precondition(!values.isEmpty, "a median of nothing")
    return values.sorted()[(values.count - 1) / 2]
}

/// Runs a program to its end and takes the system's account of it (wait4).
///
/// - Returns: its cost and what it printed to stdout.
/// - Throws: `Failure` where it cannot be started or does not end with 0.
func runProcess(_ program: String, _ arguments: [String]) throws -> (cost: ProcessCost, output: String) {
    let output = FileManager.default.temporaryDirectory.appendingPathComponent("bench-\(UUID().uuidString)").path
    defer { unlink(output) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, output + ".err", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    defer { unlink(output + ".err") }
    var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var child = pid_t()
    let start = ContinuousClock.now
    guard posix_spawnp(&child, program, &actions, nil, &words, environ) == 0 else {
        throw Failure(.badUsage, "cannot be started", at: program, remedy: "build it, or check the path")
    }
    var status: Int32 = 0
    var usage = rusage()
    while wait4(child, &status, 0, &usage) < 0, errno == EINTR {}
    let wall = (ContinuousClock.now - start).seconds
    guard status == 0 else {
        let words = (try? String(contentsOfFile: output + ".err", encoding: .utf8))?.suffix(400) ?? ""
        throw Failure(.failed, "ended with status \(status >> 8): \(words)", at: program)
    }
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    let cost = ProcessCost(
        wallSeconds: wall, cpuSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        peakBytes: Int(usage.ru_maxrss) * 1024)
    return (cost, try String(contentsOfFile: output, encoding: .utf8))
}

/// The median time of `body` in seconds, after one call that does not count.
func time(runs: Int, _ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    return try median(of: runs, clock: { (ContinuousClock.now - start).seconds }, body)
}

/// The same in seconds of this process's CPU time, which other programs on the machine disturb less.
func cpuTime(runs: Int, _ body: () throws -> Void) rethrows -> Double {
    func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
    return try median(of: runs, clock: now, body)
}

private func median(of runs: Int, clock: () -> Double, _ body: () throws -> Void) rethrows -> Double {
    try body()
    return try median(
        (0..<runs).map { _ in
            let start = clock()
            try body()
            return clock() - start
        })
}
