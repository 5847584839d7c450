// The column encodings of MDS by name and size (mosaicml-streaming 0.13, format/mds/encodings.py).
// How values become bytes stands in MDSValue+Coding.swift.

/// How a column's values are stored.
public enum MDSEncoding: Sendable, Equatable {
    /// UTF-8.
    case str
    case bytes
    /// What Python's `json.dumps(value)` prints.
    case json
    /// A signed integer of 64 bits, named `int`.
    case int
    /// One number, named as its type: `uint8` … `float64`.
    case scalar(ElementType)
    /// An array. A type or shape that the encoding names is not stored with each value.
    case ndarray(type: ElementType?, shape: [Int]?)
    /// An encoding that only other programs read (`pkl`, `jpeg`, …): rows with such a column can be read without it.
    case foreign(name: String)

    public static let float32 = MDSEncoding.scalar(.float32)

    /// An array of any shape of one element type: `ndarray:int32`.
    public static func ndarray(_ type: ElementType) -> MDSEncoding { .ndarray(type: type, shape: nil) }

    /// The encoding of a name in an index.
    /// - Throws: `MDSError` for an array encoding with an unknown type or an impossible shape.
    public init(name: String) throws {
        let parts = name.split(separator: ":", omittingEmptySubsequences: false)
        switch name {
        case "str": self = .str
        case "bytes": self = .bytes
        case "json": self = .json
        case "int": self = .int
        case "ndarray": self = .ndarray(type: nil, shape: nil)
        case _ where parts[0] == "ndarray": self = try Self.array(parts, name: name)
        default:
            let type = ElementType(rawValue: name)
            self = type.flatMap { $0.mdsCode == nil ? nil : .scalar($0) } ?? .foreign(name: name)
        }
    }

    private static func array(_ parts: [Substring], name: String) throws -> MDSEncoding {
        guard parts.count <= 3, let type = ElementType(rawValue: String(parts[1])), type.mdsCode != nil else {
            throw MDSError("unknown array encoding '\(name.escapedForTerminal)'")
        }
        guard parts.count == 3 else { return .ndarray(type: type, shape: nil) }
        var size = type.byteCount
        let shape = try parts[2].split(separator: ",", omittingEmptySubsequences: false).map { text in
            guard let dimension = Int(text), dimension >= 1, text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }) else {
                throw MDSError("impossible shape in the encoding '\(name.escapedForTerminal)'")
            }
            let (product, overflow) = size.multipliedReportingOverflow(by: dimension)
            guard !overflow, product <= MDSConfiguration.largestShard else {
                throw MDSError("impossible shape in the encoding '\(name.escapedForTerminal)'")
            }
            size = product
            return dimension
        }
        return .ndarray(type: type, shape: shape)
    }

    /// The name in an index.
    public var name: String {
        switch self {
        case .str: "str"
        case .bytes: "bytes"
        case .json: "json"
        case .int: "int"
        case .scalar(let type): type.rawValue
        case .ndarray(let type?, let shape?):
            "ndarray:\(type.rawValue):\(shape.map(String.init).joined(separator: ","))"
        case .ndarray(let type?, nil): "ndarray:\(type.rawValue)"
        case .ndarray(nil, _): "ndarray"
        case .foreign(let name): name
        }
    }

    /// The bytes of every value; nil where values vary in size (and for foreign encodings, where the index says it).
    public var fixedSize: Int? {
        switch self {
        case .int: 8
        case .scalar(let type): type.byteCount
        case .ndarray(let type?, let shape?): shape.reduce(type.byteCount, *)
        case .str, .bytes, .json, .ndarray, .foreign: nil
        }
    }
}

/// A column of a shard.
public struct MDSColumn: Sendable, Equatable {
    public let name: String
    public let encoding: MDSEncoding
    /// The bytes of every value; nil where each sample states them.
    public let fixedSize: Int?

    public init(_ name: String, _ encoding: MDSEncoding) {
        self.init(name: name, encoding: encoding)
    }

    public init(name: String, encoding: MDSEncoding) {
        self.init(name: name, encoding: encoding, fixedSize: encoding.fixedSize)
    }

    init(name: String, encoding: MDSEncoding, fixedSize: Int?) {
        self.name = name
        self.encoding = encoding
        self.fixedSize = fixedSize
    }
}
