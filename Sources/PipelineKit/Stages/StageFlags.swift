// The flags that every data stage takes.

import ArgumentParser
import Foundation

/// `--workers`, `--replace`, `--compression`, `--json`, `--quiet`. For `@OptionGroup`.
public struct StageFlags: ParsableArguments {
    @Option(help: ArgumentHelp("Threads that work. The output does not depend on it.", valueName: "N"))
    public var workers: Int = ProcessInfo.processInfo.activeProcessorCount

    @Flag(help: "Make a directory anew that was made with other options or from other input.")
    public var replace = false

    @Option(help: ArgumentHelp("Compression of the shards: zstd:1 (fast) to zstd:19.", valueName: "zstd:N"))
    public var compression: ShardCompression?

    @Flag(help: "Print the summary as one JSON object on stdout.")
    public var json = false

    @Flag(help: "Show neither progress nor a summary, only warnings and errors.")
    public var quiet = false

    public init() {}

    public mutating func validate() throws {
        guard (1...1024).contains(workers) else {
            throw ValidationError("--workers \(workers): give a number from 1 to 1024.")
        }
        if compression == ShardCompression.none {
            throw ValidationError("--compression none: give zstd:1 to zstd:19.")
        }
        if quiet { Console.level = .warning }
    }
}
