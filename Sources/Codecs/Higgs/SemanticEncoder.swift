// The convolutions between HuBERT and the quantizer (transformers 5.23 models/higgs_audio_v2_tokenizer,
// `SemanticEncoder`).

/// Residual units and convolutions with ELU.
struct SemanticEncoder: Sendable {
    private struct Block: Sendable {
        var units: [ResidualUnit]
        var last: Convolution
    }

    private let first: Convolution
    private let blocks: [Block]

    init(_ weights: HiggsWeights, _ config: HiggsConfig) throws {
        let root = "encoder_semantic", settings = config.semanticEncoder, width = config.semantic.hidden
        first = Convolution(
            try weights.convolution(
                "\(root).conv", outputs: width, channels: width, taps: settings.kernel, hasBias: false),
            padding: settings.kernel / 2)
        var input = width
        blocks = try settings.strides.enumerated().map { i, stride in
            let name = "\(root).conv_blocks.\(i)", output = settings.channels[i]
            let units = try settings.dilations.enumerated().map { unit, dilation in
                let unitName = "\(name).res_units.\(unit)"
                return ResidualUnit(
                    first: .elu,
                    wide: Convolution(
                        try weights.convolution(
                            "\(unitName).conv1", outputs: input, channels: input, taps: settings.unitKernel,
                            hasBias: false),
                        dilation: dilation, padding: (settings.unitKernel - 1) / 2 * dilation),
                    second: .elu,
                    narrow: try weights.convolution(
                        "\(unitName).conv2", outputs: input, channels: input, taps: 1, hasBias: false))
            }
            let kernel = stride == 1 ? 3 : 2 * stride
            let last = Convolution(
                try weights.convolution("\(name).conv", outputs: output, channels: input, taps: kernel),
                stride: stride, padding: (kernel - 1) / 2)
            input = output
            return Block(units: units, last: last)
        }
    }

    func outputCount(_ count: Int) -> Int {
        blocks.reduce(first.outputCount(count)) { $1.last.outputCount($0) }
    }

    /// (N, C) from HuBERT's features.
    func callAsFunction(_ features: Frames) -> Frames {
        var x = first(features)
        for block in blocks {
            for unit in block.units { unit.apply(to: x) }
            x = block.last(x)
        }
        return x
    }
}
