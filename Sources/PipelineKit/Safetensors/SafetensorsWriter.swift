// Writes safetensors byte for byte as safetensors 0.5 does (safetensors/src/tensor.rs, `prepare`): larger element types
// first, then by name; a compact header padded with spaces to a multiple of eight. Not a reader.

/// Collects tensors and writes them as one file, atomically.
public struct SafetensorsWriter {
    /// Takes the next bytes of a tensor.
    public typealias ByteSink = (UnsafeRawBufferPointer) throws -> Void

    private struct Entry {
        var name: String
        var elementType: ElementType
        var shape: [Int]
        var write: (ByteSink) throws -> Void
        var byteCount: Int { shape.reduce(elementType.byteCount, *) }
    }

    private var entries: [Entry] = []
    private let metadata: [(key: String, value: String)]

    /// - Parameter metadata: `__metadata__`. transformers wants `format: pt`.
    public init(metadata: [(key: String, value: String)] = [("format", "pt")]) {
        self.metadata = metadata
    }

    /// Adds a tensor by values.
    public mutating func add<Element: ArrayElement>(_ name: String, shape: [Int], _ values: [Element]) {
        precondition(values.count == shape.reduce(1, *), "\(name): \(values.count) values for \(shape)")
        entries.append(
            Entry(name: name, elementType: Element.elementType, shape: shape) { sink in
                try values.withUnsafeBytes { try sink($0) }
            })
    }

    /// Adds a tensor in place: the values must stay valid until `write` has returned.
    public mutating func add<Element: ArrayElement>(
        _ name: String, shape: [Int], borrowing values: UnsafeBufferPointer<Element>
    ) {
        precondition(values.count == shape.reduce(1, *), "\(name): \(values.count) values for \(shape)")
        entries.append(
            Entry(name: name, elementType: Element.elementType, shape: shape) { sink in
                try sink(UnsafeRawBufferPointer(values))
            })
    }

    /// Adds a tensor whose bytes (little-endian, C order) `write` hands over piece by piece when the file is written, so
    /// that it need not be held whole.
    public mutating func add(
        _ name: String, elementType: ElementType, shape: [Int], write: @escaping (ByteSink) throws -> Void
    ) {
        entries.append(Entry(name: name, elementType: elementType, shape: shape, write: write))
    }

    /// Bytes of all tensors.
    public var byteCount: Int { entries.reduce(0) { $0 + $1.byteCount } }

    /// Writes the file; it appears under its name when it is whole. Names must differ.
    /// - Throws: `FileError`.
    public func write(to path: String) throws {
        let sorted = entries.sorted { a, b in
            let (rankA, rankB) = (Self.rank(a.elementType), Self.rank(b.elementType))
            return rankA != rankB ? rankA > rankB : a.name.utf8.lexicographicallyPrecedes(b.name.utf8)
        }
        var members: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.map { Self.quoted($0.key) + ":" + Self.quoted($0.value) }
            members.append("\"__metadata__\":{" + pairs.joined(separator: ",") + "}")
        }
        var names = Set<[UInt8]>()
        var offset = 0
        for entry in sorted {
            precondition(names.insert(Array(entry.name.utf8)).inserted, "two tensors have the name \(entry.name)")
            let shape = entry.shape.map(String.init).joined(separator: ",")
            members.append(
                Self.quoted(entry.name) + ":{\"dtype\":\"\(entry.elementType.safetensorsName)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(offset),\(offset + entry.byteCount)]}")
            offset += entry.byteCount
        }
        var header = Array(("{" + members.joined(separator: ",") + "}").utf8)
        header.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - header.count % 8) % 8))
        let file = try AtomicFile(path: path)
        try withUnsafeBytes(of: UInt64(header.count).littleEndian) { try file.write($0) }
        try file.write(header)
        for entry in sorted {
            let start = file.byteCount
            try entry.write { try file.write($0) }
            precondition(file.byteCount - start == entry.byteCount, "\(entry.name): not as long as its shape says")
        }
        try file.commit()
    }

    /// Writes `model.safetensors`, or where that would exceed `shardBytes` transformers' `model-00001-of-00003.safetensors`,
    /// … and then `model.safetensors.index.json`, into an existing directory. Tensors are spread in the order in which
    /// they were added.
    /// - Throws: `FileError`.
    public func write(toModel directory: String, shardBytes: Int = SafetensorsSet.defaultShardBytes) throws {
        guard byteCount > shardBytes else { return try write(to: directory + "/" + SafetensorsSet.fileName) }
        var shards: [SafetensorsWriter] = []
        for entry in entries {
            if shards.last.map({ $0.byteCount + entry.byteCount > shardBytes }) ?? true {
                shards.append(SafetensorsWriter(metadata: metadata))
            }
            shards[shards.count - 1].entries.append(entry)
        }
        var places: [(key: String, value: JSONValue)] = []
        for (number, shard) in shards.enumerated() {
            let name = SafetensorsSet.shardName(number, of: shards.count)
            try shard.write(to: directory + "/" + name)
            places += shard.entries.map { ($0.name, .string(name)) }
        }
        places.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        let index: JSONValue = [
            "metadata": ["total_size": .int(byteCount)], "weight_map": .object(JSONObject(places)),
        ]
        try AtomicFile.write(Array((index.pretty() + "\n").utf8), to: directory + "/" + SafetensorsSet.indexName)
    }

    private static func quoted(_ text: String) -> String { JSONValue.string(text).pythonDump(ascii: false) }

    /// The reference's order of element types (`enum Dtype`), the 8-bit floats left out.
    private static func rank(_ type: ElementType) -> Int {
        let order: [ElementType] = [
            .bool, .uint8, .int8, .int16, .uint16, .float16, .bfloat16, .int32, .uint32, .float32, .float64, .int64,
            .uint64,
        ]
        return order.firstIndex(of: type) ?? 0
    }
}
