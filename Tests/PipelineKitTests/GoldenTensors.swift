// A reader of committed safetensors that is independent of the code under test.

import Foundation
import PipelineKit

struct GoldenTensors {
    struct Missing: Error { var name: String }

    private let data: Data
    private let header: JSONValue
    private let start: Int

    init(_ path: String) throws {
        data = try Data(contentsOf: URL(fileURLWithPath: path))
        let headerSize = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        header = try JSONValue(parsing: data[8..<8 + headerSize])
        start = 8 + headerSize
    }

    private func values<T: BitwiseCopyable>(_ name: String, _ type: String, as: T.Type) throws -> [T] {
        guard let entry = header[name], entry["dtype"]?.stringValue == type,
            let offsets = entry["data_offsets"]?.arrayValue, let from = offsets[0].intValue,
            let to = offsets[1].intValue
        else { throw Missing(name: name) }
        return data[start + from..<start + to].withUnsafeBytes { bytes in
            (0..<bytes.count / MemoryLayout<T>.stride).map {
                bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.stride, as: T.self)
            }
        }
    }

    func floats(_ name: String) throws -> [Float] { try values(name, "F32", as: Float.self) }
    func doubles(_ name: String) throws -> [Double] { try values(name, "F64", as: Double.self) }
    func integers(_ name: String) throws -> [Int64] { try values(name, "I64", as: Int64.self) }
}
