// A program that runs beside this one and can be stopped, looked at and killed at any moment. Not a shell: arguments go as
// they are, output goes to a file.

import Foundation
import PipelineKit

/// How a program ended.
enum End: Equatable, CustomStringConvertible {
    case exit(Int32)
    case signal(Int32)

    var description: String {
        switch self {
        case .exit(let code): "exit code \(code)"
        case .signal(let number): "signal \(number)"
        }
    }
}

/// A running program.
final class Child {
    private let pid: pid_t
    private let log: String
    private(set) var end: End?

    /// Starts `program` in this process's directory; what it says goes to the file `log`.
    init(_ program: String, _ arguments: [String], log: String) throws {
        self.log = log
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var child = pid_t()
        guard posix_spawn(&child, program, &actions, nil, &words, environ) == 0 else {
            throw Failure(.badUsage, "cannot be started", at: program, remedy: "build it first")
        }
        pid = child
    }

    /// Whether it ends within `seconds`.
    func ends(within seconds: Double) -> Bool {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while !poll(WNOHANG) {
            let rest = (deadline - .now).seconds
            if rest <= 0 { return false }
            usleep(UInt32(min(rest, 0.001) * 1e6))
        }
        return true
    }

    /// Waits for its end.
    func wait() -> End {
        while true { if poll(0), let end { return end } }
    }

    /// Sends a signal, unless it has ended.
    func send(_ signal: Int32) {
        if !poll(WNOHANG) { kill(pid, signal) }
    }

    /// Calls `body` while the program stands still; false, without a call, where it has ended.
    func whileFrozen(_ body: () throws -> Void) rethrows -> Bool {
        send(SIGSTOP)
        var status: Int32 = 0
        // WUNTRACED reports the stop: from then on no thread of it runs.
        while end == nil {
            let got = waitpid(pid, &status, WUNTRACED)
            if got < 0, errno == EINTR { continue }
            if status & 0xFF == 0x7F { break }
            note(status)
        }
        guard end == nil else { return false }
        defer { kill(pid, SIGCONT) }
        try body()
        return true
    }

    /// What it has said, the last lines of it.
    var words: String {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(4).joined(separator: "\n    ")
    }

    private func poll(_ options: Int32) -> Bool {
        if end != nil { return true }
        var status: Int32 = 0
        if waitpid(pid, &status, options) == pid { note(status) }
        return end != nil
    }

    private func note(_ status: Int32) {
        end = status & 0x7F == 0 ? .exit(status >> 8 & 0xFF) : .signal(status & 0x7F)
    }
}
