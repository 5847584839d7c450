// train merge: W + scale · B · A in place of each W, as peft's merge_and_unload computes it, in the layout, the types and
// the files of the base. Tensors are streamed; the result is compared by its logits before it takes its name.

import Foundation
import PipelineKit

/// What a merge did.
struct MergeReport: Sendable, Equatable {
    var proof: AdapterProof
    /// max |logits of the merged model − logits of base and adapter|, over the probe.
    var distance: Double
    /// The narrowest type of the tensors that were merged.
    var type: ElementType
    var fileNames: [String]

    /// Whether rounding to the base's type took a tenth of the adapter's effect or more.
    var isCoarse: Bool { distance > 0.1 * proof.logitsChange }
}

/// One merge.
struct AdapterMerge {
    let base: String
    let adapter: String
    let output: String
    var shardBytes = SafetensorsSet.defaultShardBytes

    /// Files that belong to a model's directory and do not change with its weights.
    private static let companions = [
        "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "chat_template.jinja", "processor_config.json", "preprocessor_config.json",
    ]

    /// Merges, checks, and gives the directory its name.
    /// - Throws: `AdapterError`, `CheckpointError`, `FileError`; nothing is left at `output` then.
    func run() throws -> MergeReport {
        let files = FileManager.default
        let path = URL(fileURLWithPath: output).standardizedFileURL.path
        guard !files.fileExists(atPath: path) else {
            throw Failure(
                .badUsage, "the output exists already", at: output.escapedForTerminal, remedy: "name a new --output")
        }
        let model = try HiggsModel(loading: base, adapter: adapter)
        let proof = try AdapterProof.check(model, in: adapter, base: base)
        try proof.requireChange(adapter)
        let partial = path + CheckpointName.partialSuffix
        try DiskCheck.require(model.baseBytes, for: "the merged model", near: path)
        try FileTree.remove(partial)
        try files.createDirectory(atPath: partial, withIntermediateDirectories: true)
        do {
            try write(model, to: partial)
            let report = try verify(partial, model, proof)
            guard rename(partial, path) == 0 else { throw FileError("rename to \(path)", partial) }
            return report
        } catch {
            try? FileTree.remove(partial)
            throw error
        }
    }

    private func write(_ model: HiggsModel, to directory: String) throws {
        var writer = SafetensorsWriter()
        let targets = Set(model.parts.adapter?.targets ?? [])
        for entry in model.parameters.entries where entry.isBase {
            writer.add(entry.name, elementType: entry.storedType, shape: entry.shape) { sink in
                try Interrupt.check()
                if targets.contains(entry.key) {
                    try model.writeMerged(entry, to: sink)
                } else if let mapped = entry.mapped {
                    try sink(mapped.bytes)
                } else {
                    try HiggsModel.write(
                        UnsafeBufferPointer(model.parameters.values(entry)), as: entry.storedType, to: sink)
                }
            }
        }
        try withExtendedLifetime(model) { try writer.write(toModel: directory, shardBytes: shardBytes) }
        for name in Self.companions where DataSource.exists(base + "/" + name) {
            try FileManager.default.copyItem(atPath: base + "/" + name, toPath: directory + "/" + name)
        }
        try FileManager.default.copyItem(
            atPath: base + "/" + HiggsModel.configName, toPath: directory + "/" + HiggsModel.configName)
    }

    /// Reads the merged model and computes the probe with it.
    private func verify(_ directory: String, _ model: HiggsModel, _ proof: AdapterProof) throws -> MergeReport {
        let merged = try HiggsModel(loading: directory, parts: .nothing)
        let wanted = try ProbedLogits(model)
        let got = try ProbedLogits(merged)
        guard got.isFinite else {
            throw Failure(
                .badData, "merged into the weights, the adapter's values are too large: logits are no numbers any more",
                at: adapter.escapedForTerminal, remedy: "check the adapter's file, or keep base and adapter apart")
        }
        let distance = Double(got.distance(wanted))
        let targets = Set(model.parts.adapter?.targets ?? [])
        let types = model.parameters.entries.filter { targets.contains($0.key) }.map(\.storedType)
        let type = types.min { $0.byteCount < $1.byteCount } ?? .float32
        let report = MergeReport(
            proof: proof, distance: distance, type: type, fileNames: merged.parameters.files?.fileNames ?? [])
        // Floats round in the last bits; a narrower type rounds weights, and must leave the adapter's effect recognisable.
        let bound = type.byteCount >= 4 ? 1e-4 * (1 + Double(wanted.scale)) : 0.5 * proof.logitsChange
        guard distance < bound else {
            throw AdapterError.notProven(
                path: output,
                problem: "the merged model's logits differ by \(distance) from those of base and adapter, which moves "
                    + "them by \(proof.logitsChange)",
                remedy: type.byteCount >= 4
                    ? "do not use it: this is a fault of the program"
                    : "the adapter is lost in the rounding to \(type.safetensorsName): keep base and adapter apart")
        }
        return report
    }
}

extension TrainedParts {
    /// For a model that only computes.
    static let nothing = TrainedParts(frozen: Set(ParameterGroup.allCases))
}

extension HiggsModel {
    /// Bytes of the base's tensors as checkpoints hold them.
    var baseBytes: Int {
        parameters.entries.reduce(0) { $0 + ($1.isBase ? $1.count * $1.storedType.byteCount : 0) }
    }

    /// Hands over W + scale · B · A, some rows at a time.
    fileprivate func writeMerged(_ entry: ParameterStore.Entry, to sink: SafetensorsWriter.ByteSink) throws {
        guard let plan = parts.adapter else { preconditionFailure("the model has no adapter") }
        let a = parameters[.adapter(entry.key, .a)].value, b = parameters[.adapter(entry.key, .b)].value
        let weight = parameters.weight(entry.key).values
        let step = max(1, (1 << 20) / weight.columns)
        for start in stride(from: 0, to: weight.rows, by: step) {
            let rows = start..<min(start + step, weight.rows)
            let block = parameters.workspace.matrix(.block, rows.count, weight.columns)
            weight.read(rows, into: block.base)
            multiply(b.rows(rows), a, alpha: plan.scale, beta: 1, into: block)
            try Self.write(UnsafeBufferPointer(block.buffer), as: entry.storedType, to: sink)
        }
    }
}
