import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import inspect

/// What differs between two of a kind.
@Suite struct DiffTests {
    /// The differences between two WORKs, of which the second was changed.
    private func codes(_ change: (inout MiniWork) throws -> Void) throws -> Differences {
        try withTemporaryDirectory { directory in
            var mini = try MiniWork()
            try mini.write(to: "\(directory)/a")
            try change(&mini)
            try mini.write(to: "\(directory)/b")
            return try ShardsDiff(
                ShardsReport(directory: "\(directory)/a/codes"), ShardsReport(directory: "\(directory)/b/codes")
            ).differences
        }
    }

    private func section(_ name: String, of differences: Differences) throws -> JSONValue {
        try #require(differences.json["sections"]?.arrayValue?.first { $0["name"] == .string(name) })
    }

    @Test func `equal directories are equal`() throws {
        let differences = try codes { _ in }
        #expect(differences.areEqual && differences.text.split(separator: "\n").allSatisfy { $0.hasPrefix("=") })
    }

    @Test func `elements, rows and columns are counted and measured`() throws {
        let changed = try codes { work in
            var values = try work.codes[1].array("audio_ids", as: UInt16.self).values
            values[0] += 5
            values[7] += 2
            work.codes[1]["audio_ids"] = .array(values, shape: [MiniWork.codebooks, 22])
        }
        #expect(!changed.areEqual)
        let column = try section("rows", of: changed)["columns"]?["audio_ids"]
        #expect(column?["rows"] == 1 && column?["elements"] == 2 && column?["largest"] == 5.0)
        #expect(column?["first"] == ["b"] && column?["shapes"] == 0)
        #expect(try section("columns", of: changed)["equal"] == true)

        let shaped = try codes { $0.codes[0]["audio_ids_start"] = .array([Int32(0)]) }
        #expect(try section("rows", of: shaped)["columns"]?["audio_ids_start"]?["shapes"] == 1)
    }

    @Test func `rows belong together by their id`() throws {
        let moved = try codes { $0.codes.reverse() }
        #expect(try section("rows", of: moved)["moved"] == 2)
        #expect(try section("rows", of: moved)["columns"] == [:])
        let renamed = try codes { $0.codes[1]["id"] = .str("c") }
        let rows = try section("rows", of: renamed)
        #expect(rows["only_a"] == 1 && rows["only_b"] == 1 && rows["columns"] == [:])
    }

    @Test func `of two checkpoints, the tensors that differ and by how much`() throws {
        let base = fixture("hf/base"), merged = fixture("hf/merged")
        #expect(try CheckpointDiff(base, base).differences.areEqual)
        let differences = try CheckpointDiff(base, merged).differences
        let tensors = try #require(try section("model.safetensors", of: differences)["tensors"]?.objectValue)
        // Exactly those that the adapter has matrices for.
        let adapter = try SafetensorsFile(path: fixture("hf/adapter/adapter_model.safetensors"))
        let adapted = Set(
            adapter.tensors.map(\.name).filter { $0.contains(".lora_A") }.map {
                $0.replacingOccurrences(of: "base_model.model.", with: "")
                    .replacingOccurrences(of: ".lora_A.weight", with: ".weight")
            })
        #expect(!adapted.isEmpty && Set(tensors.members.map(\.key)) == adapted)
        let name = try #require(adapted.sorted().first)
        let mine = try SafetensorsFile(path: base + "/model.safetensors")
        let theirs = try SafetensorsFile(path: merged + "/model.safetensors")
        let a = try mine.floats(name), b = try theirs.floats(name)
        let largest = zip(a, b).map { abs(Double($0) - Double($1)) }.max() ?? 0
        #expect(tensors[name]?["largest"]?.doubleValue == largest && largest > 0)
        let norm = a.reduce(0.0) { $0 + Double($1) * Double($1) }
        let squares = zip(a, b).reduce(0.0) { $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1)) }
        let relative = try #require(tensors[name]?["relative"]?.doubleValue)
        #expect(abs(relative - (squares / norm).squareRoot()) < 1e-12)
        #expect(tensors[name]?["of"] == .int(a.count))
    }
}
