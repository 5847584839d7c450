// One layer of HuBERT's transformer (transformers 5.23 models/hubert, `HubertEncoderLayer`): attention, norm, feed-forward,
// norm. Attention sees all frames; it is computed for blocks of queries, whose scores stay in the cache.

/// A post-norm transformer layer.
struct HubertLayer: Sendable {
    private let attention: SelfAttention
    private let attentionNorm: LayerNorm
    private let up: PackedWeights
    private let down: PackedWeights
    private let finalNorm: LayerNorm

    init(_ weights: HiggsWeights, _ config: HiggsConfig.Semantic, index: Int) throws {
        let name = "semantic_model.encoder.layers.\(index)"
        attention = try SelfAttention(weights, "\(name).attention", width: config.hidden, heads: config.heads)
        attentionNorm = try weights.norm("\(name).layer_norm", config.normEpsilon)
        up = try weights.linear("\(name).feed_forward.intermediate_dense", config.feedForward, config.hidden)
        down = try weights.linear("\(name).feed_forward.output_dense", config.hidden, config.feedForward)
        finalNorm = try weights.norm("\(name).final_layer_norm", config.normEpsilon)
    }

    /// Passes the frames through, in place.
    func apply(to x: Frames) {
        attention.add(to: x)
        attentionNorm.apply(to: x)
        let tile = min(x.count, Frames.tile(channels: up.outputs, of: x.count))
        let hidden = Frames(count: tile, channels: up.outputs)
        var start = 0
        while start < x.count {
            let rows = min(tile, x.count - start)
            up.multiply(x.inputs(from: start), rows: rows, into: hidden.outputs())
            Activation.gelu.apply(to: hidden, rows: 0..<rows)
            down.multiply(hidden.inputs(), rows: rows, into: x.outputs(from: start, accumulates: true))
            finalNorm.apply(to: x, rows: start..<start + rows)
            start += rows
        }
    }
}

/// Multi-head attention of frames among themselves, without a mask.
struct SelfAttention: Sendable {
    private let heads: Int
    private let width: Int
    /// Queries, keys and values in one product.
    private let input: PackedWeights
    private let output: PackedWeights
    /// Floats that a block's scores may take: 512 KiB.
    private static let scoreCount = 131_072

    /// - Parameters:
    ///   - input: width → queries, keys and values, one after another.
    ///   - output: width → width.
    init(heads: Int, input: PackedWeights, output: PackedWeights) {
        width = output.channels
        precondition(width % heads == 0 && input.channels == width && input.outputs == 3 * width, "another attention")
        self.heads = heads
        self.input = input
        self.output = output
    }

    init(_ weights: HiggsWeights, _ name: String, width: Int, heads: Int) throws {
        var weight: [Float] = [], bias: [Float] = []
        for part in ["q_proj", "k_proj", "v_proj"] {
            weight += try weights.floats("\(name).\(part).weight")
            bias += try weights.floats("\(name).\(part).bias")
        }
        self.init(
            heads: heads, input: PackedWeights(linear: weight, outputs: 3 * width, channels: width, bias: bias),
            output: try weights.linear("\(name).out_proj", width, width))
    }

    /// Adds the attention's output to x.
    func add(to x: Frames) {
        let count = x.count, headWidth = width / heads
        let projected = Frames(count: count, channels: 3 * width)
        input.multiply(x.inputs(), rows: count, into: projected.outputs())
        let mixed = Frames(count: count, channels: width)
        let keys = PackedWeights(taps: 1, channels: headWidth, outputs: count)
        let values = PackedWeights(taps: 1, channels: count, outputs: headWidth)
        let block = min(count, max(PanelProduct.rows, Self.scoreCount / count / PanelProduct.rows * PanelProduct.rows))
        let scores = Frames(count: block, channels: count)
        let scale = 1 / Float(headWidth).squareRoot()
        for head in 0..<heads {
            let place = head * headWidth
            keys.fill(
                from: projected[0] + width + place, outputStride: projected.stride, channelStride: 1, tapStride: 0)
            values.fill(
                from: projected[0] + 2 * width + place, outputStride: 1, channelStride: projected.stride, tapStride: 0)
            var start = 0
            while start < count {
                let rows = min(block, count - start)
                keys.multiply(
                    InputRows(base: projected[start] + place, rowStride: projected.stride, tapStride: 0), rows: rows,
                    into: scores.outputs())
                for row in 0..<rows { Self.softmax(scores[row], count: count, scale: scale) }
                values.multiply(
                    scores.inputs(), rows: rows,
                    into: OutputRows(base: mixed[start] + place, rowStride: mixed.stride))
                start += rows
            }
        }
        output.multiply(mixed.inputs(), rows: count, into: x.outputs(accumulates: true))
    }

    /// Softmax of scale · x, in place.
    static func softmax(_ x: UnsafeMutablePointer<Float>, count: Int, scale: Float) {
        var highest = Floats(repeating: -.infinity)
        let whole = count & ~15
        for i in stride(from: 0, to: whole, by: 16) {
            let v = UnsafeRawPointer(x + i).loadUnaligned(as: Floats.self)
            highest.replace(with: v, where: v .> highest)
        }
        var top = highest.max()
        for i in whole..<count { top = max(top, x[i]) }
        var sums = Floats.zero, rest: Float = 0
        for i in stride(from: 0, to: whole, by: 16) {
            let v = UnsafeRawPointer(x + i).loadUnaligned(as: Floats.self)
            let e = VectorMath.exp((v - top) * scale)
            sums += e
            UnsafeMutableRawPointer(x + i).storeBytes(of: e, as: Floats.self)
        }
        if whole < count {
            var v = Floats.zero
            for i in whole..<count { v[i - whole] = (x[i] - top) * scale }
            let e = VectorMath.exp(v)
            for i in whole..<count {
                x[i] = e[i - whole]
                rest += x[i]
            }
        }
        let factor = 1 / (sums.sum() + rest)
        forEachVector(x, x, count: count) { $0 * factor }
    }
}
