// The order of the data and its packing: pure functions, checked against naive versions and for every place to resume.

import PipelineKit
import Testing
import TestSupport

@testable import train

private func order(_ sizes: [Int], seed: Int = 3, isShuffled: Bool = true) -> SampleOrder {
    var next = 0
    let shards = sizes.map { size in
        defer { next += size }
        return Array(next..<next + size)
    }
    return SampleOrder(shards: shards, seed: seed, isShuffled: isShuffled)
}

@Suite struct DataOrderTests {
    @Test func `SplitMix64 gives the numbers of its reference`() {
        // The first five of seed 1234567, as published with Vigna's splitmix64.c and its ports.
        var generator = SplitMix64(seed: 1_234_567)
        let expected: [UInt64] = [
            6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
        ]
        #expect(expected.map { _ in generator.next() } == expected)
    }

    @Test func `numbers below a bound are within it and reach each value about equally often`() {
        var generator = SplitMix64(seed: 1)
        var counts = [Int](repeating: 0, count: 7)
        for _ in 0..<70_000 { counts[generator.below(7)] += 1 }
        // Binomial: mean 10,000, standard deviation 93.
        for count in counts { #expect(abs(count - 10_000) < 500, "\(counts)") }
        #expect(generator.below(1) == 0)
    }

    @Test func `an epoch reads every row once, whatever the sizes of shards`() {
        for sizes in [[1], [5], [0, 3, 0], [1, 7, 8, 9, 31], Array(repeating: 3, count: 40)] {
            let order = order(sizes)
            for epoch in 0..<3 { #expect(order.rows(epoch: epoch).sorted() == Array(0..<order.rowCount)) }
        }
    }

    @Test func `the order is a function of seed and epoch, and both change it`() {
        let sizes = Array(repeating: 9, count: 20)
        let a = order(sizes, seed: 1)
        #expect(a.rows(epoch: 2) == order(sizes, seed: 1).rows(epoch: 2))
        #expect(a.rows(epoch: 2) != a.rows(epoch: 3))
        #expect(a.rows(epoch: 2) != order(sizes, seed: 2).rows(epoch: 2))
        #expect(order(sizes, isShuffled: false).rows(epoch: 5) == Array(0..<180))
    }

    @Test func `rows move within groups of sixteen shards only`() {
        let order = order(Array(repeating: 5, count: 37))
        let rows = order.rows(epoch: 1)
        let groups = stride(from: 0, to: rows.count, by: 16 * 5).map {
            Set(rows[$0..<min($0 + 80, rows.count)].map { $0 / 5 })
        }
        #expect(groups.map(\.count) == [16, 16, 5])
        #expect(rows.prefix(80).map { $0 / 5 } != rows.prefix(80).map { $0 / 5 }.sorted())
    }

    @Test func `the order of a given seed stays what it is`() {
        #expect(order([4, 4, 4], seed: 5).rows(epoch: 0) == pinnedOrder)
    }

    @Test func `micro-batches keep both caps and every row`() {
        var generator = SplitMix64(seed: 9)
        for _ in 0..<50 {
            let count = 1 + generator.below(40)
            let lengths = (0..<count).map { _ in 1 + generator.below(30) }
            let cap = generator.below(2) == 0 ? nil : 30 + generator.below(60)
            let plan = StepPlan(
                order: order([count], seed: generator.below(100)), lengths: lengths, batchSize: 1 + generator.below(5),
                maxBatchTokens: cap, accumulationSteps: 1 + generator.below(4))
            let steps = plan.steps(epoch: 1)
            #expect(steps.flatMap { $0.microBatches.flatMap(\.self) } == plan.order.rows(epoch: 1))
            #expect(plan.stepCount(epoch: 1) == steps.count)
            #expect(steps.last?.rowsDone == count)
            for batch in steps.flatMap(\.microBatches) {
                #expect(!batch.isEmpty && batch.count <= plan.batchSize)
                if let cap { #expect(batch.reduce(0) { $0 + lengths[$1] } <= cap) }
            }
            for step in steps.dropLast() { #expect(step.microBatches.count == plan.accumulationSteps) }
        }
    }

    @Test func `a cursor that starts at any step goes on as one that never stopped`() {
        let plan = StepPlan(
            order: order([3, 5, 4]), lengths: (0..<12).map { 5 + $0 % 4 }, batchSize: 2, maxBatchTokens: 13,
            accumulationSteps: 2)
        var whole = StepCursor(plan, at: 0)
        let all = (0..<25).map { _ in whole.advance() }
        for start in 0..<25 {
            var cursor = StepCursor(plan, at: start)
            #expect((start..<25).map { _ in cursor.advance() } == Array(all[start...]))
        }
    }

    @Test func `a run ends with whichever of epochs and steps is first`() {
        let plan = StepPlan(
            order: order([10]), lengths: Array(repeating: 1, count: 10), batchSize: 3, maxBatchTokens: nil,
            accumulationSteps: 2)
        #expect(plan.stepCount(epoch: 0) == 2)
        #expect(plan.totalSteps(epochs: 3, maxSteps: nil) == 6)
        #expect(plan.totalSteps(epochs: 3, maxSteps: 4) == 4)
        #expect(plan.totalSteps(epochs: 3, maxSteps: 100) == 6)
        #expect(plan.totalSteps(epochs: nil, maxSteps: 100) == 100)
        // Neither counted epoch by epoch nor beyond what an Int holds.
        #expect(plan.totalSteps(epochs: Int(Int32.max), maxSteps: nil) == 2 * Int(Int32.max))
        #expect(plan.totalSteps(epochs: .max, maxSteps: nil) == .max)
    }
}

@Suite struct LearningRateTests {
    private func rates(
        _ scheduler: TrainingOptions.Scheduler, warmup: Int, total: Int
    ) -> [Double] {
        let schedule = LearningRateSchedule(peak: 2, scheduler: scheduler, warmupSteps: warmup, totalSteps: total)
        return (0..<total).map { schedule.rate(at: $0) }
    }

    @Test func `warm-up is (s + 1) / W, and schedules end at exactly 0`() {
        #expect(rates(.linear, warmup: 2, total: 7) == [1, 2, 2, 1.5, 1, 0.5, 0])
        #expect(rates(.constant, warmup: 4, total: 6) == [0.5, 1, 1.5, 2, 2, 2])
        let cosine = rates(.cosine, warmup: 0, total: 5)
        #expect(cosine[0] == 2 && cosine[4] == 0)
        #expect(abs(cosine[1] - (1 + 0.5.squareRoot())) < 1e-12 && abs(cosine[2] - 1) < 1e-12)
    }

    @Test func `runs of one step and warm-ups beyond the end have a rate`() {
        for scheduler in TrainingOptions.Scheduler.allCases {
            #expect(rates(scheduler, warmup: 0, total: 1) == [2])
            #expect(rates(scheduler, warmup: 8, total: 2) == [0.25, 0.5])
            #expect(rates(scheduler, warmup: 1, total: 2) == [2, 2])
        }
    }
}

/// Computed by a separate implementation of the documented steps, in Python integers.
private let pinnedOrder = [10, 3, 8, 9, 4, 6, 5, 1, 0, 2, 11, 7]
