// The gate of the feed-forward: silu(gate) · up (Shazeer, arXiv 2002.05202).

/// y = gate · σ(gate) · up.
enum SwiGLU {
    /// All three have the same extents.
    static func forward(gate: Matrix, up: Matrix, y: Matrix) {
        precondition(gate.count == up.count && up.count == y.count, "gate, up and product differ in extents")
        ThreadTeam.forEachElements(gate.count) { range in
            forEachBlock(range) { i, count in
                let g = Lanes(at: gate.base + i, upTo: count), u = Lanes(at: up.base + i, upTo: count)
                store(g * sigmoid(g) * u, y.base + i, upTo: count)
            }
        }
    }

    /// Overwrites gate and up by their gradients, and gives the product again, which the weight below needs.
    ///
    /// dgate = dy · up · σ(gate) · (1 + gate · (1 − σ(gate))), dup = dy · silu(gate).
    static func backward(gate: Matrix, up: Matrix, y: Matrix, dy: Matrix) {
        precondition(
            gate.count == up.count && up.count == y.count && y.count == dy.count,
            "gate, up and product differ in extents")
        ThreadTeam.forEachElements(gate.count) { range in
            forEachBlock(range) { i, count in
                let g = Lanes(at: gate.base + i, upTo: count), u = Lanes(at: up.base + i, upTo: count)
                let d = Lanes(at: dy.base + i, upTo: count)
                let s = sigmoid(g)
                let silu = g * s
                store(silu * u, y.base + i, upTo: count)
                store(d * u * s * (1 + g * (1 - s)), gate.base + i, upTo: count)
                store(d * silu, up.base + i, upTo: count)
            }
        }
    }
}

@inline(__always) func sigmoid(_ x: Lanes) -> Lanes { 1 / (1 + exponential(-x)) }
