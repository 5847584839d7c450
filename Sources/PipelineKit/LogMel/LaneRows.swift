// Sixteen runs of samples side by side: how they get into the lanes of a transform and out again.

/// Room for sixteen rows of samples, and the exchange of rows and lanes.
struct LaneRows {
    private let room: UnsafeMutablePointer<Float>  // (lanes, count)
    private let count: Int

    /// - Parameter count: samples of the longest row that is stored.
    init(count: Int) {
        self.count = count
        room = .allocate(capacity: Lanes.scalarCount * count)
        room.initialize(repeating: 0, count: Lanes.scalarCount * count)
    }

    func deallocate() { room.deallocate() }

    /// The row that `store` filled for a lane. // (count)
    func row(_ lane: Int) -> UnsafePointer<Float> { UnsafePointer(room + lane * count) }

    /// Samples 2n and 2n + 1 of each row become real and imaginary part n of its lane. Rows start `apart` samples apart
    /// and have `count` samples, an even number.
    static func load(_ samples: UnsafePointer<Float>, apart: Int, into data: ComplexLanes, count: Int) {
        withTile { tile in
            for first in stride(from: 0, to: count, by: Lanes.scalarCount) {
                let width = min(Lanes.scalarCount, count - first)
                for lane in 0..<Lanes.scalarCount {
                    let source = samples + (lane * apart + first)
                    if width == Lanes.scalarCount {
                        tile[lane] = UnsafeRawPointer(source).loadUnaligned(as: Lanes.self)
                    } else {
                        for index in 0..<width { tile[lane][index] = source[index] }
                    }
                }
                transpose(tile)
                for pair in 0..<width / 2 {
                    data.real[first / 2 + pair] = tile[2 * pair]
                    data.imaginary[first / 2 + pair] = tile[2 * pair + 1]
                }
            }
        }
    }

    /// The way back, into the rows.
    func store(_ data: ComplexLanes, count: Int) {
        Self.withTile { tile in
            for first in stride(from: 0, to: count, by: Lanes.scalarCount) {
                let width = min(Lanes.scalarCount, count - first)
                for pair in 0..<width / 2 {
                    tile[2 * pair] = data.real[first / 2 + pair]
                    tile[2 * pair + 1] = data.imaginary[first / 2 + pair]
                }
                Self.transpose(tile)
                for lane in 0..<Lanes.scalarCount {
                    Self.put(tile[lane], at: room + (lane * self.count + first), count: width)
                }
            }
        }
    }

    /// Stores the first `count` lanes, or all of them where `count` is larger.
    @inline(__always)
    static func put(_ lanes: Lanes, at target: UnsafeMutablePointer<Float>, count: Int) {
        if count >= Lanes.scalarCount {
            UnsafeMutableRawPointer(target).storeBytes(of: lanes, as: Lanes.self)
        } else {
            for index in 0..<count { target[index] = lanes[index] }
        }
    }

    /// Room for sixteen vectors and as many of scratch.
    @inline(__always)
    private static func withTile(_ body: (UnsafeMutablePointer<Lanes>) -> Void) {
        withUnsafeTemporaryAllocation(of: Lanes.self, capacity: 2 * Lanes.scalarCount) { tile in
            tile.initialize(repeating: .zero)
            if let address = tile.baseAddress { body(address) }
        }
    }

    /// Exchanges rows and columns of sixteen vectors, the next sixteen being scratch: parting even places from odd ones
    /// turns the eight bits of an element's place by one, and four turns exchange the upper four with the lower four.
    @inline(__always)
    private static func transpose(_ tile: UnsafeMutablePointer<Lanes>) {
        var from = tile, to = tile + Lanes.scalarCount
        for _ in 0..<4 {
            for pair in 0..<Lanes.scalarCount / 2 {
                let both = SIMD32<Float>(lowHalf: from[2 * pair], highHalf: from[2 * pair + 1])
                to[pair] = both.evenHalf
                to[pair + Lanes.scalarCount / 2] = both.oddHalf
            }
            swap(&from, &to)
        }
    }
}
