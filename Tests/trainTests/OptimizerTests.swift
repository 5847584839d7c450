import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import train

@Suite struct OptimizerTests {
    private func store() -> ParameterStore {
        ParameterStore(
            [
                (.textEmbedding, [7, 9]), (.finalNorm, [31]), (.tower(.positions), [4, 8]),
                (.tower(.conv1Weight), [3, 2, 3]),
            ], layout: .original)
    }

    private func fill(_ store: ParameterStore, seed: UInt64) {
        var numbers = SeededNumbers(seed)
        for entry in store.entries {
            for i in 0..<entry.count { store.values(entry)[i] = Float(numbers.value()) }
        }
    }

    private func fillGradients(_ store: ParameterStore, seed: UInt64) {
        var numbers = SeededNumbers(seed)
        for entry in store.entries {
            guard let gradients = store.gradients(entry) else { continue }
            for i in gradients.indices { gradients[i] = Float(numbers.value()) }
        }
    }

    private func values(_ store: ParameterStore) -> [String: [Float]] {
        Dictionary(uniqueKeysWithValues: store.entries.map { ($0.name, Array(store.values($0))) })
    }

    @Test func `three steps are those of the naive formula, with decay on matrices alone`() throws {
        let store = store(), options = AdamW.Options(weightDecay: 0.1)
        fill(store, seed: 1)
        var expected: [String: [Double]] = values(store).mapValues { $0.map(Double.init) }
        var m = expected.mapValues { $0.map { _ in 0.0 } }, v = m
        let optimizer = AdamW(store, options: options)
        for step in 1...3 {
            fillGradients(store, seed: UInt64(step))
            for entry in store.entries {
                guard let gradients = store.gradients(entry) else { continue }
                let name = entry.name
                var means = try #require(m[name]), squares = try #require(v[name]), ps = try #require(expected[name])
                for (i, gradient) in gradients.enumerated() {
                    let g = Double(gradient) * 0.5
                    means[i] = 0.9 * means[i] + 0.1 * g
                    squares[i] = 0.95 * squares[i] + 0.05 * g * g
                    if entry.shape.count >= 2 { ps[i] *= 1 - 0.01 * 0.1 }
                    let mean = means[i] / (1 - pow(0.9, Double(step)))
                    let square = squares[i] / (1 - pow(0.95, Double(step)))
                    ps[i] -= 0.01 * mean / (square.squareRoot() + 1e-8)
                }
                m[name] = means
                v[name] = squares
                expected[name] = ps
            }
            optimizer.step(learningRate: 0.01, gradientScale: 0.5)
        }
        #expect(optimizer.stepCount == 3)
        for (name, got) in values(store) {
            let wanted = try #require(expected[name]).map { Float($0) }
            #expect(mismatch(name, got: got, expected: wanted, tolerance: 1e-6) == nil)
        }
    }

    @Test func `the sinusoids are never trained`() {
        let store = store()
        fill(store, seed: 1)
        let before = values(store)["audio_tower.embed_positions.weight"]
        fillGradients(store, seed: 2)
        AdamW(store, options: AdamW.Options()).step(learningRate: 0.1)
        #expect(values(store)["audio_tower.embed_positions.weight"] == before)
        #expect(store.trainedCount == 7 * 9 + 31 + 18)
        #expect(store.parameterCount == store.trainedCount + 32)
    }

    @Test func `the gradient norm covers all tensors and clipping scales by it`() {
        let store = store()
        fillGradients(store, seed: 4)
        let squares = store.entries.compactMap { store.gradients($0) }.joined().reduce(0.0) {
            $0 + Double($1) * Double($1)
        }
        #expect(abs(store.gradientNorm() - squares.squareRoot()) < 1e-6)
        #expect(AdamW.clippingScale(norm: 4, maximum: 1) == Float(1 / (4 + 1e-6)))
        #expect(AdamW.clippingScale(norm: 0.5, maximum: 1) == 1)
        #expect(AdamW.clippingScale(norm: 1e9, maximum: nil) == 1)
        store.zeroGradients()
        #expect(store.gradientNorm() == 0)
    }

    @Test func `a saved state goes on bit for bit`() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/optimizer.safetensors"
            let first = store(), second = store()
            fill(first, seed: 1)
            let a = AdamW(first, options: AdamW.Options()), b = AdamW(second, options: AdamW.Options())
            fillGradients(first, seed: 2)
            a.step(learningRate: 0.01)
            try a.save(to: path)
            for entry in first.entries {
                for i in 0..<entry.count { second.values(entry)[i] = first.values(entry)[i] }
            }
            try b.load(from: path)
            #expect(b.stepCount == 1)
            for store in [first, second] { fillGradients(store, seed: 3) }
            a.step(learningRate: 0.01)
            b.step(learningRate: 0.01)
            #expect(values(first) == values(second))
        }
    }

    @Test func `a state of other tensors is refused by name and changes nothing`() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/optimizer.safetensors"
            let small = ParameterStore([(.textEmbedding, [7, 8]), (.audioHead, [2, 2])], layout: .original)
            try AdamW(small, options: AdamW.Options()).save(to: path)
            let optimizer = AdamW(store(), options: AdamW.Options())
            let error = #expect(throws: CheckpointError.self) { try optimizer.load(from: path) }
            #expect(error?.missing.contains("norm.weight.m") == true)
            #expect(error?.misshaped.first?.name == "embed_tokens.weight.m")
            #expect(optimizer.stepCount == 0)
        }
    }

    /// The state of a step as `save` writes it, with one change to its values or its step count.
    private func damaged(_ name: String, value: Float, step: String = "1", _ path: String) throws -> Failure? {
        let store = store()
        var writer = SafetensorsWriter(metadata: [("format", "pt"), ("step", step)])
        for entry in store.entries where entry.isTrained {
            for suffix in [".m", ".v"] {
                var values = [Float](repeating: 0.5, count: entry.count)
                if entry.name + suffix == name { values[entry.count - 1] = value }
                writer.add(entry.name + suffix, shape: entry.shape, values)
            }
        }
        try writer.write(to: path)
        let optimizer = AdamW(store, options: AdamW.Options())
        let failure = failure { try optimizer.load(from: path) }
        #expect((failure == nil) == (optimizer.stepCount == 1))
        return failure
    }

    @Test func `moments that cannot be, and step counts, are refused`() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/optimizer.safetensors"
            #expect(try damaged("", value: 0, path) == nil)
            #expect(try damaged("norm.weight.m", value: -1, path) == nil)
            for (name, value) in [("norm.weight.m", Float.nan), ("norm.weight.v", .infinity), ("norm.weight.v", -0.5)] {
                let failure = try damaged(name, value: value, path)
                #expect(failure?.status == .badData && failure?.location == "\(path): tensor '\(name)'")
            }
            for step in ["9223372036854775807", "-1", "x"] {
                #expect(try damaged("", value: 0, step: step, path)?.status == .badData)
            }
        }
    }
}
