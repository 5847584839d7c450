// The values of a row, and the row.

/// The value of one column.
public enum MDSValue: Sendable, Equatable {
    case str(String)
    case bytes([UInt8])
    case json(JSONValue)
    /// `int`, and the scalars `int8` … `int64`, `uint8` … `uint32`.
    case int(Int)
    /// The scalar `uint64`.
    case uint64(UInt64)
    /// The scalars `float32` and `float16`.
    case float32(Float)
    /// The scalar `float64`.
    case float64(Double)
    case ndarray(NDArray)

    /// Strings are equal by bytes; floats by value, so that a NaN differs from itself.
    public static func == (a: MDSValue, b: MDSValue) -> Bool {
        switch (a, b) {
        case (.str(let a), .str(let b)): a.utf8.elementsEqual(b.utf8)
        case (.bytes(let a), .bytes(let b)): a == b
        case (.json(let a), .json(let b)): a == b
        case (.int(let a), .int(let b)): a == b
        case (.uint64(let a), .uint64(let b)): a == b
        case (.float32(let a), .float32(let b)): a == b
        case (.float64(let a), .float64(let b)): a == b
        case (.ndarray(let a), .ndarray(let b)): a == b
        default: false
        }
    }

    /// An array value.
    public static func array<T: ArrayElement>(_ values: [T], shape: [Int]) -> MDSValue {
        .ndarray(NDArray(values, shape: shape))
    }

    /// An array value of one axis.
    public static func array<T: ArrayElement>(_ values: [T]) -> MDSValue { .ndarray(NDArray(values)) }

    /// What kind of value it is, for error messages.
    var kind: String {
        switch self {
        case .str: "a string"
        case .bytes: "bytes"
        case .json: "JSON"
        case .int, .uint64: "an integer"
        case .float32, .float64: "a float"
        case .ndarray(let array): "an array of \(array.elementType)"
        }
    }
}

/// A row of values, by column. Column names are compared as UTF-8 bytes.
public struct MDSRow: Sendable, Equatable {
    /// Columns and values, in the order in which they were given or stored.
    public private(set) var values: [(column: String, value: MDSValue)]

    /// A row; of a column that is given twice the last value counts.
    public init(_ values: [(String, MDSValue)]) {
        self.values = []
        for (column, value) in values { self[column] = value }
    }

    public init(_ values: [String: MDSValue]) {
        self.init(values.map { ($0.key, $0.value) })
    }

    public static func == (a: MDSRow, b: MDSRow) -> Bool {
        a.values.count == b.values.count && a.values.allSatisfy { b[$0.column] == $0.value }
    }

    /// The value of a column; nil where the row has none.
    public subscript(column: String) -> MDSValue? {
        get { values.first { $0.column.utf8.elementsEqual(column.utf8) }?.value }
        set {
            let place = values.firstIndex { $0.column.utf8.elementsEqual(column.utf8) }
            switch (place, newValue) {
            case (let place?, let value?): values[place].value = value
            case (let place?, nil): values.remove(at: place)
            case (nil, let value?): values.append((column, value))
            case (nil, nil): break
            }
        }
    }

    /// The text of a `str` column.
    /// - Throws: `MDSError` if the column is missing or of another kind.
    public func string(_ column: String) throws -> String {
        guard case .str(let text) = try value(column) else { throw mismatch(column, expected: "a string") }
        return text
    }

    /// The content of a `bytes` column.
    public func bytes(_ column: String) throws -> [UInt8] {
        guard case .bytes(let bytes) = try value(column) else { throw mismatch(column, expected: "bytes") }
        return bytes
    }

    /// The value of a `json` column.
    public func json(_ column: String) throws -> JSONValue {
        guard case .json(let value) = try value(column) else { throw mismatch(column, expected: "JSON") }
        return value
    }

    /// The value of an integer column.
    public func int(_ column: String) throws -> Int {
        guard case .int(let value) = try value(column) else { throw mismatch(column, expected: "an integer") }
        return value
    }

    /// The values and shape of an array column.
    public func array<T: ArrayElement>(_ column: String, as: T.Type = T.self) throws -> (values: [T], shape: [Int]) {
        guard case .ndarray(let array) = try value(column) else {
            throw mismatch(column, expected: "an array of \(T.elementType)")
        }
        return try MDSError.adding(column: column) { (try array.values(as: T.self), array.shape) }
    }

    private func value(_ column: String) throws -> MDSValue {
        guard let value = self[column] else { throw MDSError("the row has no such column", column: column) }
        return value
    }

    private func mismatch(_ column: String, expected: String) -> MDSError {
        MDSError("holds \(self[column]?.kind ?? "nothing"), expected \(expected)", column: column)
    }
}
