// Frames of channels in memory: what flows between the layers of the codec. Channels last, so that a frame's channels
// are what a product sums over and what a vector register holds; no layer transposes.

import Foundation

/// Frames of channels, (N, C), C order. Not initialized unless said so.
final class Frames: @unchecked Sendable {  // one owner writes it; it is shared only when it no longer changes
    let count: Int
    let channels: Int
    let base: UnsafeMutablePointer<Float>

    init(count: Int, channels: Int) {
        precondition(count >= 0 && channels >= 1, "frames of a negative count or without channels")
        self.count = count
        self.channels = channels
        base = Self.allocate(count * channels)
    }

    /// Frames with the given values, (N, C).
    convenience init(_ values: [Float], channels: Int) {
        precondition(values.count % channels == 0, "\(values.count) values are no frames of \(channels) channels")
        self.init(count: values.count / channels, channels: channels)
        values.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { base.update(from: start, count: source.count) }
        }
    }

    deinit { base.deallocate() }

    /// The values, (N, C).
    var values: [Float] { Array(UnsafeBufferPointer(start: base, count: count * channels)) }

    /// Frame `t`.
    @inline(__always)
    subscript(t: Int) -> UnsafeMutablePointer<Float> { base + t * channels }

    /// Memory for floats, aligned to a vector register; at least one.
    static func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
        UnsafeMutableRawPointer.allocate(byteCount: max(1, count) * 4, alignment: 64).bindMemory(
            to: Float.self, capacity: count)
    }

    /// Frames that a tile of a layer should have: about 384 KiB, to stay in the second-level cache, but at least 98 frames
    /// (seven times the kernel's rows), for the weights, too large for any cache, pass by once a tile.
    static func tile(channels: Int) -> Int { max(7 * PanelProduct.rows, 98_304 / channels) }
}
