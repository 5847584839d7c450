// A stop at every step that changes a file, nothing cleaned up: the next run ends with the bytes of an undisturbed one.

import Foundation
import TestSupport
import Testing

@testable import PipelineKit

@Suite struct StageKillTests {
    /// Runs the stage with a kill at a step; the number of steps passed, and whether the kill came.
    private func kill(
        _ stage: ToyStage, in directory: String, at step: Int?, replace: Bool
    ) throws -> (steps: Int, killed: Bool) {
        let killSwitch = KillSwitch(at: step)
        do {
            try stage.run(in: directory, workers: 2, replace: replace, faultPoint: killSwitch.pass)
        } catch is SimulatedKill {
            return (killSwitch.steps, true)
        }
        return (killSwitch.steps, false)
    }

    /// A directory with an index holds what its stage.json says, whole; without an index nothing is claimed.
    private func checkWholeness(_ directory: String, _ step: Int) throws {
        let features = directory + "/features"
        guard access(features + "/index.json", F_OK) == 0 else { return }
        let record = try #require(try StageRecord(directory: features), "step \(step): an index without a record")
        let factor = Int32(record.identity.options["factor"]?.intValue ?? 0)
        let input = try MDSReader(directory: directory + "/audio")
        let output = try MDSReader(directory: features)
        // The toy input of these tests is the same for every factor, and longer before it was cut.
        for sample in 0..<min(input.sampleCount, output.sampleCount) {
            let expected = try input.row(sample).bytes("audio").map { Int32($0) * factor }
            #expect(try output.row(sample).array("product", as: Int32.self).values == expected, "step \(step)")
        }
        for number in output.shards.indices { _ = try output.shard(number) }
    }

    @Test func `a fresh directory`() throws {
        try withTemporaryDirectory { directory in
            try makeToyInput(in: directory, shards: [3, 1, 7])
            let (steps, _) = try kill(ToyStage(), in: directory, at: nil, replace: false)
            let expected = try files(in: directory + "/features")
            // .stage.json, three shards with sidecars, stage.json, index.json: five steps a file.
            #expect(steps == 9 * 5)
            for step in 1...steps {
                try FileManager.default.removeItem(atPath: directory + "/features")
                #expect(try kill(ToyStage(), in: directory, at: step, replace: false).killed, "step \(step)")
                try checkWholeness(directory, step)
                try ToyStage().run(in: directory)
                #expect(differences(try files(in: directory + "/features"), expected) == [], "step \(step)")
            }
        }
    }

    @Test func `a directory of other options, longer than the new content`() throws {
        try withTemporaryDirectory { directory in
            try makeToyInput(in: directory, shards: [3, 1, 7, 2])
            try ToyStage(factor: 5).run(in: directory)
            let old = try files(in: directory + "/features")
            try makeToyInput(in: directory, shards: [3, 1, 7])
            let (steps, _) = try kill(ToyStage(), in: directory, at: nil, replace: true)
            let expected = try files(in: directory + "/features")
            #expect(steps > 9 * 5)
            for step in 1...steps {
                try FileManager.default.removeItem(atPath: directory + "/features")
                try DirectoryLock.makeDirectory(directory + "/features")
                for (name, bytes) in old {
                    try Data(bytes).write(to: URL(fileURLWithPath: "\(directory)/features/\(name)"))
                }
                #expect(try kill(ToyStage(), in: directory, at: step, replace: true).killed, "step \(step)")
                try checkWholeness(directory, step)
                // Half of them go on with replace; where the new options are on record it is not needed any more.
                let record = try StageRecord(path: directory + "/features/.stage.json")
                let isNew = record?.identity.options["factor"] == 2
                try ToyStage().run(in: directory, replace: !isNew)
                #expect(differences(try files(in: directory + "/features"), expected) == [], "step \(step)")
            }
        }
    }

    @Test func `there and back, killed on the way`() throws {
        try withTemporaryDirectory { directory in
            try makeToyInput(in: directory, shards: [3, 1, 7])
            // Factors that give files of the same sizes: only keys tell them apart.
            try ToyStage(factor: 2).run(in: directory)
            let expected = try files(in: directory + "/features")
            var step = 1
            while try kill(ToyStage(factor: 3), in: directory, at: step, replace: true).killed {
                try checkWholeness(directory, step)
                try ToyStage(factor: 2).run(in: directory, replace: true)
                #expect(differences(try files(in: directory + "/features"), expected) == [], "step \(step)")
                step += 1
            }
            #expect(step > 45)
        }
    }

    @Test func `killed again and again at random`() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("stage kill seed: \(seed)")
        var random = SplitMix(state: seed)
        try withTemporaryDirectory { directory in
            try makeToyInput(in: directory, shards: [3, 1, 7, 9])
            try ToyStage().run(in: directory)
            let expected = try files(in: directory + "/features")
            for _ in 0..<20 {
                try FileManager.default.removeItem(atPath: directory + "/features")
                while try kill(ToyStage(), in: directory, at: .random(in: 1...20, using: &random), replace: false)
                    .killed
                {
                    try checkWholeness(directory, 0)
                }
                #expect(differences(try files(in: directory + "/features"), expected) == [])
            }
        }
    }
}
