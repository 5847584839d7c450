// Logs go to stderr through swift-log: `level: message` where it matters, the bare message at `info`.

import Foundation
import Logging
import Synchronization

/// A handler that writes plain lines to stderr and clears a progress bar first.
struct StderrHandler: LogHandler {
    let program: String
    var logLevel: Logger.Level = .info
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let prefix = event.level <= .info ? "" : "\(event.level): "
        Console.writeLine("\(program): \(prefix)\(event.message)")
    }
}

/// The one place that writes to stderr, so that lines and a progress bar never mix.
public enum Console {
    private static let progressShown = Mutex(false)

    /// Whether stderr is a terminal.
    public static let isTerminal = isatty(STDERR_FILENO) == 1

    /// The program's logger. `run` sets its level; libraries only log through it.
    public static let log = Logger(label: CommandLine.programName) { StderrHandler(program: $0, logLevel: level) }

    private static let levelStore = Mutex(Logger.Level.info)

    /// The level below which nothing is written; set before the first use of `log` (`--quiet`: `.warning`).
    public static var level: Logger.Level {
        get { levelStore.withLock { $0 } }
        set { levelStore.withLock { $0 = newValue } }
    }

    /// Writes one line to stderr, above the progress bar if one is shown.
    static func writeLine(_ line: String) {
        progressShown.withLock { shown in
            let clear = shown ? "\r\u{1B}[K" : ""
            shown = false
            tell(clear + line + "\n")
        }
    }

    /// Draws `bar` in place of the last one. Only for terminals.
    static func draw(bar: String) {
        progressShown.withLock { shown in
            shown = true
            tell("\r\u{1B}[K" + bar)
        }
    }

    /// Removes the bar, if one is shown.
    static func eraseBar() {
        progressShown.withLock { shown in
            if shown { tell("\r\u{1B}[K") }
            shown = false
        }
    }

    /// Writes to stderr. A log that cannot be written (a full disk, a closed pipe) does not end the work that it tells of.
    private static func tell(_ text: String) { _ = put(text, STDERR_FILENO) }

    /// Writes a result to stdout. A closed pipe (`inspect … | head`) is no error; a result that is lost otherwise, on a full
    /// disk say, ends the program, since it would look as if there were none.
    public static func print(_ text: String, terminator: String = "\n") {
        let code = put(text + terminator, STDOUT_FILENO)
        guard code == 0 || code == EPIPE else {
            writeLine("\(CommandLine.programName): error: \(FileError("write", "standard output", code: code))")
            exit(ExitStatus.failed.rawValue)
        }
    }

    /// Writes all of a text; the system's error, 0 where there is none.
    private static func put(_ text: String, _ descriptor: Int32) -> Int32 {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if written >= 0 {
                rest = rest.dropFirst(written)
            } else if errno != EINTR {
                return errno
            }
        }
        return 0
    }
}

extension CommandLine {
    /// The program's own name: the last component of the first argument.
    public static var programName: String {
        arguments.first.map { URL(fileURLWithPath: $0).lastPathComponent } ?? "sawt"
    }
}
