// inspect repair: a lost index.json.

import ArgumentParser
import Foundation
import PipelineKit

struct RepairCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Makes a lost index.json again, byte for byte, from shards and sidecars.",
        discussion: """
            Every shard is read and compared with its hashes first. Where a shard, a sidecar or stage.json is missing, \
            damaged or does not fit the others, nothing is written: then the directory is not whole, and its stage has \
            to run again. In a WORK each directory without an index is repaired. --check writes nothing.

            EXAMPLES
              inspect repair work/codes
              inspect repair work --check
            """)

    @Argument(help: "A shard directory or a WORK.")
    var directory: String

    @Flag(help: "Only say what would be done.")
    var check = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        var repaired: [IndexRepair] = []
        for directory in try directories() {
            // Nobody may write it meanwhile; the check alone leaves no trace.
            let lock = check ? nil : try DirectoryLock(directory: directory)
            try withExtendedLifetime(lock) {
                let repair = try IndexRepair(directory: directory)
                if !check { try repair.write() }
                repaired.append(repair)
            }
        }
        if json {
            let list = repaired.map { repair -> JSONValue in
                [
                    "directory": .string(repair.directory), "shards": .int(repair.shards.count),
                    "samples": .int(repair.shards.reduce(0) { $0 + $1.sampleCount }),
                    "index_digest": .string(XXH64.hash(repair.index).hexDigits), "was_there": .bool(repair.isThere),
                    "written": .bool(!repair.isThere && !check),
                ]
            }
            Console.print(["kind": "repair", "directories": .array(list)])
            return
        }
        for repair in repaired {
            let state = repair.isThere ? "is there and right" : check ? "can be made again" : "made again"
            Console.print(
                "\(repair.directory.escapedForTerminal)/\(MDSIndex.basename): \(state), "
                    + "\(counted(repair.shards.count, "shard")), xxh64 \(XXH64.hash(repair.index).hexDigits)")
        }
        if repaired.isEmpty { Console.print("\(directory.escapedForTerminal): every directory has its index.json") }
    }

    private func directories() throws -> [String] {
        switch try Subject(of: directory) {
        case .shards, .unfinishedShards: return [directory]
        case .work:
            return Subject.workDirectories.map { "\(directory)/\($0)" }.filter {
                FileManager.default.fileExists(atPath: $0)
                    && !FileManager.default.fileExists(atPath: "\($0)/\(MDSIndex.basename)")
            }
        case .run, .checkpoint, .codec:
            throw Failure(
                .badUsage, "neither a shard directory nor a WORK", at: directory.escapedForTerminal,
                remedy: "name the directory that lost its index.json")
        }
    }
}
