// What every program tells a person when something goes wrong, and the exit code that goes with it.
// Not a logger: see Log.swift.

/// The exit codes of every program.
public enum ExitStatus: Int32, Sendable {
    case done = 0
    /// Something failed that is neither the command line nor the data: a full disk, a missing permission, a bug.
    case failed = 1
    /// The command line, a config or a path is wrong; nothing was done.
    case badUsage = 2
    /// The data is damaged, inconsistent or unusable.
    case badData = 3
    /// Ctrl-C or SIGTERM; the same command goes on from there.
    case interrupted = 130
}

/// An error that a person reads: what happened, where, and what to do about it.
///
/// `description` is `WHERE: WHAT; REMEDY`. Domain errors (`MDSError`, `AudioError`, …) conform to `PersonReadable`
/// and turn into one of these at the door.
public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The exit status of a program that ends with this failure.
    public var status: ExitStatus
    /// What happened, with got and expected where they apply. No final full stop.
    public var what: String
    /// A path, line, row id or tensor name; nil where `what` says it.
    public var location: String?
    /// What the person can do; nil where nothing helps.
    public var remedy: String?

    public init(_ status: ExitStatus, _ what: String, at location: String? = nil, remedy: String? = nil) {
        self.status = status
        self.what = what
        self.location = location
        self.remedy = remedy
    }

    public var description: String {
        (location.map { "\($0): " } ?? "") + what + (remedy.map { "; \($0)" } ?? "")
    }
}

/// A typed error of one domain that can be told to a person.
public protocol PersonReadable: Error, CustomStringConvertible {
    /// The error as a person reads it.
    var failure: Failure { get }
}

extension PersonReadable {
    public var description: String { failure.description }
}

/// Ctrl-C or SIGTERM was received and the work in hand has been finished or discarded.
public struct Interrupted: PersonReadable {
    public init() {}

    public var failure: Failure {
        Failure(.interrupted, "interrupted", remedy: "the same command goes on from here")
    }
}

extension Failure {
    /// The failure behind any error: itself, a domain error's, or a plain one that quotes an unknown error.
    public init(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let readable as any PersonReadable: self = readable.failure
        default: self.init(.failed, String(describing: error))
        }
    }
}
