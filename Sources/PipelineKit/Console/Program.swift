// The one `main`: parses the command line, runs the command, tells errors, sets the exit code.

import ArgumentParser
import Foundation

/// Runs `command` with the process's arguments and never returns.
///
/// Exit codes are those of `ExitStatus`; ArgumentParser's own code for a usage error (64) becomes 2. An error is told on
/// stderr as `PROGRAM: error: WHERE: WHAT; REMEDY`, without a stack trace.
public func runMain<Command: ParsableCommand>(_ command: Command.Type) -> Never {
    openStandardFiles()
    Interrupt.install()
    ProcessMemory.prepare()
    // Workers share the cores sample by sample, and a product that spread over them would sum in another order for another
    // number; what computes one thing at a time asks for more.
    BLAS.setThreads(1)
    BLAS.endIdleThreads()
    do {
        var parsed = try command.parseAsRoot()
        try parsed.run()
        exit(ExitStatus.done.rawValue)
    } catch {
        let code = command.exitCode(for: error)
        if code.isSuccess {  // --help, --version
            Console.print(command.fullMessage(for: error))
            exit(ExitStatus.done.rawValue)
        }
        if error is any PersonReadable || error is Failure {
            let failure = Failure(error)
            Console.writeLine(
                "\(CommandLine.programName): \(failure.status == .interrupted ? "" : "error: ")\(failure)")
            exit(failure.status.rawValue)
        }
        if let exitCode = error as? ExitCode { exit(exitCode.rawValue) }
        if code == .validationFailure {
            Console.writeLine(command.fullMessage(for: error))
            exit(ExitStatus.badUsage.rawValue)
        }
        Console.writeLine("\(CommandLine.programName): error: \(Failure(error))")
        exit(ExitStatus.failed.rawValue)
    }
}

/// Puts /dev/null in the place of standard files that are closed. Else the next file that is opened would get the number of
/// stderr, and a line of the log would land in a shard.
private func openStandardFiles() {
    for number in STDIN_FILENO...STDERR_FILENO where fcntl(number, F_GETFD) < 0 { _ = open("/dev/null", O_RDWR) }
}
