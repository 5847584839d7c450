// Memory for all activations of a pass, in one piece. A pass lays out its matrices twice with the same code: once to
// measure, once for real.

/// Hands out matrices one after another, each on a cache line.
struct ArenaCursor {
    private let base: UnsafeMutablePointer<Float>
    /// nil while measuring.
    private let capacity: Int?
    /// Floats handed out.
    private(set) var used = 0

    fileprivate init(base: UnsafeMutablePointer<Float>, capacity: Int?) {
        self.base = base
        self.capacity = capacity
    }

    /// A matrix with undefined contents. While measuring it must not be read or written.
    mutating func matrix(_ rows: Int, _ columns: Int) -> Matrix {
        let matrix = Matrix(base: base + used, rows: rows, columns: columns)
        used += (matrix.count + 15) / 16 * 16
        if let capacity { precondition(used <= capacity, "the arena is laid out larger than it was measured") }
        return matrix
    }
}

/// One block of memory that grows to the largest layout asked of it.
final class Arena {
    private var memory: UnsafeMutableRawBufferPointer
    private static let alignment = 64

    init() { memory = .allocate(byteCount: Self.alignment, alignment: Self.alignment) }

    deinit { memory.deallocate() }

    /// Bytes held now.
    var byteCount: Int { memory.count }

    /// How many bytes a layout takes.
    func measure<Layout>(_ layout: (inout ArenaCursor) -> Layout) -> Int {
        // Nothing is read or written through the matrices of a measurement, so the small block serves as their base.
        var cursor = ArenaCursor(base: Self.address(memory.bindMemory(to: Float.self)), capacity: nil)
        _ = layout(&cursor)
        return cursor.used * MemoryLayout<Float>.size
    }

    /// Lays out matrices for real. What earlier layouts gave out becomes invalid.
    func place<Layout>(_ layout: (inout ArenaCursor) -> Layout) -> Layout {
        let needed = max(Self.alignment, measure(layout))
        if needed > memory.count {
            memory.deallocate()
            memory = .allocate(byteCount: needed, alignment: Self.alignment)
        }
        let floats = memory.bindMemory(to: Float.self)
        var cursor = ArenaCursor(base: Self.address(floats), capacity: floats.count)
        return layout(&cursor)
    }

    private static func address(_ floats: UnsafeMutableBufferPointer<Float>) -> UnsafeMutablePointer<Float> {
        guard let address = floats.baseAddress else { preconditionFailure("an allocated buffer has an address") }
        return address
    }
}
