// Runs the real programs, as a person would.

import Foundation

/// What a program did.
public struct ProgramResult: Sendable {
    /// The exit code; 128 + n where signal n ended it.
    public var status: Int32
    public var output: String
    public var errors: String
}

/// A built program.
public struct BuiltProgram: Sendable {
    public let name: String
    public let path: String

    /// A program of this package. They lie beside the test bundle that runs.
    public init(_ name: String) {
        let folder = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            .deletingLastPathComponent()
        self.init(path: folder.appendingPathComponent(name).path)
    }

    /// Any program.
    public init(path: String) {
        self.path = path
        name = URL(fileURLWithPath: path).lastPathComponent
    }

    /// Starts the program; its output goes to files in a directory that lives until `finish`.
    ///
    /// - Parameter environment: added to that of the tests.
    public func start(
        _ arguments: [String], in directory: String? = nil, environment: [String: String] = [:]
    ) throws -> RunningProgram {
        try RunningProgram(
            url: URL(fileURLWithPath: path), arguments: arguments, directory: directory, environment: environment)
    }

    /// Runs the program to its end.
    public func run(
        _ arguments: [String], in directory: String? = nil, environment: [String: String] = [:]
    ) throws -> ProgramResult {
        try start(arguments, in: directory, environment: environment).finish()
    }
}

/// A program that runs.
public final class RunningProgram {
    private let process = Process()
    private let scratch: URL

    fileprivate init(
        url: URL, arguments: [String], directory: String?, environment: [String: String]
    ) throws {
        scratch = FileManager.default.temporaryDirectory.appendingPathComponent("sawt-run-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        for name in ["out", "err"] {
            try Data().write(to: scratch.appendingPathComponent(name))
        }
        process.executableURL = url
        process.arguments = arguments
        if !environment.isEmpty {
            process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        }
        if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: scratch.appendingPathComponent("out"))
        process.standardError = try FileHandle(forWritingTo: scratch.appendingPathComponent("err"))
        try process.run()
    }

    /// Sends a signal: SIGINT as Ctrl-C does, SIGKILL as a power cut would.
    public func send(_ signal: Int32) {
        kill(process.processIdentifier, signal)
    }

    /// Whether it still runs.
    public var isRunning: Bool { process.isRunning }

    /// Waits for the end.
    public func finish() throws -> ProgramResult {
        process.waitUntilExit()
        defer { try? FileManager.default.removeItem(at: scratch) }
        func text(_ name: String) throws -> String {
            String(decoding: try Data(contentsOf: scratch.appendingPathComponent(name)), as: UTF8.self)
        }
        let status = process.terminationStatus
        return ProgramResult(
            status: process.terminationReason == .uncaughtSignal ? 128 + status : status,
            output: try text("out"), errors: try text("err"))
    }
}
