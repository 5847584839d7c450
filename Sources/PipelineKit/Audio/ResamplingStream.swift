// One signal on its way through a resampling plan. It may come in pieces of any size: the blocks lie where they lie in the
// whole signal, so the pieces do not show. Working memory is that of sixteen blocks, whatever the signal's length.

/// The conversion of one signal. Not thread-safe.
final class ResamplingStream {
    private let plan: ResamplingPlan
    /// Input samples not yet done with, silence before the first one included. // (spanSamples)
    private let window: UnsafeMutablePointer<Float>
    private var filled: Int
    private let data: ComplexLanes
    private let scratch: ComplexLanes
    private let rows: LaneRows
    private var inputCount = 0
    private var output: [Float] = []

    /// Input samples from one block to the next, and from the first of sixteen blocks to the end of the last.
    private let hopSamples: Int
    private let spanSamples: Int

    init(_ plan: ResamplingPlan, expectedCount: Int) {
        self.plan = plan
        hopSamples = plan.hop * plan.down
        spanSamples = (Lanes.scalarCount - 1) * hopSamples + plan.input.count
        window = .allocate(capacity: spanSamples)
        filled = plan.edge * plan.down
        window.initialize(repeating: 0, count: filled)
        let points = max(plan.input.bufferCount, plan.output.bufferCount)
        data = .allocate(points)
        scratch = .allocate(points)
        rows = LaneRows(count: plan.output.count)
        output.reserveCapacity((expectedCount / plan.down + 1) * plan.up)
    }

    deinit {
        window.deallocate()
        data.deallocate()
        scratch.deallocate()
        rows.deallocate()
    }

    /// Takes the signal's next samples.
    func append(_ samples: UnsafeBufferPointer<Float>) {
        guard let address = samples.baseAddress else { return }
        inputCount += samples.count
        var taken = 0
        while taken < samples.count {
            let count = min(samples.count - taken, spanSamples - filled)
            (window + filled).initialize(from: address + taken, count: count)
            taken += count
            filled += count
            if filled == spanSamples { convert() }
        }
    }

    /// What the signal became: ⌈S · L / M⌉ samples. The stream is of no use afterwards.
    func finish() -> [Float] { finish(count: (inputCount * plan.up + plan.down - 1) / plan.down) }

    /// The same where the input was half of a signal of `frames` samples: as many as the whole would have become.
    func finish(halfOf frames: Int) -> [Float] {
        finish(count: (frames * plan.up + 2 * plan.down - 1) / (2 * plan.down))
    }

    private func finish(count: Int) -> [Float] {
        while output.count < count {  // silence behind the last sample
            (window + filled).initialize(repeating: 0, count: spanSamples - filled)
            filled = spanSamples
            convert()
        }
        output.removeLast(output.count - count)
        return output
    }

    /// Converts the sixteen blocks that fill the window, and keeps what the next sixteen need of it.
    private func convert() {
        LaneRows.load(window, apart: hopSamples, into: data, count: plan.input.count)
        plan.input.forward(data, scratch: scratch)
        weigh()
        plan.output.inverse(data, scratch: scratch)
        rows.store(data, count: plan.output.count)
        for lane in 0..<Lanes.scalarCount {
            let valid = rows.row(lane) + plan.edge * plan.up
            output.append(contentsOf: UnsafeBufferPointer(start: valid, count: plan.hop * plan.up))
        }
        let done = Lanes.scalarCount * hopSamples
        window.update(from: window + done, count: spanSamples - done)
        filled = spanSamples - done
    }

    /// Weighs the bins below both Nyquist frequencies; those above them are silent.
    private func weigh() {
        plan.response.withUnsafeBufferPointer { real in
            plan.imaginaryResponse.withUnsafeBufferPointer { imaginary in
                if imaginary.isEmpty {
                    for bin in 0..<real.count { data[bin] = data[bin] * real[bin] }
                } else {
                    for bin in 0..<real.count { data[bin] = data[bin].times(real[bin], imaginary[bin]) }
                }
            }
        }
        for bin in plan.response.count..<plan.output.binCount {
            data[bin] = ComplexValue(real: .zero, imaginary: .zero)
        }
    }
}
