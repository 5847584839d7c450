// Ctrl-C and SIGTERM: the first asks the program to finish or discard the work in hand, the second ends it at once.

import Foundation
import Synchronization

/// The request to stop, as seen by loops.
public enum Interrupt {
    private static let requested = Atomic<Bool>(false)

    /// Installs the handlers for SIGINT and SIGTERM. Called once, by the program's `main`.
    ///
    /// Both are unblocked: a program started from a thread that blocks signals (those of libdispatch do) inherits that, and
    /// could not be stopped.
    public static func install() {
        var numbers = sigset_t()
        sigemptyset(&numbers)
        for number in [SIGINT, SIGTERM] { sigaddset(&numbers, number) }
        pthread_sigmask(SIG_UNBLOCK, &numbers, nil)
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                // Only async-signal-safe work here: an atomic store and `signal` itself.
                Interrupt.requested.store(true, ordering: .relaxed)
                signal(number, SIG_DFL)
            }
        }
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)  // a limit on the size of files (ulimit -f) is an error of the write, EFBIG
    }

    /// Whether a stop was asked for.
    public static var isRequested: Bool { requested.load(ordering: .relaxed) }

    /// Throws `Interrupted` if a stop was asked for. Loops call it between units of work.
    public static func check() throws {
        if isRequested { throw Interrupted() }
    }
}
