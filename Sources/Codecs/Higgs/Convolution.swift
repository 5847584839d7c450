// Convolutions over channels-last frames: strided and dilated (torch.nn.Conv1d), transposed (torch.nn.ConvTranspose1d).
// Work goes tile by tile: a tile of inputs, padded and activated, is written to a scratch that stays in the cache, and
// multiplied from there.

/// A convolution with zero padding on both sides.
final class Convolution: Sendable {
    let weights: PackedWeights
    let stride: Int
    let dilation: Int
    let padding: Int

    init(_ weights: PackedWeights, stride: Int = 1, dilation: Int = 1, padding: Int = 0) {
        precondition(stride >= 1 && dilation >= 1 && padding >= 0, "a convolution of another kind")
        self.weights = weights
        self.stride = stride
        self.dilation = dilation
        self.padding = padding
    }

    /// Inputs that one output sees.
    var span: Int { (weights.taps - 1) * dilation + 1 }

    /// Frames that come out of `count` frames; 0 or less where they are too few.
    func outputCount(_ count: Int) -> Int {
        let free = count + 2 * padding - span
        return free < 0 ? 0 : free / stride + 1
    }

    /// Convolves the activated input. `limit` leaves out outputs at the end.
    ///
    /// - Returns: (outputCount, outputs), after `then`.
    func callAsFunction(
        _ input: Frames, activation: Activation = .identity, then: Activation = .identity, limit: Int = .max
    ) -> Frames {
        precondition(input.channels == weights.channels, "\(input.channels) channels for \(weights.channels)")
        let output = Frames(count: max(0, min(limit, outputCount(input.count))), channels: weights.outputs)
        if output.count == 0 { return output }
        let tile = Frames.tile(channels: max(input.channels * stride, weights.outputs), of: output.count)
        var isPlain = padding == 0
        if isPlain, case .identity = activation {} else { isPlain = false }
        let scratch =
            isPlain ? nil : Frames(count: (min(tile, output.count) - 1) * stride + span, channels: input.channels)
        var start = 0
        while start < output.count {
            let rows = min(tile, output.count - start)
            let first = start * stride - padding
            let inputs: InputRows
            if let scratch {
                activation.copy(input, rows: first..<first + (rows - 1) * stride + span, to: scratch)
                inputs = scratch.inputs(every: stride, dilation: dilation)
            } else {
                inputs = input.inputs(from: first, every: stride, dilation: dilation)
            }
            weights.multiply(inputs, rows: rows, into: output.outputs(from: start))
            then.apply(to: output, rows: start..<start + rows)
            start += rows
        }
        return output
    }
}

/// A transposed convolution whose kernel is two strides long, as DAC's are: s times as many frames.
///
/// Output q · s + r − padding is input q times tap r plus input q − 1 times tap r + s: for each r, a convolution of two
/// taps whose outputs lie s frames apart.
final class TransposedConvolution: Sendable {
    /// For each phase r: taps r + s and r, in the order of their inputs.
    private let phases: [PackedWeights]
    let padding: Int
    let outputPadding: Int
    private let channels: Int
    private let outputs: Int

    var stride: Int { phases.count }

    /// - Parameter weight: (channels, outputs, 2 · stride), as PyTorch stores it.
    init(weight: [Float], channels: Int, outputs: Int, stride: Int, bias: [Float], padding: Int, outputPadding: Int) {
        precondition(weight.count == channels * outputs * 2 * stride, "a transposed convolution of another shape")
        precondition(padding <= stride && outputPadding <= padding, "a transposed convolution of another kind")
        self.channels = channels
        self.outputs = outputs
        self.padding = padding
        self.outputPadding = outputPadding
        let kernel = 2 * stride
        phases = (0..<stride).map { phase in
            // Taps run from phase + s down to phase.
            let taps = [phase + stride, phase]
            var pair = [Float](repeating: 0, count: channels * outputs * 2)  // (channels, outputs, 2)
            for i in 0..<channels * outputs {
                for (place, tap) in taps.enumerated() { pair[i * 2 + place] = weight[i * kernel + tap] }
            }
            return PackedWeights(
                taps: 2, channels: channels, outputs: outputs, weight: pair, outputStride: 2,
                channelStride: outputs * 2, tapStride: 1, bias: bias)
        }
    }

    /// Frames that come out of `count` frames.
    func outputCount(_ count: Int) -> Int { (count - 1) * stride - 2 * padding + 2 * stride + outputPadding }

    /// Convolves the activated input; at least one frame.
    func callAsFunction(_ input: Frames, activation: Activation = .identity) -> Frames {
        precondition(input.channels == channels && input.count >= 1, "\(input.channels) channels for \(channels)")
        let output = Frames(count: outputCount(input.count), channels: outputs)
        let tile = Frames.tile(channels: max(channels, outputs * stride), of: input.count + 1)
        // Rows q − 1 and q for q from 0 to count: one row of zeros on either side.
        let scratch = Frames(count: min(tile, input.count + 1) + 1, channels: channels)
        var start = 0
        while start <= input.count {
            let rows = min(tile, input.count + 1 - start)
            activation.copy(input, rows: start - 1..<start + rows, to: scratch)
            for (phase, weights) in phases.enumerated() {
                // Outputs (start … start + rows − 1) · s + phase − padding, as far as they exist.
                let offset = phase - padding
                let low = max(start, offset < 0 ? 1 : 0)
                let high = min(start + rows, (output.count - offset + stride - 1) / stride)
                if low >= high { continue }
                weights.multiply(
                    scratch.inputs(from: low - start), rows: high - low,
                    into: output.outputs(from: low * stride + offset, every: stride))
            }
            start += rows
        }
        return output
    }
}
