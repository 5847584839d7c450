// Arrays as shards hold them: an element type, a shape, the values in C order.

/// An n-dimensional array. Never empty: MDS forbids arrays without elements and without dimensions.
public struct NDArray: Sendable, Equatable {
    public let elementType: ElementType
    /// The size of each axis, outermost first.
    public let shape: [Int]
    /// The values in C order, little-endian.
    public let bytes: [UInt8]

    /// An array of numbers; `shape` multiplies to their number.
    public init<T: ArrayElement>(_ values: [T], shape: [Int]) {
        self.init(elementType: T.elementType, shape: shape, bytes: values.withUnsafeBytes { Array($0) })
    }

    /// An array of one axis.
    public init<T: ArrayElement>(_ values: [T]) {
        self.init(values, shape: [values.count])
    }

    /// An array from its bytes, whose number must fit the shape.
    public init(elementType: ElementType, shape: [Int], bytes: [UInt8]) {
        precondition(
            shape.reduce(elementType.byteCount, *) == bytes.count,
            "\(bytes.count) bytes cannot have the shape \(shape) of \(elementType)")
        self.elementType = elementType
        self.shape = shape
        self.bytes = bytes
    }

    /// The number of elements.
    public var count: Int { bytes.count / elementType.byteCount }

    /// The values in C order.
    /// - Throws: `MDSError` if the array's element type is another.
    public func values<T: ArrayElement>(as type: T.Type) throws -> [T] {
        guard T.elementType == elementType else {
            throw MDSError("holds an array of \(elementType), expected \(T.elementType)")
        }
        return bytes.withUnsafeBytes { Self.copyValues($0) }
    }

    /// Values out of bytes of any alignment.
    static func copyValues<T: ArrayElement>(_ bytes: UnsafeRawBufferPointer) -> [T] {
        let count = bytes.count / MemoryLayout<T>.size
        return [T](unsafeUninitializedCapacity: count) { buffer, filled in
            UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
            filled = count
        }
    }
}
