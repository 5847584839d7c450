// Reads safetensors (safetensors 0.5: 8-byte header length, JSON header, data), mapped into memory.
// The header is checked whole before a tensor is given out: see SafetensorsHeader.swift. Not a writer.

/// A safetensors file, open for reading.
public final class SafetensorsFile: Sendable {
    public let path: String
    /// In the order of their data.
    public let tensors: [SafetensorsTensor]
    /// `__metadata__`.
    public let metadata: [(key: String, value: String)]
    private let file: MappedFile
    /// Places in `tensors`, sorted by the bytes of the names.
    private let order: [Int]

    /// Opens a file and checks its header.
    /// - Throws: `FileError`, `SafetensorsError`.
    public init(path: String) throws {
        file = try MappedFile(path: path)
        let header = try SafetensorsHeader(file.bytes, path: path)
        self.path = path
        tensors = header.tensors
        metadata = header.metadata
        order = header.order
    }

    /// The tensor of a name; nil where there is none. Names compare as UTF-8 bytes.
    ///
    /// Its bytes are valid as long as this object lives.
    public func tensor(_ name: String) -> SafetensorsTensor? {
        var low = 0, high = order.count
        while low < high {
            let middle = (low + high) / 2
            if tensors[order[middle]].name.utf8.lexicographicallyPrecedes(name.utf8) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        guard low < order.count, tensors[order[low]].name.utf8.elementsEqual(name.utf8) else { return nil }
        return tensors[order[low]]
    }

    /// The values of a float tensor (F32, F16, BF16, F64) as Float, in C order.
    /// - Throws: `SafetensorsError` where it is missing or holds no floats.
    public func floats(_ name: String) throws -> [Float] {
        let tensor = try existing(name)
        return try withExtendedLifetime(self) {
            try Array(unsafeUninitializedCapacity: tensor.count) { buffer, count in
                try tensor.copyFloats(into: UnsafeMutableBufferPointer(rebasing: buffer[..<tensor.count]))
                count = tensor.count
            }
        }
    }

    /// The values of an integer or bool tensor as Int, in C order.
    /// - Throws: `SafetensorsError` where it is missing, holds no integers, or one beyond Int.
    public func integers(_ name: String) throws -> [Int] {
        let tensor = try existing(name)
        return try withExtendedLifetime(self) { try tensor.integers() }
    }

    private func existing(_ name: String) throws -> SafetensorsTensor {
        guard let tensor = tensor(name) else { throw SafetensorsError(path: path, tensor: name, .missingTensor) }
        return tensor
    }
}
