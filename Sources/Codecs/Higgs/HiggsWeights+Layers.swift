// Layers from the tensors of a checkpoint.

extension HiggsWeights {
    func linear(_ name: String, _ outputs: Int, _ channels: Int) throws -> PackedWeights {
        PackedWeights(
            linear: try floats("\(name).weight"), outputs: outputs, channels: channels,
            bias: try floats("\(name).bias"))
    }

    func convolution(
        _ name: String, outputs: Int, channels: Int, taps: Int, hasBias: Bool = true
    ) throws -> PackedWeights {
        PackedWeights(
            convolution: try floats("\(name).weight"), outputs: outputs, channels: channels, taps: taps,
            bias: hasBias ? try floats("\(name).bias") : nil)
    }

    func norm(_ name: String, _ epsilon: Float) throws -> LayerNorm {
        LayerNorm(weight: try floats("\(name).weight"), bias: try floats("\(name).bias"), epsilon: epsilon)
    }

    func snake(_ name: String) throws -> Activation {
        .snake(Snake(alpha: try floats("\(name).alpha")))
    }

    /// The three residual units of a DAC block, with dilations 1, 3 and 9.
    func residualUnits(_ block: String, width: Int) throws -> [ResidualUnit] {
        try [1, 3, 9].enumerated().map { index, dilation in
            let name = "\(block).res_unit\(index + 1)"
            return ResidualUnit(
                first: try snake("\(name).snake1"),
                wide: Convolution(
                    try convolution("\(name).conv1", outputs: width, channels: width, taps: 7), dilation: dilation,
                    padding: 3 * dilation),
                second: try snake("\(name).snake2"),
                narrow: try convolution("\(name).conv2", outputs: width, channels: width, taps: 1))
        }
    }
}
