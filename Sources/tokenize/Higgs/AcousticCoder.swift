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

    /// (N, C) from samples, (S, 1).
    func callAsFunction(_ wave: Frames) -> Frames {
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

    /// Samples, (S, 1), from at least one frame.
    func callAsFunction(_ frames: Frames) -> Frames {
        var x = first(frames)
        for block in blocks {
            x = block.up(x, activation: block.activation)
            for unit in block.units { unit.apply(to: x) }
        }
        return last(x, activation: activation)
    }
}
