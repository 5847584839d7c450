// HuBERT as the semantic model (transformers 5.23 models/hubert/modeling_hubert.py, `HubertModel` with group norm and
// post-norm layers): from 16 kHz samples to the mean over all hidden states. Its transformer is in HubertLayer.swift.

/// The semantic model.
struct Hubert: Sendable {
    private let extractor: HubertExtractor
    private let projectionNorm: LayerNorm?
    private let projection: PackedWeights
    private let positions: HubertPositions
    private let norm: LayerNorm
    private let layers: [HubertLayer]

    init(_ weights: HiggsWeights, _ config: HiggsConfig.Semantic) throws {
        let root = "semantic_model"
        extractor = try HubertExtractor(weights, config)
        let features = config.convolutionChannels[config.convolutionChannels.count - 1]
        // `layer_norm_eps` holds for the norms of the transformer and the projection alike.
        projectionNorm =
            config.projectionNorm
            ? try weights.norm("\(root).feature_projection.layer_norm", config.normEpsilon) : nil
        projection = try weights.linear("\(root).feature_projection.projection", config.hidden, features)
        positions = try HubertPositions(weights, config)
        norm = try weights.norm("\(root).encoder.layer_norm", config.normEpsilon)
        layers = try (0..<config.layers).map { try HubertLayer(weights, config, index: $0) }
    }

    /// Frames that come out of as many samples.
    func outputCount(_ samples: Int) -> Int { extractor.outputCount(samples) }

    /// The mean over the hidden states before the first layer and after every layer, (N, C).
    func callAsFunction(_ samples: [Float]) -> Frames {
        let features = extractor(samples)
        projectionNorm?.apply(to: features)
        let x = Frames(count: features.count, channels: projection.outputs)
        projection.multiply(features.inputs(), rows: x.count, into: x.outputs())
        positions.add(to: x)
        norm.apply(to: x)
        let sum = Frames(count: x.count, channels: x.channels)
        sum.copy(x, rows: 0..<x.count)
        for layer in layers {
            layer.apply(to: x)
            Self.add(x, to: sum)
        }
        let states = Float(layers.count + 1)
        for t in 0..<sum.count { forEachVector(sum[t], sum[t], count: sum.channels) { $0 / states } }
        return sum
    }

    private static func add(_ x: Frames, to sum: Frames) {
        for t in 0..<x.count {
            let target = sum[t], source = x[t]
            for c in 0..<x.channels { target[c] += source[c] }
        }
    }
}

/// The convolutions that turn samples into features.
struct HubertExtractor: Sendable {
    private let first: Convolution
    private let firstWeight: [Float]
    private let firstBias: [Float]
    private let rest: [Convolution]
    /// torch.nn.GroupNorm's own default: the config's does not reach it.
    private static let epsilon = 1e-5

    init(_ weights: HiggsWeights, _ config: HiggsConfig.Semantic) throws {
        var convolutions: [Convolution] = []
        for (i, outputs) in config.convolutionChannels.enumerated() {
            let name = "semantic_model.feature_extractor.conv_layers.\(i).conv"
            let packed = try weights.convolution(
                name, outputs: outputs, channels: i == 0 ? 1 : config.convolutionChannels[i - 1],
                taps: config.convolutionKernels[i], hasBias: config.convolutionBias)
            convolutions.append(Convolution(packed, stride: config.convolutionStrides[i]))
        }
        first = convolutions[0]
        rest = Array(convolutions.dropFirst())
        let norm = "semantic_model.feature_extractor.conv_layers.0.layer_norm"
        firstWeight = try weights.floats("\(norm).weight")
        firstBias = try weights.floats("\(norm).bias")
    }

    func outputCount(_ samples: Int) -> Int {
        rest.reduce(first.outputCount(samples)) { $1.outputCount($0) }
    }

    /// Samples that one feature sees.
    private var span: Int { ([first] + rest).reversed().reduce(1) { ($0 - 1) * $1.stride + $1.span } }
    /// Samples from a feature to the next.
    private var hop: Int { rest.reduce(first.stride) { $0 * $1.stride } }

    /// Features of samples, (N, C), in memory that does not grow with them but for the features themselves.
    ///
    /// The first layer's output, ten times as large as anything after it, is computed twice, tile by tile, rather than
    /// kept: once for the statistics of the group norm, once for the second layer. After that no layer pads or looks at
    /// more than its kernel, so a stretch of features follows from a stretch of samples.
    ///
    /// - Parameter chunk: features that are computed together; no bit depends on it.
    func callAsFunction(_ samples: [Float], chunk: Int = 512) -> Frames {
        let wave = Frames(samples, channels: 1)
        let affine = statistics(wave).affine(weight: firstWeight, bias: firstBias, epsilon: Self.epsilon)
        let output = Frames(
            count: outputCount(samples.count), channels: rest.last?.weights.outputs ?? first.weights.outputs)
        var start = 0
        while start < output.count {
            let rows = min(chunk, output.count - start)
            let part = wave.slice(start * hop..<(start + rows - 1) * hop + span)
            output.copy(features(part, affine), rows: 0..<rows, at: start)
            start += rows
        }
        return output
    }

    /// The statistics of the first layer's output.
    private func statistics(_ wave: Frames) -> ChannelStatistics {
        let count = first.outputCount(wave.count), channels = first.weights.outputs
        let tile = Frames.tile(channels: channels)
        let scratch = Frames(count: min(tile, count), channels: channels)
        var statistics = ChannelStatistics(channels: channels)
        var start = 0
        while start < count {
            let rows = min(tile, count - start)
            convolve(wave, from: start, rows: rows, into: scratch)
            statistics.add(scratch, rows: rows)
            start += rows
        }
        return statistics
    }

    /// All layers, given the affine map of the group norm.
    private func features(_ wave: Frames, _ affine: (scale: [Float], shift: [Float])) -> Frames {
        let channels = first.weights.outputs
        guard let second = rest.first else {
            let output = Frames(count: first.outputCount(wave.count), channels: channels)
            convolve(wave, from: 0, rows: output.count, into: output)
            Self.normalize(output, rows: output.count, affine)
            return output
        }
        var x = Frames(count: second.outputCount(first.outputCount(wave.count)), channels: second.weights.outputs)
        let tile = max(1, Frames.tile(channels: channels) / second.stride / PanelProduct.rows) * PanelProduct.rows
        let input = Frames(count: (tile - 1) * second.stride + second.span, channels: channels)
        var start = 0
        while start < x.count {
            let rows = min(tile, x.count - start), inputs = (rows - 1) * second.stride + second.span
            convolve(wave, from: start * second.stride, rows: inputs, into: input)
            Self.normalize(input, rows: inputs, affine)
            second.weights.multiply(
                input.inputs(every: second.stride), rows: rows, into: x.outputs(from: start))
            Activation.gelu.apply(to: x, rows: start..<start + rows)
            start += rows
        }
        for convolution in rest.dropFirst() { x = convolution(x, then: .gelu) }
        return x
    }

    private func convolve(_ wave: Frames, from row: Int, rows: Int, into target: Frames) {
        first.weights.multiply(
            wave.inputs(from: row * first.stride, every: first.stride), rows: rows, into: target.outputs())
    }

    /// Group norm, then GELU, in place.
    private static func normalize(_ x: Frames, rows: Int, _ affine: (scale: [Float], shift: [Float])) {
        let channels = x.channels
        affine.scale.withUnsafeBufferPointer { scale in
            affine.shift.withUnsafeBufferPointer { shift in
                for row in 0..<rows {
                    let p = x[row]
                    for c in 0..<channels { p[c] = p[c] * scale[c] + shift[c] }
                }
            }
        }
        Activation.gelu.apply(to: x, rows: 0..<rows)
    }
}

/// The convolution that stands for positions: grouped, as long as its kernel, GELU behind it.
struct HubertPositions: Sendable {
    /// One a group.
    private let groups: [PackedWeights]
    private let kernel: Int

    init(_ weights: HiggsWeights, _ config: HiggsConfig.Semantic) throws {
        let name = "semantic_model.encoder.pos_conv_embed.conv"
        kernel = config.positionKernel
        let width = config.hidden / config.positionGroups, kernel = config.positionKernel
        let weight = try weights.floats("\(name).weight"), bias = try weights.floats("\(name).bias")
        groups = (0..<config.positionGroups).map { group in
            let size = width * width * kernel
            return PackedWeights(
                convolution: Array(weight[group * size..<(group + 1) * size]), outputs: width, channels: width,
                taps: kernel, bias: Array(bias[group * width..<(group + 1) * width]))
        }
    }

    /// Adds GELU(conv(x)) to x. Of an even kernel's outputs, one more than inputs, the last is dropped.
    func add(to x: Frames) {
        let width = groups[0].channels, padding = kernel / 2
        // One group's channels at a time, side by side, so that they fit into the first-level cache.
        let input = Frames(count: x.count + kernel - 1, channels: width)
        let output = Frames(count: x.count, channels: width)
        input.clear(0..<input.count)
        for (group, weights) in groups.enumerated() {
            for t in 0..<x.count { input[t + padding].update(from: x[t] + group * width, count: width) }
            weights.multiply(input.inputs(), rows: x.count, into: output.outputs())
            Activation.gelu.apply(to: output, rows: 0..<x.count)
            for t in 0..<x.count {
                let target = x[t] + group * width, source = output[t]
                for i in 0..<width { target[i] += source[i] }
            }
        }
    }
}
