// One tensor of a safetensors file and its values as Swift numbers.

/// A tensor of an open safetensors file: its type, shape and place.
public struct SafetensorsTensor: @unchecked Sendable {  // the bytes are a read-only mapping
    public let name: String
    public let elementType: ElementType
    public let shape: [Int]
    /// The file, for errors.
    public let path: String
    /// Where its bytes start in the file's data.
    let start: Int
    /// Little-endian, C order, not necessarily aligned; valid as long as the file's object lives.
    public let bytes: UnsafeRawBufferPointer

    /// The number of elements.
    public var count: Int { bytes.count / elementType.byteCount }

    /// Writes the values of a float tensor (F32, F16, BF16, F64) as Float, in C order.
    ///
    /// - Parameter target: as many places as there are elements.
    /// - Throws: `SafetensorsError` where the tensor holds no floats.
    public func copyFloats(into target: UnsafeMutableBufferPointer<Float>) throws {
        precondition(target.count == count, "\(name): \(target.count) places for \(count) elements")
        switch elementType {
        case .float32: UnsafeMutableRawBufferPointer(target).copyMemory(from: bytes)
        case .float16:
            for i in 0..<count { target[i] = Float(bytes.loadUnaligned(fromByteOffset: 2 * i, as: Float16.self)) }
        case .bfloat16:
            for i in 0..<count {
                let bits = bytes.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)
                target[i] = Float(bitPattern: UInt32(bits) << 16)
            }
        case .float64:
            for i in 0..<count { target[i] = Float(bytes.loadUnaligned(fromByteOffset: 8 * i, as: Double.self)) }
        default:
            throw SafetensorsError(
                path: path, tensor: name, .elementType(got: elementType.safetensorsName, expected: "floats"))
        }
    }

    /// The values of an integer or bool tensor as Int, in C order.
    /// - Throws: `SafetensorsError` where the tensor holds no integers, or one beyond Int.
    public func integers() throws -> [Int] {
        func read<Value: BinaryInteger & BitwiseCopyable>(_: Value.Type) throws -> [Int] {
            try (0..<count).map { i in
                let value = bytes.loadUnaligned(fromByteOffset: i * MemoryLayout<Value>.size, as: Value.self)
                guard let integer = Int(exactly: value) else {
                    throw SafetensorsError(path: path, tensor: name, .tensor("\(value) is beyond 63 bits"))
                }
                return integer
            }
        }
        switch elementType {
        case .uint8, .bool: return try read(UInt8.self)
        case .int8: return try read(Int8.self)
        case .uint16: return try read(UInt16.self)
        case .int16: return try read(Int16.self)
        case .uint32: return try read(UInt32.self)
        case .int32: return try read(Int32.self)
        case .uint64: return try read(UInt64.self)
        case .int64: return try read(Int64.self)
        case .float16, .bfloat16, .float32, .float64:
            throw SafetensorsError(
                path: path, tensor: name, .elementType(got: elementType.safetensorsName, expected: "integers"))
        }
    }
}
