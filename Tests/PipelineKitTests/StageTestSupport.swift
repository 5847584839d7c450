// A toy stage and its input, for the tests of the stage runner.

import Foundation
import TestSupport
import Testing

@testable import PipelineKit

/// Multiplies each byte of `audio` by a factor.
struct ToyStage: ShardStage {
    var factor: Int32 = 2
    var outputVersion = 1
    var codec = "a"
    /// Ids that cannot be processed, and with which error.
    var failing: [String: Failure] = [:]

    let name = "featurize"
    var options: JSONObject { ["factor": .int(Int(factor))] }
    var records: JSONObject { ["codec": ["digest": .string(codec)]] }
    let inputColumns = ["id", "audio"]
    let columns = [MDSColumn("id", .str), MDSColumn("product", .ndarray(.int32))]
    let defaultCompression = ShardCompression.zstd(level: 1)

    func process(_ row: MDSRow) throws -> MDSRow {
        let id = try row.string("id")
        if let failure = failing[id] { throw failure.status == .badData ? ClipFailure(clip: 1, failure) : failure }
        let values = try row.bytes("audio").map { Int32($0) * factor }
        return MDSRow([("id", .str(id)), ("product", .array(values))])
    }

    let outputName = "the products"
    func estimatedBytes(of row: MDSRow) -> Int { ((try? row.bytes("audio"))?.count ?? 0) * 4 }

    func counts(of output: MDSRow) throws -> JSONObject {
        let values = try output.array("product", as: Int32.self).values
        return ["values": .int(values.count), "seconds": .double(Double(values.count) / 8)]
    }

    /// Runs the stage, quietly.
    @discardableResult
    func run(
        in directory: String, workers: Int = 3, replace: Bool = false, faultPoint: FaultPoint? = nil
    ) throws -> StageSummary {
        var flags = try StageFlags.parse(["--workers", "\(workers)"] + (replace ? ["--replace"] : []))
        flags.quiet = true
        return try StageRunner(
            stage: self, input: directory + "/audio", output: directory + "/features", flags: flags,
            faultPoint: faultPoint
        ).run()
    }
}

/// A stage was stopped by a fault point, as by a kill.
struct SimulatedKill: Error {}

/// A fault point that stops at the `number`-th step, and counts them.
final class KillSwitch {
    private(set) var steps = 0
    private let number: Int?

    init(at number: Int?) { self.number = number }

    func pass(_ step: String) throws {
        steps += 1
        if steps == number { throw SimulatedKill() }
    }
}

/// Writes `audio/` as ingest would: shards of the given numbers of samples.
func makeToyInput(in directory: String, shards: [Int], salt: UInt8 = 1, saltedShard: Int? = nil) throws {
    let identity = StageIdentity(
        stage: "ingest", outputVersion: 1, options: [:], input: ["manifest": .int(Int(salt) + shards.count)])
    let configuration = MDSConfiguration(
        columns: [MDSColumn("id", .str), MDSColumn("audio", .bytes)], compression: .zstd(level: 1))
    let writer = try ShardDirectoryWriter(
        directory: directory + "/audio", identity: identity, configuration: configuration, replace: true)
    for (number, count) in shards.enumerated() {
        let builder = MDSShardBuilder(configuration: configuration)
        let salt = saltedShard == nil || saltedShard == number ? salt : 1
        for sample in 0..<count {
            let audio = (0...sample * 7 % 31).map { UInt8(truncatingIfNeeded: $0 * 5 + number) &+ salt }
            try builder.append(MDSRow([("id", .str("\(number)-\(sample)")), ("audio", .bytes(audio))]))
        }
        try writer.write(
            builder.finish(), as: number, key: identity.key(of: .int(number)), counts: ["samples": .int(count)])
    }
    try writer.finish(shards: shards.count)
}

/// Every file of a directory by name, hidden ones included.
func files(in directory: String) throws -> [String: [UInt8]] {
    try FileManager.default.contentsOfDirectory(atPath: directory).reduce(into: [:]) { files, name in
        files[name] = Array(try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(name)")))
    }
}

/// What differs between two directories; empty where nothing does.
func differences(_ got: [String: [UInt8]], _ expected: [String: [UInt8]]) -> [String] {
    Set(got.keys).union(expected.keys).sorted().filter { got[$0] != expected[$0] }
}
