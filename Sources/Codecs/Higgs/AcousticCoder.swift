// The encoder and the decoder of DAC, the Descript Audio Codec (transformers 5.23 models/dac/modeling_dac.py, `DacEncoder`
// and `DacDecoder`), as Higgs uses them: the decoder pads its outputs by stride mod 2 and has no final tanh.

/// From samples to frames.
struct AcousticEncoder: Sendable {
    private struct Block: Sendable {
        var units: [ResidualUnit]
        var activation: Activation
        var down: Convolution
    }

    private let first: Convolution
    private let blocks: [Block]
    private let activation: Activation
    private let last: Convolution

    init(_ weights: HiggsWeights, _ config: HiggsConfig) throws {
        let root = "acoustic_encoder", widths = config.encoderWidths
        first = Convolution(
            try weights.convolution("\(root).conv1", outputs: widths[0], channels: 1, taps: 7), padding: 3)
        blocks = try config.acoustic.downsampling.enumerated().map { i, stride in
            let name = "\(root).block.\(i)"
            return Block(
                units: try weights.residualUnits(name, width: widths[i]),
                activation: try weights.snake("\(name).snake1"),
                down: Convolution(
                    try weights.convolution(
                        "\(name).conv1", outputs: widths[i + 1], channels: widths[i], taps: 2 * stride),
                    stride: stride, padding: (stride + 1) / 2))
        }
        activation = try weights.snake("\(root).snake1")
        last = Convolution(
            try weights.convolution(
                "\(root).conv2", outputs: config.acoustic.hidden, channels: widths[widths.count - 1], taps: 3),
            padding: 1)
    }

    /// Frames that come out of as many samples.
    func outputCount(_ samples: Int) -> Int {
        last.outputCount(blocks.reduce(first.outputCount(samples)) { $1.down.outputCount($0) })
    }

    /// Samples from a frame to the next.
    private var hop: Int { blocks.reduce(1) { $0 * $1.down.stride } }

    /// Frames on either side of one that its samples may belong to, and one more.
    private var margin: Int {
        // The samples that a frame sees, as an interval about its first one, from the last layer back to the first.
        var low = -last.padding, high = last.span - 1 - last.padding
        for block in blocks.reversed() {
            low = low * block.down.stride - block.down.padding
            high = high * block.down.stride - block.down.padding + block.down.span - 1
            let reach = block.units.reduce(0) { $0 + $1.wide.padding }
            (low, high) = (low - reach, high + reach)
        }
        (low, high) = (low - first.padding, high + first.padding)
        return (max(-low, high) + hop - 1) / hop + 1
    }

    /// (N, C) from samples, (S, 1). Of longer waves stretches are encoded, with as much around them as their frames see:
    /// memory does not grow with the wave but for the frames themselves.
    ///
    /// - Parameter chunk: frames that are encoded together, with those around; no bit depends on it.
    func callAsFunction(_ wave: Frames, chunk: Int = 800) -> Frames {
        let count = outputCount(wave.count), margin = margin
        if count <= chunk { return encode(wave) }
        let output = Frames(count: count, channels: last.weights.outputs)
        let step = max(1, chunk - 2 * margin)
        for start in stride(from: 0, to: count, by: step) {
            let end = min(start + step, count), before = min(start, margin)
            let from = start - before
            let samples = from * hop..<min(wave.count, (end + margin) * hop)
            output.copy(encode(wave.slice(samples)), rows: before..<end - from, at: start)
        }
        return output
    }

    private func encode(_ wave: Frames) -> Frames {
        var x = first(wave)
        for block in blocks {
            for unit in block.units { unit.apply(to: x) }
            x = block.down(x, activation: block.activation)
        }
        return last(x, activation: activation)
    }
}

/// From frames to samples.
struct AcousticDecoder: Sendable {
    private struct Block: Sendable {
        var activation: Activation
        var up: TransposedConvolution
        var units: [ResidualUnit]
    }

    private let first: Convolution
    private let blocks: [Block]
    private let activation: Activation
    private let last: Convolution

    init(_ weights: HiggsWeights, _ config: HiggsConfig) throws {
        let root = "acoustic_decoder", widths = config.decoderWidths
        first = Convolution(
            try weights.convolution("\(root).conv1", outputs: widths[0], channels: config.acoustic.hidden, taps: 7),
            padding: 3)
        blocks = try config.acoustic.upsampling.enumerated().map { i, stride in
            let name = "\(root).block.\(i)"
            return Block(
                activation: try weights.snake("\(name).snake1"),
                up: TransposedConvolution(
                    weight: try weights.floats("\(name).conv_t1.weight"), channels: widths[i], outputs: widths[i + 1],
                    stride: stride, bias: try weights.floats("\(name).conv_t1.bias"), padding: (stride + 1) / 2,
                    outputPadding: stride % 2),
                units: try weights.residualUnits(name, width: widths[i + 1]))
        }
        activation = try weights.snake("\(root).snake1")
        last = Convolution(
            try weights.convolution("\(root).conv2", outputs: 1, channels: widths[widths.count - 1], taps: 7),
            padding: 3)
    }

    /// Samples from a frame to the next.
    private var hop: Int { blocks.reduce(1) { $0 * $1.up.stride } }

    /// Frames on either side of a frame that its samples depend on, and one more.
    private var margin: Int {
        // Layer by layer, in frames of the layer's own rate; a transposed convolution sees one more on either side.
        var reach = last.padding
        for block in blocks.reversed() {
            reach += block.units.reduce(0) { $0 + $1.wide.padding }
            reach = (reach + block.up.stride - 1) / block.up.stride + 1
        }
        return reach + first.padding + 1
    }

    /// Samples, (S, 1), from at least one frame; of many frames, stretch by stretch, as the encoder does.
    func callAsFunction(_ frames: Frames, chunk: Int = 800) -> Frames {
        let count = frames.count, margin = margin, hop = hop
        if count <= chunk { return decode(frames) }
        let output = Frames(count: count * hop, channels: 1)
        let step = max(1, chunk - 2 * margin)
        for start in stride(from: 0, to: count, by: step) {
            let end = min(start + step, count), from = max(0, start - margin)
            let part = decode(frames.slice(from..<min(count, end + margin)))
            output.copy(part, rows: (start - from) * hop..<(end - from) * hop, at: start * hop)
        }
        return output
    }

    private func decode(_ frames: Frames) -> Frames {
        var x = first(frames)
        for block in blocks {
            x = block.up(x, activation: block.activation)
            for unit in block.units { unit.apply(to: x) }
        }
        return last(x, activation: activation)
    }
}
