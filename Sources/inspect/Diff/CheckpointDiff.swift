// Two checkpoints, adapters or other directories of safetensors: configs by their leaves, tensors by their values.

import Foundation
import PipelineKit

/// The comparison of two checkpoint directories.
struct CheckpointDiff {
    private(set) var differences: Differences
    private let a: String
    private let b: String

    /// - Throws: `SafetensorsError`, `FileError`, `Failure` for a document that is not JSON.
    init(_ a: String, _ b: String) throws {
        (self.a, self.b) = (a, b)
        differences = Differences(kind: "checkpoint", a, b)
        for name in ["config.json", "adapter_config.json", "trainer_state.json"] {
            let mine = try Self.document("\(a)/\(name)"), theirs = try Self.document("\(b)/\(name)")
            if mine != nil || theirs != nil { differences.add(name, comparing: mine, with: theirs) }
        }
        let names = try Set(Self.files(a)).union(Self.files(b)).sorted()
        for name in names { try compareTensors(name) }
    }

    private static func document(_ path: String) throws -> JSONValue? {
        FileManager.default.fileExists(atPath: path) ? try JSONValue(contentsOfFile: path) : nil
    }

    private static func files(_ directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".safetensors") }
    }

    private mutating func compareTensors(_ name: String) throws {
        let paths = ["\(a)/\(name)", "\(b)/\(name)"]
        let isThere = paths.map { FileManager.default.fileExists(atPath: $0) }
        guard isThere[0], isThere[1] else {
            return differences.add(name, ["only in \((isThere[0] ? a : b).escapedForTerminal)"])
        }
        let mine = try SafetensorsFile(path: paths[0]), theirs = try SafetensorsFile(path: paths[1])
        var lines: [String] = []
        var tensors: JSONObject = [:]
        try withExtendedLifetime((mine, theirs)) {
            for tensor in mine.tensors {
                try Interrupt.check()
                guard let other = theirs.tensor(tensor.name) else {
                    lines.append("\(tensor.name.escapedForTerminal): only in \(a.escapedForTerminal)")
                    continue
                }
                guard let difference = TensorDifference(tensor, other) else { continue }
                lines.append("\(tensor.name.escapedForTerminal): \(difference.text)")
                tensors[tensor.name] = difference.json
            }
            for tensor in theirs.tensors where mine.tensor(tensor.name) == nil {
                lines.append("\(tensor.name.escapedForTerminal): only in \(b.escapedForTerminal)")
            }
        }
        differences.add(name, lines, json: ["tensors": .object(tensors)])
    }
}

/// How two tensors of one name differ.
struct TensorDifference {
    /// Both types and shapes, where they are not the same.
    var kinds: (String, String)?
    var elements = 0
    var count = 0
    var largest = 0.0
    /// ‖a − b‖ / ‖a‖, Euclidean; nil where ‖a‖ is 0 or a value is not finite.
    var relative: Double?

    /// nil where the bytes are the same.
    init?(_ a: SafetensorsTensor, _ b: SafetensorsTensor) {
        func kind(_ tensor: SafetensorsTensor) -> String { "\(tensor.elementType.safetensorsName) \(tensor.shape)" }
        guard a.elementType == b.elementType, a.shape == b.shape else {
            kinds = (kind(a), kind(b))
            return
        }
        if a.bytes.elementsEqual(b.bytes) { return nil }
        count = a.count
        var squares = 0.0, norm = 0.0
        func compare<Stored: BitwiseCopyable>(_ type: Stored.Type, _ value: (Stored) -> Double) {
            for offset in stride(from: 0, to: a.bytes.count, by: MemoryLayout<Stored>.size) {
                let x = value(a.bytes.loadUnaligned(fromByteOffset: offset, as: Stored.self))
                let y = value(b.bytes.loadUnaligned(fromByteOffset: offset, as: Stored.self))
                norm += x * x
                if x == y || x.isNaN && y.isNaN { continue }
                elements += 1
                let difference = x - y
                largest = max(largest, difference.isNaN ? .infinity : abs(difference))
                squares += difference * difference
            }
        }
        switch a.elementType {
        case .float16: compare(Float16.self) { Double($0) }
        case .bfloat16: compare(UInt16.self) { Double(Float(bitPattern: UInt32($0) << 16)) }
        case .float32: compare(Float.self) { Double($0) }
        case .float64: compare(Double.self) { $0 }
        case .uint8, .bool: compare(UInt8.self) { Double($0) }
        case .int8: compare(Int8.self) { Double($0) }
        case .uint16: compare(UInt16.self) { Double($0) }
        case .int16: compare(Int16.self) { Double($0) }
        case .uint32: compare(UInt32.self) { Double($0) }
        case .int32: compare(Int32.self) { Double($0) }
        case .uint64: compare(UInt64.self) { Double($0) }
        case .int64: compare(Int64.self) { Double($0) }
        }
        let quotient = (squares / norm).squareRoot()
        relative = quotient.isFinite ? quotient : nil
    }

    var text: String {
        if let kinds { return "\(kinds.0), \(kinds.1)" }
        let share = relative.map { String(format: ", relative norm %.3g", $0) } ?? ""
        return elements == 0
            ? "other bits of the same values (zeros or NaNs)"
            : "\(counted(elements, "element")) of \(countText(count)) differ\(elements == 1 ? "s" : "") by at most "
                + String(format: "%.3g", largest) + share
    }

    var json: JSONValue {
        if let kinds { return ["a": .string(kinds.0), "b": .string(kinds.1)] }
        return [
            "elements": .int(elements), "of": .int(count), "largest": largest.isFinite ? .double(largest) : .null,
            "relative": relative.map { .double($0) } ?? .null,
        ]
    }
}
