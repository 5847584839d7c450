// How many processes a launcher has started. Training is one process that uses all cores; several would train the same
// rows several times over.

import Foundation
import PipelineKit

enum Ranks {
    /// Reads `RANK` and `WORLD_SIZE`, which launchers such as torchrun set.
    ///
    /// A missing or negative rank, or a world of one, is one process: what is normal.
    /// - Throws: `Failure` with status 2 where there are more, or where a number is none.
    static func check(_ environment: [String: String] = ProcessInfo.processInfo.environment) throws -> String {
        func number(_ name: String) throws -> Int? {
            guard let text = environment[name], !text.isEmpty else { return nil }
            guard let value = Int(text) else {
                throw Failure(
                    .badUsage, "'\(text.escapedForTerminal)' is not a number", at: "environment variable \(name)",
                    remedy: "unset it: train needs no launcher")
            }
            return value
        }
        let rank = try number("RANK") ?? -1
        let size = try number("WORLD_SIZE") ?? 1
        guard rank >= 0 else { return "one process" }
        guard rank == 0, size <= 1 else {
            throw Failure(
                .badUsage, "RANK is \(rank) and WORLD_SIZE is \(size), but train is one process",
                at: "environment", remedy: "start it without a launcher; it uses all cores by itself")
        }
        return "one process (RANK 0 of 1)"
    }
}
