// The element types of stored arrays, with their names in NumPy, MDS and safetensors.

/// The type of an array's elements.
public enum ElementType: String, Sendable, CaseIterable {
    // Raw values are NumPy's names; bfloat16 is the one that NumPy and MDS lack.
    case uint8, int8, uint16, int16, float16, bfloat16, uint32, int32, float32, uint64, int64, float64, bool

    /// Bytes an element.
    public var byteCount: Int {
        switch self {
        case .uint8, .int8, .bool: 1
        case .uint16, .int16, .float16, .bfloat16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64: 8
        }
    }

    /// The name in a safetensors header (safetensors 0.5, `Dtype`).
    public var safetensorsName: String {
        switch self {
        case .uint8: "U8"
        case .int8: "I8"
        case .uint16: "U16"
        case .int16: "I16"
        case .float16: "F16"
        case .bfloat16: "BF16"
        case .uint32: "U32"
        case .int32: "I32"
        case .float32: "F32"
        case .uint64: "U64"
        case .int64: "I64"
        case .float64: "F64"
        case .bool: "BOOL"
        }
    }

    /// The type that a safetensors header names; nil for those that we do not read (8-bit floats).
    public init?(safetensorsName name: String) {
        guard let type = Self.allCases.first(where: { $0.safetensorsName == name }) else { return nil }
        self = type
    }

    /// The code in an MDS `ndarray` (mosaicml-streaming 0.13, `NDArray._int2value_dtype`); nil where MDS has none.
    public var mdsCode: UInt8? {
        switch self {
        case .uint8: 8
        case .int8: 9
        case .uint16: 16
        case .int16: 17
        case .float16: 18
        case .uint32: 32
        case .int32: 33
        case .float32: 34
        case .uint64: 64
        case .int64: 65
        case .float64: 66
        case .bfloat16, .bool: nil
        }
    }

    /// The type of an MDS dtype code; nil for codes that MDS does not define.
    public init?(mdsCode code: UInt8) {
        guard let type = Self.allCases.first(where: { $0.mdsCode == code }) else { return nil }
        self = type
    }
}

/// A Swift number that arrays can hold.
public protocol ArrayElement: BitwiseCopyable, Sendable {
    /// The element type under which it is stored.
    static var elementType: ElementType { get }
}

extension UInt8: ArrayElement { public static var elementType: ElementType { .uint8 } }
extension Int8: ArrayElement { public static var elementType: ElementType { .int8 } }
extension UInt16: ArrayElement { public static var elementType: ElementType { .uint16 } }
extension Int16: ArrayElement { public static var elementType: ElementType { .int16 } }
extension UInt32: ArrayElement { public static var elementType: ElementType { .uint32 } }
extension Int32: ArrayElement { public static var elementType: ElementType { .int32 } }
extension UInt64: ArrayElement { public static var elementType: ElementType { .uint64 } }
extension Int64: ArrayElement { public static var elementType: ElementType { .int64 } }
extension Float16: ArrayElement { public static var elementType: ElementType { .float16 } }
extension Float: ArrayElement { public static var elementType: ElementType { .float32 } }
extension Double: ArrayElement { public static var elementType: ElementType { .float64 } }
