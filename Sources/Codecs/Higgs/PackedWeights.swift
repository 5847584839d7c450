// Weights of a linear layer or a convolution in the order in which the kernel reads them, and the product with rows of
// frames. Packed once, at loading; the inputs are read where they lie. The kernel is in ProductKernel.swift.

/// Where rows of inputs lie: row r, tap u, channel i at `base[r · rowStride + u · tapStride + i]`.
struct InputRows {
    var base: UnsafePointer<Float>
    var rowStride: Int
    var tapStride: Int
}

/// Where rows of outputs go: row r, column j at `base[r · rowStride + j]`.
struct OutputRows {
    var base: UnsafeMutablePointer<Float>
    var rowStride: Int
    /// Adds to what is there instead of overwriting it.
    var accumulates = false
}

/// The weights of a linear layer (one tap) or a convolution, with their bias.
final class PackedWeights: @unchecked Sendable {  // immutable after init, except through `fill`, before it is shared
    let taps: Int
    let channels: Int
    let outputs: Int
    private let panels: Int
    /// (panels, taps · channels, 32)
    private let values: UnsafeMutablePointer<Float>
    /// (panels · 32), zeros behind
    private let bias: UnsafeMutablePointer<Float>
    /// (32): the bias of all but the first block of a sum.
    private let zeros: UnsafeMutablePointer<Float>

    private static let width = PanelProduct.width
    /// Weights that a panel's block may hold, so that it stays in the second-level cache while rows pass: 128 KiB.
    private static let blockChannels = 1024

    /// Room for weights, zero; `fill` sets them.
    init(taps: Int, channels: Int, outputs: Int) {
        precondition(taps >= 1 && channels >= 1 && outputs >= 1, "weights of nothing")
        self.taps = taps
        self.channels = channels
        self.outputs = outputs
        panels = (outputs + Self.width - 1) / Self.width
        values = Frames.allocate(panels * taps * channels * Self.width)
        bias = Frames.allocate((panels + 1) * Self.width)
        bias.initialize(repeating: 0, count: (panels + 1) * Self.width)
        zeros = bias + panels * Self.width
    }

    deinit {
        values.deallocate()
        bias.deallocate()
    }

    /// Packs a weight that lies as `weight[output · outputStride + channel · channelStride + tap · tapStride]`.
    convenience init(
        taps: Int, channels: Int, outputs: Int, weight: [Float], outputStride: Int, channelStride: Int, tapStride: Int,
        bias: [Float]? = nil
    ) {
        self.init(taps: taps, channels: channels, outputs: outputs)
        let last = (outputs - 1) * outputStride + (channels - 1) * channelStride + (taps - 1) * tapStride
        precondition(last < weight.count && bias.map { $0.count == outputs } ?? true, "weights of another shape")
        weight.withUnsafeBufferPointer { weight in
            fill(
                from: weight.baseAddress.unsafelyUnwrapped, outputStride: outputStride, channelStride: channelStride,
                tapStride: tapStride)
        }
        for (i, value) in (bias ?? []).enumerated() { self.bias[i] = value }
    }

    /// A linear layer's weight, (outputs, channels), as PyTorch stores it.
    convenience init(linear weight: [Float], outputs: Int, channels: Int, bias: [Float]?) {
        self.init(
            taps: 1, channels: channels, outputs: outputs, weight: weight, outputStride: channels, channelStride: 1,
            tapStride: 0, bias: bias)
    }

    /// A convolution's weight, (outputs, channels, taps), as PyTorch stores it.
    convenience init(convolution weight: [Float], outputs: Int, channels: Int, taps: Int, bias: [Float]?) {
        self.init(
            taps: taps, channels: channels, outputs: outputs, weight: weight, outputStride: channels * taps,
            channelStride: taps, tapStride: 1, bias: bias)
    }

    /// Sets the weights; columns beyond `outputs` become zero. Not while others read them.
    func fill(from weight: UnsafePointer<Float>, outputStride: Int, channelStride: Int, tapStride: Int) {
        for panel in 0..<panels {
            let first = panel * Self.width, count = min(Self.width, outputs - first)
            for tap in 0..<taps {
                var target = values + (panel * taps + tap) * channels * Self.width
                var source = weight + first * outputStride + tap * tapStride
                for _ in 0..<channels {
                    for j in 0..<count { target[j] = source[j * outputStride] }
                    for j in count..<Self.width { target[j] = 0 }
                    target += Self.width
                    source += channelStride
                }
            }
        }
    }

    /// Multiplies `count` rows of inputs, adds the bias, and writes (or adds) `count` rows of outputs.
    ///
    /// The caller answers for the extents: inputs up to row count − 1, tap taps − 1, channel channels − 1; outputs up to
    /// row count − 1, column outputs − 1.
    func multiply(_ input: InputRows, rows count: Int, into output: OutputRows) {
        if count <= 0 { return }
        // Taps that follow one another in memory are one longer tap.
        let isMerged = taps == 1 || input.tapStride == channels
        let taps = isMerged ? 1 : self.taps, channels = isMerged ? self.taps * self.channels : self.channels
        let tapBlock = max(1, Self.blockChannels / channels)
        for panel in 0..<panels {
            let panelWeights = values + panel * taps * channels * Self.width
            let columns = min(Self.width, outputs - panel * Self.width)
            var product = PanelProduct(
                a: input.base, rowStride: input.rowStride, taps: 1, tapStride: input.tapStride, channels: 1,
                weights: panelWeights, bias: bias + panel * Self.width,
                c: output.base + panel * Self.width, cStride: output.rowStride, accumulates: output.accumulates)
            var tap = 0
            while tap < taps {
                product.taps = min(tapBlock, taps - tap)
                var channel = 0
                while channel < channels {
                    product.channels = min(channels - channel, tapBlock > 1 ? channels : Self.blockChannels)
                    product.a = input.base + tap * input.tapStride + channel
                    product.weights = UnsafePointer(panelWeights + (tap * channels + channel) * Self.width)
                    if columns == Self.width {
                        product.run(rows: count)
                    } else {
                        Self.run(product, rows: count, columns: columns)
                    }
                    product.accumulates = true
                    product.bias = UnsafePointer(zeros)
                    channel += product.channels
                }
                tap += product.taps
            }
        }
    }

    /// The last panel where it is not full: the kernel writes 32 columns aside, of which `columns` are kept.
    private static func run(_ product: PanelProduct, rows count: Int, columns: Int) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: PanelProduct.rows * width) { aside in
            guard let base = aside.baseAddress else { return }
            var row = 0
            while row < count {
                let rows = min(PanelProduct.rows, count - row)
                var part = product
                part.a += row * product.rowStride
                part.c = base
                part.cStride = width
                part.accumulates = false
                part.run(rows: rows, columns: columns)
                for r in 0..<rows {
                    let c = product.c + (row + r) * product.cStride, sums = base + r * width
                    for j in 0..<columns { c[j] = product.accumulates ? c[j] + sums[j] : sums[j] }
                }
                row += rows
            }
        }
    }
}
