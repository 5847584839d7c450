// The header of a safetensors file, checked as safetensors 0.5 (safetensors/src/tensor.rs, `Metadata::validate`) does:
// ranges inside the data, in one piece without holes or overlaps, and as long as type and shape say. Also: no tensor
// twice, which the reference lets pass.

struct SafetensorsHeader {
    /// The reference's bound on a header.
    static let maximumBytes = 100_000_000

    private(set) var tensors: [SafetensorsTensor] = []
    private(set) var metadata: [(key: String, value: String)] = []
    /// Places in `tensors`, sorted by the bytes of the names.
    private(set) var order: [Int] = []

    private let path: String
    private let data: UnsafeRawBufferPointer

    /// - Parameter file: the whole file; must outlive the tensors.
    init(_ file: UnsafeRawBufferPointer, path: String) throws {
        self.path = path
        guard file.count >= 8 else {
            throw SafetensorsError(path: path, .header("\(file.count) bytes are too few for a header"))
        }
        let stated = UInt64(littleEndian: file.loadUnaligned(as: UInt64.self))
        guard stated <= UInt64(Self.maximumBytes), Int(stated) <= file.count - 8 else {
            throw SafetensorsError(path: path, .header("its header would have \(stated) of \(file.count) bytes"))
        }
        let json = UnsafeRawBufferPointer(rebasing: file[8..<8 + Int(stated)])
        data = UnsafeRawBufferPointer(rebasing: file[(8 + Int(stated))...])
        do {
            try read(json)
        } catch let error as JSONError {
            throw SafetensorsError(path: path, .header("\(error.reason) at byte \(8 + error.offset)"))
        }
        try index()
        try checkExtents()
    }

    private mutating func read(_ json: UnsafeRawBufferPointer) throws {
        // A tensor's entry nests three levels; nothing in a header needs more.
        var parser = JSONParser(bytes: json, maximumDepth: 4)
        try parser.expect(UInt8(ascii: "{"))
        if !parser.take(UInt8(ascii: "}")) {
            repeat {
                guard parser.peek() == UInt8(ascii: "\"") else {
                    throw JSONError(offset: parser.offset, reason: "expected a key")
                }
                let name = try parser.string()
                try parser.expect(UInt8(ascii: ":"))
                let entry = try parser.value(depth: 1)
                if name.utf8.elementsEqual("__metadata__".utf8) {
                    try readMetadata(entry)
                } else {
                    tensors.append(try tensor(name, entry))
                }
            } while parser.take(UInt8(ascii: ","))
            try parser.expect(UInt8(ascii: "}"))
        }
        guard parser.peek() == nil else { throw JSONError(offset: parser.offset, reason: "more text after the header") }
    }

    private mutating func readMetadata(_ entry: JSONValue) throws {
        guard let object = entry.objectValue else {
            throw SafetensorsError(path: path, .header("__metadata__ is not an object"))
        }
        metadata = try object.members.map { key, value in
            guard let text = value.stringValue else {
                throw SafetensorsError(path: path, .header("__metadata__ has a value that is not a string at '\(key)'"))
            }
            return (key, text)
        }
    }

    private func tensor(_ name: String, _ entry: JSONValue) throws -> SafetensorsTensor {
        func damaged(_ text: String) -> SafetensorsError {
            SafetensorsError(path: path, tensor: name, .tensor(text))
        }
        guard let typeName = entry["dtype"]?.stringValue, let shapeEntry = entry["shape"]?.arrayValue,
            let offsets = entry["data_offsets"]?.arrayValue, offsets.count == 2
        else { throw damaged("its header entry lacks dtype, shape or data_offsets") }
        guard let elementType = ElementType(safetensorsName: typeName) else {
            throw SafetensorsError(
                path: path, tensor: name, .elementType(got: typeName, expected: "one that is read here"))
        }
        var byteCount = elementType.byteCount
        var shape: [Int] = []
        for dimension in shapeEntry {
            guard case .int(let size) = dimension, size >= 0 else { throw damaged("its shape has no whole numbers") }
            let (product, overflow) = byteCount.multipliedReportingOverflow(by: size)
            guard !overflow else { throw damaged("its shape does not fit into memory") }
            byteCount = product
            shape.append(size)
        }
        guard case .int(let start) = offsets[0], case .int(let end) = offsets[1], 0 <= start, start <= end,
            end <= data.count
        else { throw damaged("its data_offsets do not lie in the \(data.count) bytes of data") }
        guard end - start == byteCount else {
            throw damaged("it has \(end - start) bytes, but \(typeName) \(shape) takes \(byteCount)")
        }
        return SafetensorsTensor(
            name: name, elementType: elementType, shape: shape, path: path, start: start,
            bytes: UnsafeRawBufferPointer(rebasing: data[start..<end]))
    }

    /// Sorts by place and by name; a name may stand once.
    private mutating func index() throws {
        tensors.sort { ($0.start, $0.bytes.count) < ($1.start, $1.bytes.count) }
        let names = tensors.map { Array($0.name.utf8) }
        order = tensors.indices.sorted { names[$0].lexicographicallyPrecedes(names[$1]) }
        for (a, b) in zip(order, order.dropFirst()) where names[a] == names[b] {
            throw SafetensorsError(path: path, tensor: tensors[a].name, .tensor("the header names it twice"))
        }
    }

    /// The data must be the tensors, one after another, and nothing else.
    private func checkExtents() throws {
        var end = 0
        for tensor in tensors {
            guard tensor.start == end else {
                throw SafetensorsError(
                    path: path, tensor: tensor.name,
                    .tensor("its data starts at \(tensor.start), where byte \(end) was expected (a hole or an overlap)")
                )
            }
            end += tensor.bytes.count
        }
        guard end == data.count else {
            throw SafetensorsError(path: path, .header("its tensors take \(end) bytes, the file has \(data.count)"))
        }
    }
}
