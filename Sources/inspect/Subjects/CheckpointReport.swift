// A checkpoint, an adapter, or any directory of safetensors: what it is, where training stood, its tensors.

import Foundation
import PipelineKit

/// What a checkpoint directory holds.
struct CheckpointReport: Report {
    struct Tensor {
        var file: String
        var name: String
        var elementType: ElementType
        var shape: [Int]
        var count: Int
        var bytes: Int
        /// Euclidean norm of the values; nil where they are integers.
        var norm: Double?
        var isFinite: Bool
    }

    let directory: String
    let config: JSONValue?
    let adapter: JSONValue?
    let trainerState: JSONValue?
    let tensors: [Tensor]

    /// Reads headers and values of every safetensors file in `directory`, the optimizer's aside.
    init(directory: String) throws {
        self.directory = directory
        config = try Self.document("config.json", in: directory)
        adapter = try Self.document("adapter_config.json", in: directory)
        trainerState = try Self.document("trainer_state.json", in: directory)
        let files = try FileManager.default.contentsOfDirectory(atPath: directory)
            .filter { $0.hasSuffix(".safetensors") && $0 != "optimizer.safetensors" }.sorted()
        guard !files.isEmpty else {
            throw Failure(
                .badData, "no safetensors file", at: directory.escapedForTerminal,
                remedy: "a checkpoint has model.safetensors; PyTorch's .bin and .pt files are not read")
        }
        tensors = try files.flatMap { name in
            let file = try SafetensorsFile(path: "\(directory)/\(name)")
            return try file.tensors.map { tensor in
                try Interrupt.check()
                let squares = tensor.sumOfSquares
                return Tensor(
                    file: name, name: tensor.name, elementType: tensor.elementType, shape: tensor.shape,
                    count: tensor.count, bytes: tensor.bytes.count, norm: squares?.squareRoot(),
                    isFinite: squares?.isFinite ?? true)
            }
        }
    }

    private static func document(_ name: String, in directory: String) throws -> JSONValue? {
        let path = "\(directory)/\(name)"
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        return try JSONValue(contentsOfFile: path)
    }

    private var kind: String {
        if adapter != nil { return "adapter (PEFT)" }
        return config?["model_type"]?.stringValue.map { "model of type \($0)" } ?? "tensors"
    }

    private var parameterCount: Int { tensors.reduce(0) { $0 + $1.count } }

    var text: String {
        var lines = [
            "\(directory.escapedForTerminal): \(kind.escapedForTerminal), \(counted(parameterCount, "parameter")), "
                + "\(bytesText(tensors.reduce(0) { $0 + $1.bytes })) in \(counted(tensors.count, "tensor"))"
        ]
        if let state = trainerState?.objectValue {
            let known = ["step", "epoch", "loss"].compactMap { key in
                state[key].map { "\(key) \($0.pythonDump(ascii: false))" }
            }
            if !known.isEmpty { lines.append("saved at " + known.joined(separator: ", ").escapedForTerminal) }
        }
        let broken = tensors.filter { !$0.isFinite }
        if !broken.isEmpty {
            lines.append("NaN or infinity in: \(broken.map(\.name).joined(separator: ", ").escapedForTerminal)")
        }
        var table = Table([
            ("tensor", .left), ("type", .left), ("shape", .left), ("parameters", .right), ("norm", .right),
        ])
        for tensor in tensors {
            table.add([
                tensor.name, tensor.elementType.safetensorsName,
                "[\(tensor.shape.map(String.init).joined(separator: ", "))]", countText(tensor.count),
                tensor.norm.map { numberText($0, 4) } ?? "",
            ])
        }
        return lines.joined(separator: "\n") + "\n\n" + table.rendered(indent: 2)
    }

    var json: JSONObject {
        var object: JSONObject = ["kind": "checkpoint", "parameters": .int(parameterCount)]
        object["config"] = config
        object["adapter_config"] = adapter
        object["trainer_state"] = trainerState
        object["tensors"] = .array(
            tensors.map { tensor in
                [
                    "file": .string(tensor.file), "name": .string(tensor.name),
                    "type": .string(tensor.elementType.safetensorsName), "shape": .array(tensor.shape.map { .int($0) }),
                    "norm": tensor.norm.flatMap { $0.isFinite ? .double($0) : nil } ?? .null,
                    "finite": .bool(tensor.isFinite),
                ]
            })
        return object
    }
}

extension SafetensorsTensor {
    /// The sum of the squared values; nil for integers and booleans.
    fileprivate var sumOfSquares: Double? {
        func sum<Stored: BitwiseCopyable>(_ type: Stored.Type, _ value: (Stored) -> Double) -> Double {
            var total = 0.0
            for offset in stride(from: 0, to: bytes.count, by: MemoryLayout<Stored>.size) {
                let x = value(bytes.loadUnaligned(fromByteOffset: offset, as: Stored.self))
                total += x * x
            }
            return total
        }
        switch elementType {
        case .float32: return sum(Float.self) { Double($0) }
        case .float64: return sum(Double.self) { $0 }
        case .float16: return sum(Float16.self) { Double($0) }
        case .bfloat16: return sum(UInt16.self) { Double(Float(bitPattern: UInt32($0) << 16)) }
        default: return nil
        }
    }
}
