// Products in bfloat16 with frozen weights where they lie: against sums in double precision, for any number of threads, in a
// model with an adapter, and which of the two ways a run takes.

import Foundation
import TestSupport
import Testing

@testable import PipelineKit
@testable import train

/// The value that a float becomes in bfloat16.
private func narrow(_ value: Double) -> Double {
    Double(Float(bitPattern: UInt32(bfloat16Bits(Float(value))) << 16))
}

@Suite struct NarrowRoundingTests {
    @Test func `many floats round as one does, whatever their bits`() {
        var numbers = SeededNumbers(1)
        var values = [
            Float.nan, Float(bitPattern: 0x7F80_0001), Float(bitPattern: 0xFFFF_FFFF), .infinity, -.infinity,
            .greatestFiniteMagnitude, 0, -0.0, .leastNonzeroMagnitude, Float(bitPattern: 0x3F80_8000),
            Float(bitPattern: 0x3F81_8000), Float(bitPattern: 0xFF7F_FFFF),
        ]
        for _ in 0..<20_000 { values.append(Float(bitPattern: UInt32(truncatingIfNeeded: numbers.bits()))) }
        // All lengths around a vector, at all places.
        for count in [0, 1, 7, 15, 16, 17, 31, 33, values.count] {
            var target = [UInt16](repeating: 0xABCD, count: count + 1)
            values.withUnsafeBufferPointer { source in
                target.withUnsafeMutableBufferPointer { target in
                    guard let from = source.baseAddress, let to = target.baseAddress else { return }
                    roundToBFloat16(from, count: count, into: to)
                }
            }
            #expect(target == values[..<count].map(bfloat16Bits) + [0xABCD])
        }
        let workspace = LinearWorkspace()
        let all = matrix(4, 5_000, Array(values[..<20_000]))
        #expect(Array(workspace.rounded(all)) == values[..<20_000].map(bfloat16Bits))
        // A smaller matrix takes the same memory over.
        #expect(Array(workspace.rounded(all.rows(1..<2))) == values[5_000..<10_000].map(bfloat16Bits))
    }

    @Test func `blocks are wide, two at least, and one for each thread`() {
        #expect((1...16).allSatisfy { NarrowBlocks.width(columns: 8_192, threads: $0) == 512 })
        #expect(NarrowBlocks.width(columns: 8_192, threads: 64) == 128)
        #expect(NarrowBlocks.width(columns: 1_024, threads: 64) == 64)
        #expect(NarrowBlocks.width(columns: 500, threads: 1) == 256)
        #expect(NarrowBlocks.width(columns: 7, threads: 1) == 64 && NarrowBlocks.width(columns: 1, threads: 9) == 64)
    }
}

/// Where this machine has no such products, the tests of refusals stand for these.
private let canMultiply = BFloat16Product.obstacle == nil

extension RunThreadsTests {  // one at a time with the other tests that set the number of threads
    @Suite(.enabled(if: canMultiply)) struct NarrowProductTests {
        /// A frozen bfloat16 weight in memory of its own, so many bytes behind an aligned address. Never freed: tests are short.
        private static func stored(_ values: [Double], rows: Int, columns: Int, offset: Int) -> StoredMatrix {
            let bits = values.map { bfloat16Bits(Float($0)) }
            let memory = UnsafeMutableRawPointer.allocate(byteCount: 2 * bits.count + offset + 64, alignment: 64)
            let bytes = UnsafeMutableRawBufferPointer(start: memory + offset, count: 2 * bits.count)
            bits.withUnsafeBytes { bytes.copyMemory(from: $0) }
            return StoredMatrix(
                SafetensorsTensor(
                    name: "w", elementType: .bfloat16, shape: [rows, columns], path: "", start: 0,
                    bytes: UnsafeRawBufferPointer(bytes)))
        }

        /// |error| of a sum of K products in float32, whatever their order: K · 2⁻²⁴ · Σ|a·b|, and of what it is added to.
        private func check(
            _ what: String, got: Matrix, terms: Int, oracle: (Int, Int) -> (sum: Double, size: Double),
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            var isWithin = true, isWithinScaled = true
            for t in 0..<got.rows {
                for c in 0..<got.columns {
                    let (sum, size) = oracle(t, c), bound = Double(terms + 2) * 0x1p-24 * size + 1e-30
                    let value = Double(got.row(t)[c])
                    if !(abs(value - sum) <= bound), isWithin {
                        isWithin = false
                        Issue.record(
                            "\(what) at (\(t), \(c)): \(value), expected \(sum) ± \(bound)",
                            sourceLocation: sourceLocation)
                    }
                    if !(abs(value * 1.01 - sum) <= bound) { isWithinScaled = false }
                }
            }
            #expect(!isWithinScaled, "\(what) would pass when it is 1 % off", sourceLocation: sourceLocation)
        }

        /// y = x·Wᵀ + b and dx += dy·W, operands rounded to bfloat16, W at aligned and at odd addresses.
        @Test(arguments: [
            (1, 1, 1), (1, 7, 9), (3, 31, 33), (7, 64, 31), (2, 513, 8), (16, 65, 577), (33, 1_025, 100), (5, 9, 3_071),
            (1, 640, 2_048), (129, 130, 131), (40, 700, 610),
        ])
        func `sums are those of the rounded operands`(rows: Int, outputs: Int, inputs: Int) {
            var numbers = SeededNumbers(UInt64(rows * 1_000 + outputs))
            let w = numbers.values(outputs * inputs), x = numbers.values(rows * inputs),
                dy = numbers.values(rows * outputs)
            let b = numbers.values(outputs)
            let wide = (w.map(narrow), x.map(narrow), dy.map(narrow))
            let before = ThreadTeam.count
            defer { ThreadTeam.count = before }
            for (offset, threads) in [(0, 1), (2, 2), (1, 1), (63, 2)] {
                ThreadTeam.count = threads
                let workspace = LinearWorkspace()
                workspace.multipliesNarrow = true
                let weight = Weight(values: Self.stored(w, rows: outputs, columns: inputs, offset: offset))
                let name =
                    "(\(rows), \(outputs), \(inputs)), seed \(numbers.seed), offset \(offset), \(threads) threads"
                for bias in [nil, parameter(1, outputs, b.map { Float($0) })] {
                    let linear = Projection(weight, bias: bias, workspace: workspace)
                    let input = matrix(rows, inputs, x.map { Float($0) }), y = matrix(rows, outputs)
                    Linear.forward(input, linear, y: y)
                    check("y of \(name)", got: y, terms: inputs) { t, o in
                        var sum = bias == nil ? 0 : b[o], size = abs(sum)
                        for i in 0..<inputs {
                            let term = wide.1[t * inputs + i] * wide.0[o * inputs + i]
                            (sum, size) = (sum + term, size + abs(term))
                        }
                        return (sum, size)
                    }
                }
                let linear = Projection(weight, workspace: workspace)
                for isAccumulating in [false, true] {
                    // NaN must not shine through where it is overwritten.
                    let dx = matrix(rows, inputs, filling: isAccumulating ? 2 : .nan)
                    Linear.backward(
                        matrix(rows, inputs), linear, dx: dx, accumulating: isAccumulating,
                        dy: matrix(rows, outputs, dy.map { Float($0) }))
                    check("dx of \(name)", got: dx, terms: outputs) { t, i in
                        var sum = isAccumulating ? 2.0 : 0, size = sum
                        for o in 0..<outputs {
                            let term = wide.2[t * outputs + o] * wide.0[o * inputs + i]
                            (sum, size) = (sum + term, size + abs(term))
                        }
                        return (sum, size)
                    }
                }
            }
        }

        @Test func `what is no number stays none, and rows do not touch each other`() {
            let workspace = LinearWorkspace()
            workspace.multipliesNarrow = true
            var numbers = SeededNumbers(5)
            let weight = Self.stored(numbers.values(70 * 40), rows: 70, columns: 40, offset: 0)
            var x = numbers.values(3 * 40).map { Float($0) }
            x[40 + 7] = Float(bitPattern: 0x7F80_0001)
            x[2 * 40] = .infinity
            let y = matrix(3, 70)
            Linear.forward(matrix(3, 40, x), Projection(Weight(values: weight), workspace: workspace), y: y)
            #expect(y.rows(0..<1).values.allSatisfy(\.isFinite) && y.rows(1..<2).values.allSatisfy(\.isNaN))
            #expect(y.rows(2..<3).values.allSatisfy { !$0.isFinite })
        }

        /// y and dx of one layer, computed with so many threads each time.
        private static func results(rows: Int, outputs: Int, inputs: Int, threads: [Int]) -> [[Float]] {
            let before = ThreadTeam.count
            defer { ThreadTeam.count = before }
            var numbers = SeededNumbers(11)
            let weight = Weight(
                values: stored(numbers.values(outputs * inputs), rows: outputs, columns: inputs, offset: 2))
            let x = matrix(rows, inputs, numbers.values(rows * inputs).map { Float($0) })
            let dy = matrix(rows, outputs, numbers.values(rows * outputs).map { Float($0) })
            return threads.map { threads in
                ThreadTeam.count = threads
                let workspace = LinearWorkspace()
                workspace.multipliesNarrow = true
                let linear = Projection(weight, workspace: workspace)
                let y = matrix(rows, outputs), dx = matrix(rows, inputs, filling: 1)
                Linear.forward(x, linear, y: y)
                Linear.backward(x, linear, dx: dx, accumulating: true, dy: dy)
                return y.values + dx.values
            }
        }

        @Test(arguments: [(37, 1_100, 1_300), (1, 2_048, 8_200), (100, 500, 1_000), (900, 300, 64)])
        func `one and several threads give the same bytes, and so does a second call`(
            rows: Int, outputs: Int, inputs: Int
        ) {
            let results = Self.results(rows: rows, outputs: outputs, inputs: inputs, threads: [1, 1, 2, 2, 3, 6, 2])
            for other in results[1...] {
                #expect(zip(results[0], other).allSatisfy { $0.bitPattern == $1.bitPattern })
            }
        }

        @Test func `more shapes than are kept`() {
            let workspace = LinearWorkspace()
            workspace.multipliesNarrow = true
            var numbers = SeededNumbers(13)
            let w = numbers.values(9 * 5), x = numbers.values(700 * 5)
            let linear = Projection(
                Weight(values: Self.stored(w, rows: 9, columns: 5, offset: 0)), workspace: workspace)
            for rows in 1...700 {
                let y = matrix(rows, 9)
                Linear.forward(matrix(rows, 5, x[..<(rows * 5)].map { Float($0) }), linear, y: y)
                let last = (0..<5).reduce(0) { $0 + narrow(x[(rows - 1) * 5 + $1]) * narrow(w[8 * 5 + $1]) }
                #expect(abs(Double(y.row(rows - 1)[8]) - last) < 1e-6, "\(rows) rows")
            }
        }

        /// The only differences are roundings of products' inputs and of gradients on their way down, by at most 2⁻⁹ of each value and
        /// by 0.11 % in the mean square. They are at random: the loss, a mean over labels, moves by far less. Some twenty of them lie
        /// on a gradient's way, 0.5 % together, and that much was seen; twice that is allowed.
        @Test func `a model with an adapter has nearly the loss and the gradients of float32`() throws {
            try withTemporaryDirectory { root in
                let work = try AdapterWork(root, type: .bfloat16)
                func pass(_ type: String) throws -> (loss: Double, gradients: [String: [Float]]) {
                    let setup = try RunSetup(
                        work.config("run", AdapterWork.lora + ["training.frozen_compute_dtype=\(type)"]))
                    let model = try setup.model(), batch = try work.batch(setup)
                    #expect(model.parameters.workspace.multipliesNarrow == (type == "bfloat16"))
                    // B is 0 at first, and then A has no gradient.
                    var numbers = SeededNumbers(3)
                    for entry in model.parameters.entries {
                        guard case .adapter(_, .b) = entry.key else { continue }
                        let values = model.parameters.values(entry)
                        for i in values.indices { values[i] = Float(0.1 * numbers.value()) }
                    }
                    model.zeroGradients()
                    let sums = try model.forwardBackward(
                        batch, loss: setup.lossOptions, normalizers: batch.labelCounts)
                    return (sums.loss(setup.lossOptions), SmallModel.gradients(model))
                }
                let wide = try pass("float32"), narrow = try pass("bfloat16")
                #expect(wide.loss != narrow.loss && abs(wide.loss - narrow.loss) < 1e-3 * wide.loss)
                #expect(wide.gradients.count == 40 && narrow.gradients.count == 40)
                func norm(_ values: [Float]) -> Double {
                    values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
                }
                for (name, gradient) in wide.gradients {
                    let other = try #require(narrow.gradients[name])
                    let off = norm(zip(gradient, other).map { $0 - $1 })
                    #expect(off > 0 && off < 0.01 * norm(gradient), "\(name): \(off / norm(gradient))")
                }
            }
        }

        @Test func `a run in bfloat16 goes on bit for bit, records its type, and proves its adapter`()
            throws
        {
            struct Killed: Error {}
            try withTemporaryDirectory { root in
                let work = try AdapterWork(root, type: .bfloat16)
                let options = AdapterWork.lora + ["training.save_steps=2", "training.max_steps=5"]
                try work.train("whole", options)
                let config = try TrainConfig(file: work.run("whole/config.yaml"))
                #expect(config.training.frozenComputeType == .bfloat16)
                #expect(throws: Killed.self) {
                    try work.train(
                        "killed", options, hooks: TrainRun.Hooks(stepDone: { if $0 == 3 { throw Killed() } }))
                }
                try work.train("killed", options, resumes: true)
                try work.train("wide", options + ["training.frozen_compute_dtype=float32"])
                let file = "final/adapter_model.safetensors"
                #expect(try fileBytes(work.run("killed/" + file)) == fileBytes(work.run("whole/" + file)))
                #expect(try fileBytes(work.run("wide/" + file)) != fileBytes(work.run("whole/" + file)))
                // The proof is in float32: whoever loads the adapter, in whatever type, finds the same.
                for type in ["float32", "bfloat16"] {
                    let setup = try RunSetup(
                        work.config(
                            "next", ["training.frozen_compute_dtype=\(type)", "training.learning_rate=1"],
                            adapter: work.run("whole/final")))
                    #expect(throws: Never.self) { try setup.model() }
                }
            }
        }
    }
}

/// Which way is taken, on this machine and on others.
@Suite(.serialized) struct FrozenComputeTests {
    private let none = NarrowObstacle(problem: "the moon is full", remedy: "wait")

    /// One frozen bfloat16 projection and a table, or nothing frozen.
    private func tensors(_ isFrozen: Bool) -> [TensorPlan] {
        let tensor = SafetensorsTensor(
            name: "w", elementType: .bfloat16, shape: [1, 1], path: "", start: 0,
            bytes: UnsafeRawBufferPointer(start: nil, count: 0))
        return [ParameterKey.audioHead, .textEmbedding].map {
            TensorPlan(
                key: $0, name: "w", shape: [1, 1], isTrained: !isFrozen, storedType: .bfloat16,
                mapped: isFrozen ? tensor : nil)
        }
    }

    @Test func `auto is bfloat16 where it can be had and there is something to gain, and follows the record`() {
        typealias ComputeType = FrozenCompute.ComputeType
        func chosen(
            _ asked: ComputeType, recorded: ComputeType? = nil, isFrozen: Bool = true, _ obstacle: NarrowObstacle? = nil
        ) -> ComputeType {
            FrozenCompute(asked: asked, recorded: recorded, tensors: tensors(isFrozen), obstacle: obstacle).type
        }
        #expect(chosen(.auto) == .bfloat16 && chosen(.auto, none) == .float32)
        #expect(chosen(.auto, isFrozen: false) == .float32)
        #expect(chosen(.auto, recorded: .float32) == .float32)
        #expect(chosen(.auto, recorded: .bfloat16, none) == .bfloat16)
        for asked in [ComputeType.float32, .bfloat16] { #expect(chosen(asked, recorded: .float32, none) == asked) }
    }

    @Test func `what cannot be had is refused, and everything is told`() {
        func compute(_ asked: FrozenCompute.ComputeType, isFrozen: Bool = true, _ obstacle: NarrowObstacle?)
            -> FrozenCompute
        {
            FrozenCompute(asked: asked, recorded: nil, tensors: tensors(isFrozen), obstacle: obstacle)
        }
        let moon = failure { try compute(.bfloat16, none).check(obstacle: none) }
        #expect(moon?.status == .badUsage)
        #expect(moon?.what == "training.frozen_compute_dtype is bfloat16, but the moon is full")
        #expect(moon?.remedy?.hasPrefix("wait, or set it to float32") == true)
        let nothing = failure { try compute(.bfloat16, isFrozen: false, nil).check(obstacle: nil) }
        #expect(nothing?.what.hasSuffix("the model has no frozen weight in bfloat16") == true)
        for asked in [FrozenCompute.ComputeType.auto, .float32] {
            #expect(throws: Never.self) { try compute(asked, none).check(obstacle: none) }
        }
        #expect(
            compute(.auto, none).text == "products with 1 frozen bfloat16 matrices: float32, because the moon is full")
        #expect(
            compute(.auto, nil).text?.hasPrefix("products with 1 frozen bfloat16 matrices: bfloat16, sums in float32")
                == true)
        #expect(compute(.auto, isFrozen: false, nil).text == nil)
    }

    @Test func `a run keeps its type, one from before there was a choice is in float32, and another is refused`() throws
    {
        struct Killed: Error {}
        try withTemporaryDirectory { root in
            let work = try AdapterWork(root, type: .bfloat16)
            let options = AdapterWork.lora + ["training.save_steps=1", "training.max_steps=3"]
            let wide = options + ["training.frozen_compute_dtype=float32"]
            let killing = TrainRun.Hooks(stepDone: { if $0 == 1 { throw Killed() } })
            try work.train("whole", wide)
            #expect(throws: Killed.self) { try work.train("run", wide, hooks: killing) }
            let path = work.run("run/config.yaml"), text = try String(contentsOfFile: path, encoding: .utf8)
            let key = "  frozen_compute_dtype: \"float32\"\n"
            #expect(text.contains(key))
            if canMultiply {
                let told = failure {
                    try work.train("run", options + ["training.frozen_compute_dtype=bfloat16"], resumes: true)
                }
                #expect(
                    told?.what.contains(#"training.frozen_compute_dtype ("bfloat16", was "float32")"#) == true,
                    "\(String(describing: told))")
            }
            // Without the key, as an earlier build has written it.
            try AtomicFile.write(Array(text.replacingOccurrences(of: key, with: "").utf8), to: path)
            try work.train("run", options, resumes: true)
            let file = "final/adapter_model.safetensors"
            #expect(try fileBytes(work.run("run/" + file)) == fileBytes(work.run("whole/" + file)))
            #expect(try TrainConfig(file: path).training.frozenComputeType == .float32)
        }
    }

    @Test(arguments: ["auto", "float32"]) func `the preflight tells the type, and passes in it`(type: String) throws {
        try withTemporaryDirectory { root in
            let work = try AdapterWork(root, type: .bfloat16)
            let config = try work.config("run", AdapterWork.lora + ["training.frozen_compute_dtype=\(type)"])
            let table = Preflight(threads: 1).run { config }
            #expect(table.status == nil, "\(table.text)")
            let row = try #require(table.rows.first { $0.title == Preflight.frozenTitle })
            let isNarrow = type == "auto" && canMultiply
            #expect(row.finding.contains("matrices: \(isNarrow ? "bfloat16" : "float32")"), "\(row.finding)")
            #expect(table.rows.contains { $0.title == Preflight.adapterTitle && $0.mark == .passed })
        }
    }

    @Test func `the preflight refuses bfloat16 for a base of floats where it asks for it, and only there`() throws {
        try withTemporaryDirectory { root in
            let work = try AdapterWork(root, type: .float32)
            let config = try work.config("run", AdapterWork.lora + ["training.frozen_compute_dtype=bfloat16"])
            let table = Preflight(threads: 1).run { config }
            let failed = table.rows.filter { $0.mark == .failed }
            #expect(failed.map(\.title) == [Preflight.frozenTitle], "\(table.text)")
            #expect(failed.first?.finding.contains("no frozen weight in bfloat16") == true)
            #expect(table.status == .badUsage)
        }
    }

    @Test(.enabled(if: !canMultiply)) func `without such products a run is in float32, and asking for them ends it`()
        throws
    {
        try withTemporaryDirectory { root in
            let work = try AdapterWork(root, type: .bfloat16)
            let options = AdapterWork.lora + ["training.save_steps=1", "training.max_steps=3"]
            let asking = options + ["training.frozen_compute_dtype=bfloat16"]
            let obstacle = try #require(BFloat16Product.obstacle)
            let told = failure { try work.train("asked", asking) }
            #expect(told?.status == .badUsage && told?.what.contains(obstacle.problem) == true)
            #expect(!FileManager.default.fileExists(atPath: work.run("asked/config.yaml")))
            try work.train("run", options)
            let path = work.run("run/config.yaml"), text = try String(contentsOfFile: path, encoding: .utf8)
            #expect(text.contains("frozen_compute_dtype: \"float32\""))
            // A run that another machine began in bfloat16 does not change its numbers here.
            let other = text.replacingOccurrences(of: "\"float32\"", with: "\"bfloat16\"")
            try AtomicFile.write(Array(other.utf8), to: path)
            #expect(try work.train("run", options, resumes: true).contains("already trained"))
            try FileManager.default.removeItem(atPath: work.run("run/final"))
            let moved = failure { try work.train("run", options, resumes: true) }
            #expect(moved?.what.contains(obstacle.problem) == true, "\(String(describing: moved))")
        }
    }
}
