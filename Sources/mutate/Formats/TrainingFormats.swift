// What train reads: its config, a model's config, the files of a checkpoint that a run goes on from, and shards that no hash
// vouches for.

import PipelineKit

extension Format {
    static let training: [Format] =
        [
            Format(
                name: "training config, YAML", folder: "config", file: "config.yaml", kind: .text, weight: 3,
                programCount: 2,
                open: { place in
                    let said = try features(place, config: place.file, model: nil)
                    // Also the step plan, the model's sizes and the memory that they would take.
                    let flags = ["--data-path", place.material.folder("work"), "--output-dir", try place.fresh("run")]
                    try place.programs.run(
                        "train", ["check", "--config", place.file, "--threads", "1"] + flags, scratch: place.scratch,
                        mayDiverge: true)
                    return said
                }),
            Format(
                name: "model, config.json", folder: "model", file: "config.json", kind: .text, weight: 2,
                programCount: 1,
                open: { place in
                    try features(place, config: place.material.folder("config/config.yaml"), model: place.folder)
                }),
        ]
        + [
            ("trainer_state.json", FileKind.text), ("config.json", .text), ("model.safetensors", .binary),
            ("optimizer.safetensors", .binary),
        ].map { file, kind in
            Format(
                name: "checkpoint, \(file)", folder: "run", file: "checkpoint-1/\(file)", kind: kind, writes: true,
                weight: 1, programCount: 1,
                open: { place in
                    try trained(place, work: place.material.folder("work"), run: place.folder, flags: ["--resume"])
                })
        }
        + [
            ("adapter", "adapter_config.json", FileKind.text), ("adapter", "adapter_model.safetensors", .binary),
            ("sharded", "model.safetensors.index.json", .text), ("sharded", "config.json", .text),
        ].map { folder, file, kind in
            Format(
                name: "\(folder) \(file) for merge", folder: folder, file: file, kind: kind, weight: 1, programCount: 1,
                open: { place in
                    let isAdapter = folder == "adapter"
                    return try merged(
                        place, model: isAdapter ? place.material.folder("model") : place.folder,
                        adapter: isAdapter ? place.folder : place.material.folder("adapter"))
                })
        }
        + ["samples", "codes"].map { stage in
            Format(
                name: "\(stage) for train, no hashes", folder: "bare-work", file: "\(stage)/shard.00000.mds",
                kind: .binary, weight: 1, programCount: 1,
                open: { place in try trained(place, work: place.folder, run: place.fresh("run"), flags: []) })
        }

    /// `train features`, which reads the configs and nothing else.
    private static func features(_ place: Place, config: String, model: String?) throws -> UInt64 {
        let flags = ["features", "--config", config] + (model.map { ["--model", $0] } ?? [])
        return XXH64.hash(try place.programs.run("train", flags, scratch: place.scratch).utf8)
    }

    /// The weights that `train merge` makes of a model and an adapter.
    private static func merged(_ place: Place, model: String, adapter: String) throws -> UInt64 {
        let output = try place.fresh("merged")
        try place.programs.run(
            "train", ["merge", "--model", model, "--adapter", adapter, "--output", output], scratch: place.scratch,
            mayDiverge: true)
        return try MappedFile(path: "\(output)/model.safetensors").withBytes { XXH64.hash($0) }
    }

    private static func trained(_ place: Place, work: String, run: String, flags: [String]) throws -> UInt64 {
        let config = place.material.folder("config/config.yaml")
        try place.programs.run(
            "train",
            ["run", "--config", config, "--data-path", work, "--output-dir", run, "--threads", "1"] + flags,
            scratch: place.scratch, mayDiverge: true)
        return try MappedFile(path: "\(run)/final/model.safetensors").withBytes { XXH64.hash($0) }
    }
}
