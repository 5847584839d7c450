// x + conv₁(act₂(conv_k(act₁(x)))): the residual unit of DAC (transformers 5.23 models/dac, `DacResidualUnit`) and of the
// semantic encoder (`HiggsAudioV2TokenizerResidualUnit`).

/// A residual unit of a dilated convolution that keeps the length, and one of a single tap.
struct ResidualUnit: Sendable {
    var first: Activation
    var wide: Convolution
    var second: Activation
    var narrow: PackedWeights

    /// Adds the unit's output to `x`, in place, tile by tile.
    ///
    /// A tile's convolution sees frames before it that have already been changed; their activations are kept from the
    /// tile before.
    func apply(to x: Frames) {
        let channels = x.channels, padding = wide.padding, dilation = wide.dilation, rows = PanelProduct.rows
        precondition(wide.stride == 1 && wide.span == 2 * padding + 1, "a residual unit keeps the length")
        precondition(wide.weights.outputs == channels && narrow.outputs == channels && narrow.taps == 1)
        let tile = max((2 * padding + rows - 1) / rows * rows, Frames.tile(channels: channels, of: x.count))
        let activated = Frames(count: tile + 2 * padding, channels: channels)
        let hidden = Frames(count: min(tile, x.count), channels: channels)
        first.copy(x, rows: -padding..<padding, to: activated)
        var start = 0
        while start < x.count {
            let rows = min(tile, x.count - start)
            first.copy(x, rows: start + padding..<start + padding + rows, to: activated, at: 2 * padding)
            wide.weights.multiply(activated.inputs(dilation: dilation), rows: rows, into: hidden.outputs())
            second.apply(to: hidden, rows: 0..<rows)
            narrow.multiply(hidden.inputs(), rows: rows, into: x.outputs(from: start, accumulates: true))
            start += rows
            // The last 2 · padding frames are the next tile's first; source and target do not overlap: a whole tile is
            // at least that long, and after a shorter one there is no next.
            if start < x.count { activated[0].update(from: activated[rows], count: 2 * padding * activated.stride) }
        }
    }
}
