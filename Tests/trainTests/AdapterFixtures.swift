// A synthetic WORK with a base of its own: what adapters are trained on in tests.

import Foundation
import PipelineKit
import TestSupport

@testable import train

struct AdapterWork {
    let root: String
    let work = SyntheticWork()

    var base: String { root + "/base" }
    func run(_ name: String) -> String { root + "/" + name }

    /// - Parameter type: of the base's weights.
    init(_ root: String, type: ElementType = .float32, hasTower: Bool = true) throws {
        self.root = root
        try work.write(to: root + "/work")
        let described = try RunSetup(work.config(work: root + "/work", run: root + "/none"))
        let model = try described.model()
        try FileManager.default.createDirectory(atPath: root + "/base", withIntermediateDirectories: true)
        try model.save(to: root + "/base")
        if type != .float32 { try Self.convert(root + "/base", to: type) }
    }

    /// Writes a model's weights again in another type.
    static func convert(_ directory: String, to type: ElementType, shardBytes: Int = .max) throws {
        let file = try SafetensorsFile(path: directory + "/model.safetensors")
        var writer = SafetensorsWriter()
        for tensor in file.tensors {
            let bytes = try file.floats(tensor.name).withUnsafeBufferPointer { narrowed($0, to: type) }
            writer.add(tensor.name, elementType: type, shape: tensor.shape) { sink in
                try bytes.withUnsafeBytes { try sink($0) }
            }
        }
        try FileManager.default.removeItem(atPath: directory + "/model.safetensors")
        try writer.write(toModel: directory, shardBytes: shardBytes)
    }

    static let lora = [
        "lora.r=3", "lora.lora_alpha=6", "lora.lora_dropout=0.25", "training.learning_rate=0.02",
        "training.gradient_accumulation_steps=2",
    ]

    func config(_ name: String, _ overrides: [String] = Self.lora, adapter: String? = nil) throws -> TrainConfig {
        var all = ["model=\(base)"] + overrides
        if let adapter { all.append("adapter=\(adapter)") }
        return try work.config(work: root + "/work", run: run(name), all)
    }

    @discardableResult
    func train(
        _ name: String, _ overrides: [String] = Self.lora, adapter: String? = nil, resumes: Bool = false,
        hooks: TrainRun.Hooks = TrainRun.Hooks()
    ) throws -> String {
        let mode = RunMode(resumes: resumes, replaces: false)
        return try TrainSession(
            config: config(name, overrides, adapter: adapter), mode: mode, threads: 1, hooks: hooks
        ).run()
    }

    /// A batch of the first two rows.
    func batch(_ setup: RunSetup) throws -> PackedBatch {
        try ShardCache(setup.source, format: setup.format, capacity: 2).batch([0, 1])
    }
}

/// The bytes of a file.
func fileBytes(_ path: String) throws -> [UInt8] { try MappedFile(path: path).withBytes { Array($0) } }

/// Changes a JSON object on disk.
func rewrite(_ path: String, _ change: (inout JSONObject) -> Void) throws {
    guard var object = try JSONValue(contentsOfFile: path).objectValue else { return }
    change(&object)
    try AtomicFile.write(Array(JSONValue.object(object).pretty().utf8), to: path)
}
