// Values to bytes and back, encoding by encoding (mosaicml-streaming 0.13, format/mds/encodings.py).

/// A value as it is stored: a few bytes of its own, then bytes that the value has already.
struct MDSStoredValue: Sendable {
    var head: [UInt8] = []
    var body: [UInt8] = []

    var byteCount: Int { head.count + body.count }
}

extension MDSEncoding {
    /// The stored form of a value; arrays and bytes are not copied.
    /// - Throws: `MDSError` if the value does not fit the encoding.
    func stored(_ value: MDSValue) throws -> MDSStoredValue {
        switch (self, value) {
        case (.str, .str(let text)): return MDSStoredValue(body: Array(text.utf8))
        case (.bytes, .bytes(let bytes)): return MDSStoredValue(body: bytes)
        case (.json, .json(let value)): return MDSStoredValue(body: value.pythonBytes())
        case (.int, .int(let value)): return plain(Int64(value))
        case (.scalar(let type), _): return try stored(scalar: value, as: type)
        case (.ndarray(let type, let shape), .ndarray(let array)):
            return MDSStoredValue(head: try head(of: array, type: type, shape: shape), body: array.bytes)
        default: throw MDSError("cannot store \(value.kind) as \(name)")
        }
    }

    private func plain<T: BitwiseCopyable>(_ value: T) -> MDSStoredValue {
        MDSStoredValue(head: withUnsafeBytes(of: value) { Array($0) })
    }

    private func stored(scalar value: MDSValue, as type: ElementType) throws -> MDSStoredValue {
        func integer<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) throws -> MDSStoredValue {
            guard case .int(let value) = value, let exact = T(exactly: value) else {
                throw MDSError("cannot store \(value.kind) as \(name)\(detail(value))")
            }
            return plain(exact)
        }
        switch (type, value) {
        case (.uint8, _): return try integer(UInt8.self)
        case (.int8, _): return try integer(Int8.self)
        case (.uint16, _): return try integer(UInt16.self)
        case (.int16, _): return try integer(Int16.self)
        case (.uint32, _): return try integer(UInt32.self)
        case (.int32, _): return try integer(Int32.self)
        case (.int64, _): return try integer(Int64.self)
        case (.uint64, .uint64(let value)): return plain(value)
        case (.float16, .float32(let value)): return plain(Float16(value))
        case (.float32, .float32(let value)): return plain(value)
        case (.float64, .float64(let value)): return plain(value)
        default: throw MDSError("cannot store \(value.kind) as \(name)")
        }
    }

    private func detail(_ value: MDSValue) -> String {
        if case .int(let value) = value { ": \(value) is out of range" } else { "" }
    }

    /// What stands before an array's values: its type and shape, as far as the encoding does not name them.
    private func head(of array: NDArray, type: ElementType?, shape: [Int]?) throws -> [UInt8] {
        guard let code = array.elementType.mdsCode else { throw MDSError("MDS has no arrays of \(array.elementType)") }
        if let type, type != array.elementType {
            throw MDSError("cannot store an array of \(array.elementType) as \(name)")
        }
        guard let largest = array.shape.max(), (array.shape.min() ?? 0) > 0 else {
            throw MDSError("cannot store an empty array of shape \(array.shape)")
        }
        var head: [UInt8] = type == nil ? [code] : []
        if let shape {
            guard shape == array.shape else { throw MDSError("an array of shape \(array.shape), expected \(shape)") }
        } else {
            guard array.shape.count < 64 else { throw MDSError("an array of \(array.shape.count) axes, at most 63") }
            let width: Int = largest < 1 << 8 ? 0 : largest < 1 << 16 ? 1 : largest < 1 << 32 ? 2 : 3
            head.append(UInt8(array.shape.count << 2 | width))
            for dimension in array.shape {
                withUnsafeBytes(of: UInt64(dimension).littleEndian) { head.append(contentsOf: $0.prefix(1 << width)) }
            }
        }
        return head
    }

    /// The value that bytes hold.
    /// - Throws: `MDSError`, `JSONError` if the bytes are not such a value.
    func decode(_ bytes: UnsafeRawBufferPointer) throws -> MDSValue {
        switch self {
        case .str:
            guard let text = String(validating: bytes, as: UTF8.self) else { throw MDSError("invalid UTF-8") }
            return .str(text)
        case .bytes: return .bytes(Array(bytes))
        case .json: return .json(try JSONValue(parsing: bytes))
        case .int: return .int(Int(try load(bytes, as: Int64.self)))
        case .scalar(let type): return try decode(scalar: bytes, as: type)
        case .ndarray:
            let (type, shape, values) = try arrayParts(bytes)
            return .ndarray(NDArray(elementType: type, shape: shape, bytes: Array(values)))
        case .foreign(let name):
            throw MDSError("the encoding '\(name.escapedForTerminal)' is not one that this program reads")
        }
    }

    private func load<T: BitwiseCopyable>(_ bytes: UnsafeRawBufferPointer, as type: T.Type) throws -> T {
        guard bytes.count == MemoryLayout<T>.size else {
            throw MDSError("\(bytes.count) bytes for \(name), expected \(MemoryLayout<T>.size)")
        }
        return bytes.loadUnaligned(as: T.self)
    }

    private func decode(scalar bytes: UnsafeRawBufferPointer, as type: ElementType) throws -> MDSValue {
        switch type {
        case .uint8: .int(Int(try load(bytes, as: UInt8.self)))
        case .int8: .int(Int(try load(bytes, as: Int8.self)))
        case .uint16: .int(Int(try load(bytes, as: UInt16.self)))
        case .int16: .int(Int(try load(bytes, as: Int16.self)))
        case .uint32: .int(Int(try load(bytes, as: UInt32.self)))
        case .int32: .int(Int(try load(bytes, as: Int32.self)))
        case .int64: .int(Int(try load(bytes, as: Int64.self)))
        case .uint64: .uint64(try load(bytes, as: UInt64.self))
        case .float16: .float32(Float(try load(bytes, as: Float16.self)))
        case .float32: .float32(try load(bytes, as: Float.self))
        case .float64: .float64(try load(bytes, as: Double.self))
        case .bfloat16, .bool: throw MDSError("MDS has no \(type)")
        }
    }

    /// The type, shape and values of a stored array, as views; the values' number fits the shape.
    func arrayParts(
        _ bytes: UnsafeRawBufferPointer
    ) throws -> (type: ElementType, shape: [Int], values: UnsafeRawBufferPointer) {
        guard case .ndarray(let fixedType, let fixedShape) = self else { throw MDSError("holds \(name), not an array") }
        var rest = bytes[...]
        func take(_ count: Int) throws -> UnsafeRawBufferPointer {
            guard rest.count >= count else { throw MDSError("an array of \(bytes.count) bytes ends in its header") }
            defer { rest = rest.dropFirst(count) }
            return UnsafeRawBufferPointer(rebasing: rest.prefix(count))
        }
        let type: ElementType
        if let fixedType {
            type = fixedType
        } else {
            let code = try take(1)[0]
            guard let known = ElementType(mdsCode: code) else { throw MDSError("unknown array type code \(code)") }
            type = known
        }
        let shape: [Int]
        if let fixedShape {
            shape = fixedShape
        } else {
            let head = try take(1)[0]
            let axes = Int(head >> 2), width = 1 << Int(head & 3)
            guard axes > 0 else { throw MDSError("an array without axes") }
            shape = try (0..<axes).map { _ in
                let dimension = try take(width).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                guard dimension > 0, dimension <= UInt64(bytes.count) else {
                    throw MDSError("an array axis of \(dimension) in \(bytes.count) bytes")
                }
                return Int(dimension)
            }
        }
        // Each dimension is at most the number of bytes, so that only the product can overflow.
        var expected = type.byteCount
        for dimension in shape {
            let (product, overflow) = expected.multipliedReportingOverflow(by: dimension)
            guard !overflow else { throw MDSError("an array of the impossible shape \(shape)") }
            expected = product
        }
        guard rest.count == expected else {
            throw MDSError("\(rest.count) bytes for \(type) of shape \(shape), expected \(expected)")
        }
        return (type, shape, UnsafeRawBufferPointer(rebasing: rest))
    }
}
