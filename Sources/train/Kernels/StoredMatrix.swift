// A weight matrix as it lies in memory: floats in an arena, or the bytes of a mapped checkpoint in their own type. Narrow
// ones are never copied whole; see StoredMatrix+Products.swift.

import PipelineKit

/// A row-major matrix that is read, never written through. Its memory must outlive it.
struct StoredMatrix: @unchecked Sendable {  // its memory is only read while products run
    private enum Storage {
        case floats(UnsafeMutablePointer<Float>)
        /// Little-endian float32, float16 or bfloat16 of any alignment.
        case bytes(UnsafeRawPointer, ElementType)
    }

    let rows: Int
    let columns: Int
    private let storage: Storage

    /// A matrix of floats.
    init(_ matrix: Matrix) {
        rows = matrix.rows
        columns = matrix.columns
        storage = .floats(matrix.base)
    }

    /// The types that can be used where they lie.
    static func takes(_ type: ElementType) -> Bool { [.float32, .float16, .bfloat16].contains(type) }

    /// A tensor of an open file, of two or more dimensions; those behind the first are the columns.
    init(_ tensor: SafetensorsTensor) {
        precondition(Self.takes(tensor.elementType), "\(tensor.name) cannot be used where it lies")
        guard let base = tensor.bytes.baseAddress, tensor.shape.count >= 2, tensor.shape[0] > 0 else {
            preconditionFailure("\(tensor.name) is no matrix")
        }
        rows = tensor.shape[0]
        columns = tensor.count / rows
        if tensor.elementType == .float32, Int(bitPattern: base) % MemoryLayout<Float>.alignment == 0 {
            // Products want mutable pointers but write through C's alone; the mapping is read-only, so a write would trap.
            let floats = base.bindMemory(to: Float.self, capacity: tensor.count)
            storage = .floats(UnsafeMutablePointer(mutating: floats))
        } else {
            storage = .bytes(base, tensor.elementType)
        }
    }

    var count: Int { rows * columns }

    /// The whole matrix, where it is floats already.
    var floats: Matrix? {
        guard case .floats(let base) = storage else { return nil }
        return Matrix(base: base, rows: rows, columns: columns)
    }

    /// The bytes of a matrix that is stored as bfloat16, of any alignment.
    var bfloat16: UnsafeRawPointer? {
        guard case .bytes(let base, .bfloat16) = storage else { return nil }
        return base
    }

    /// Copies some consecutive rows as floats; `target` has room for them.
    func read(_ range: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
        let start = range.lowerBound * columns, count = range.count * columns
        switch storage {
        case .floats(let base): target.update(from: base + start, count: count)
        case .bytes(let base, let type):
            widen(base + start * type.byteCount, type, count: count, into: target)
        }
    }
}

/// Turns stored float32, float16 or bfloat16 of any alignment into floats. Every such value has one exact float.
func widen(_ source: UnsafeRawPointer, _ type: ElementType, count: Int, into target: UnsafeMutablePointer<Float>) {
    switch type {
    case .float32: UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: 4 * count)
    case .float16:
        for i in 0..<count { target[i] = Float(source.loadUnaligned(fromByteOffset: 2 * i, as: Float16.self)) }
    case .bfloat16:
        let bits = UnsafeMutableRawPointer(target).assumingMemoryBound(to: UInt32.self)
        for i in 0..<count {
            bits[i] = UInt32(truncatingIfNeeded: source.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)) << 16
        }
    default: preconditionFailure("\(type) is not widened")
    }
}

/// The bits of the bfloat16 nearest to a float, halves to even, as PyTorch rounds; NaN stays NaN.
func bfloat16Bits(_ value: Float) -> UInt16 {
    if value.isNaN { return 0x7FC0 }
    let bits = value.bitPattern
    return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
}

/// The same of many floats. The loop has neither branch nor conversion, so that it becomes vector instructions.
func roundToBFloat16(_ source: UnsafePointer<Float>, count: Int, into target: UnsafeMutablePointer<UInt16>) {
    for i in 0..<count {
        let bits = source[i].bitPattern
        let rounded = (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16
        target[i] = UInt16(truncatingIfNeeded: bits & 0x7FFF_FFFF > 0x7F80_0000 ? 0x7FC0 : rounded)
    }
}

/// The bytes of floats in a type that checkpoints store; rounded to nearest where it is narrower.
func narrowed(_ values: UnsafeBufferPointer<Float>, to type: ElementType) -> [UInt8] {
    switch type {
    case .float32: Array(UnsafeRawBufferPointer(values))
    case .float16: values.map { Float16($0) }.withUnsafeBytes { Array($0) }
    case .bfloat16: values.map(bfloat16Bits).withUnsafeBytes { Array($0) }
    case .float64: values.map { Double($0) }.withUnsafeBytes { Array($0) }
    default: preconditionFailure("floats are not stored as \(type)")
    }
}
