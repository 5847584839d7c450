// Frames of channels in memory: what flows between the layers of the codec. Channels last, so that a frame's channels
// are what a product sums over and what a vector register holds; no layer transposes.

import Foundation

/// Frames of channels, (N, C), with frames `stride` floats apart. Not initialized unless said so.
final class Frames: @unchecked Sendable {  // one owner writes it; it is shared only when it no longer changes
    let count: Int
    let channels: Int
    /// Floats from a frame to the next. A cache's sets repeat every 4 KiB: frames that lie a multiple of 1 KiB apart, or
    /// strided ones a multiple of 4, would share too few sets for the kernel's fourteen rows; such frames get 64 bytes more.
    let stride: Int
    private let base: UnsafeMutablePointer<Float>

    init(count: Int, channels: Int) {
        precondition(count >= 0 && channels >= 1, "frames of a negative count or without channels")
        self.count = count
        self.channels = channels
        stride = channels % 256 == 0 ? channels + 16 : channels
        base = Self.allocate(count * stride)
    }

    /// Frames with the given values, (N, C).
    convenience init(_ values: [Float], channels: Int) {
        precondition(values.count % channels == 0, "\(values.count) values are no frames of \(channels) channels")
        self.init(count: values.count / channels, channels: channels)
        values.withUnsafeBufferPointer { source in
            guard let start = source.baseAddress else { return }
            for t in 0..<count { self[t].update(from: start + t * channels, count: channels) }
        }
    }

    deinit { base.deallocate() }

    /// The values, (N, C).
    var values: [Float] {
        (0..<count).flatMap { UnsafeBufferPointer(start: self[$0], count: channels) }
    }

    /// Frame `t`.
    @inline(__always)
    subscript(t: Int) -> UnsafeMutablePointer<Float> { base + t * stride }

    /// Sets frames to zero.
    func clear(_ rows: Range<Int>) {
        for t in rows { self[t].update(repeating: 0, count: channels) }
    }

    /// Frames from `row` on as the inputs of a product: every `step`-th one, its taps `dilation` frames apart.
    func inputs(from row: Int = 0, every step: Int = 1, dilation: Int = 1) -> InputRows {
        InputRows(base: self[row], rowStride: step * stride, tapStride: dilation * stride)
    }

    /// Frames from `row` on as the outputs of a product: every `step`-th one.
    func outputs(from row: Int = 0, every step: Int = 1, accumulates: Bool = false) -> OutputRows {
        OutputRows(base: self[row], rowStride: step * stride, accumulates: accumulates)
    }

    /// Copies frames of the source to frames from `start` on.
    func copy(_ source: Frames, rows: Range<Int>, at start: Int = 0) {
        precondition(channels == source.channels, "frames of \(source.channels) channels for \(channels)")
        for t in rows { self[start + t - rows.lowerBound].update(from: source[t], count: channels) }
    }

    /// Some of the frames, copied.
    func slice(_ rows: Range<Int>) -> Frames {
        let part = Frames(count: rows.count, channels: channels)
        part.copy(self, rows: rows)
        return part
    }

    /// Memory for floats, aligned to a vector register; at least one.
    static func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
        UnsafeMutableRawPointer.allocate(byteCount: max(1, count) * 4, alignment: 64).bindMemory(
            to: Float.self, capacity: count)
    }

    /// Frames that a tile of a layer should have: about 384 KiB, to stay in the second-level cache, but at least 98 frames,
    /// for the weights, too large for any cache, pass by once a tile. A multiple of the kernel's rows.
    static func tile(channels: Int) -> Int { max(7, 98_304 / channels / PanelProduct.rows) * PanelProduct.rows }

    /// The same for `count` frames in tiles of about equal size: a short one at the end would cost a whole pass of the weights.
    static func tile(channels: Int, of count: Int) -> Int {
        let most = tile(channels: channels), tiles = max(1, (count + most / 2) / most), rows = PanelProduct.rows
        return ((count + tiles - 1) / tiles + rows - 1) / rows * rows
    }
}
