// What inspect shows of files that no hash vouches for: rows of every directory, records, metrics.

import PipelineKit

extension Format {
    static let looks: [Format] =
        Material.bareStages.map { stage in
            Format(
                name: "\(stage) for inspect, no hashes", folder: "bare-work", file: "\(stage)/shard.00000.mds",
                kind: .binary, weight: 1, programCount: 2,
                open: { place in try look(place, ["\(place.folder)", "--verify"]) })
        }
        + Material.stages.map { stage in
            Format(
                name: "\(stage)/stage.json for inspect", folder: "work", file: "\(stage)/stage.json", kind: .text,
                weight: 1, programCount: 2, open: { place in try look(place, ["\(place.folder)"]) })
        }
        + [
            Format(
                name: "audio for inspect, no hashes", folder: "bare/audio", file: "shard.00000.mds", kind: .binary,
                weight: 1, programCount: 2, open: { place in try look(place, [place.folder, "--sample", "0"]) }),
            Format(
                name: "metrics.jsonl", folder: "finished-run", file: "metrics.jsonl", kind: .text, weight: 1,
                programCount: 2,
                open: { place in try look(place, [place.folder]) }),
            Format(
                name: "trainer_state.json for inspect", folder: "finished-run", file: "final/trainer_state.json",
                kind: .text, weight: 1, programCount: 2, open: { place in try look(place, [place.folder]) }),
        ]

    /// The text and the JSON of inspect, which must be harmless on a terminal.
    private static func look(_ place: Place, _ arguments: [String]) throws -> UInt64 {
        let text = try place.programs.run("inspect", arguments, scratch: place.scratch)
        let json = try place.programs.run("inspect", arguments + ["--json"], scratch: place.scratch)
        guard (text + json).isHarmless else {
            throw Fault(verdict: .broken, detail: "inspect prints what moves a cursor")
        }
        return XXH64.hash((text + json).utf8)
    }
}
