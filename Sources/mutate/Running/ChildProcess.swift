// Processes that may die: started with their output in files, watched without waiting, killed when they take too long.

import Foundation
import PipelineKit

/// How a process ended.
enum ProcessEnd: Sendable, Equatable {
    case exit(Int32)
    case signal(Int32)
    /// Killed here, because it took too long.
    case timeout
}

/// A process that was started here.
struct ChildProcess {
    private let pid: pid_t

    /// - Parameters:
    ///   - output: the file that takes standard output; nil for none.
    ///   - errors: the file that takes standard error.
    ///   - dataBytes: a limit on the memory that it may take (RLIMIT_DATA); nil for none.
    init(_ program: String, _ arguments: [String], output: String?, errors: String, dataBytes: Int? = nil) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let flags = O_WRONLY | O_CREAT | O_TRUNC
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output ?? "/dev/null", flags, 0o644)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors, flags, 0o644)
        // Limits are set by a shell, in the process itself and nowhere else.
        let limits = "ulimit -c 0" + (dataBytes.map { "; ulimit -d \($0 / 1_024)" } ?? "") + "; exec \"$@\""
        var words = (["/bin/bash", "-c", limits, "bash", program] + arguments).map { strdup($0) } + [nil]
        // A trace of a crash takes seconds, and there may be many.
        var variables: [UnsafeMutablePointer<CChar>?] =
            ProcessInfo.processInfo.environment.filter { $0.key != "SWIFT_BACKTRACE" }
            .map { strdup("\($0.key)=\($0.value)") } + [strdup("SWIFT_BACKTRACE=enable=no"), nil]
        defer {
            for word in words { free(word) }
            for variable in variables { free(variable) }
        }
        var child = pid_t()
        let code = posix_spawn(&child, "/bin/bash", &actions, nil, &words, &variables)
        guard code == 0 else { throw FileError("start the program", program, code: code) }
        pid = child
    }

    /// How it ended; nil while it runs.
    func poll() -> ProcessEnd? {
        var status: Int32 = 0
        let result = waitpid(pid, &status, WNOHANG)
        guard result == pid else { return nil }
        let signal = status & 0x7F
        return signal == 0 ? .exit(status >> 8 & 0xFF) : .signal(signal)
    }

    /// Ends it at once.
    func kill() {
        Foundation.kill(pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    }

    /// Waits for its end, at most as long as `deadline` says, which is asked again and again.
    func wait(until deadline: () -> ContinuousClock.Instant) -> ProcessEnd {
        var pause: useconds_t = 500
        while true {
            if let end = poll() { return end }
            if ContinuousClock.now > deadline() {
                kill()
                return .timeout
            }
            usleep(pause)
            pause = min(10_000, pause + 500)
        }
    }
}
