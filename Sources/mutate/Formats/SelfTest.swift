// Doors that do on purpose what no reader may do. A run on them must see every one of it, or a clean table means nothing.

import Foundation
import PipelineKit

extension Format {
    static let selfTests: [Format] = [
        failing("crashes") { _ in
            let numbers = [1, 2, 3]
            return UInt64(numbers[Int.random(in: 3...4)])
        },
        failing("hangs") { _ in
            while true { usleep(1_000) }
        },
        failing("takes memory") { _ in
            let bytes = [UInt8](repeating: 1, count: 256 << 20)
            return UInt64(bytes[Int.random(in: 0..<bytes.count)])
        },
        failing("lets changed content in") { try XXH64.hash(MappedFile(path: $0.file).withBytes { Array($0) }) },
        failing("says no place") { _ in throw Failure(.badData, "something is wrong somewhere") },
        failing("moves the cursor") { _ in throw Failure(.badData, "\u{1B}[2J", at: "here") },
        failing("takes the blame") { _ in throw Failure(.failed, "damaged", at: "here") },
        failing("refuses") { _ in throw Failure(.badData, "damaged", at: "here") },
    ]

    /// A door that opens the intact file well and fails on every mutant.
    private static func failing(_ name: String, _ fail: @escaping @Sendable (Place) throws -> UInt64) -> Format {
        Format(name: name, folder: "streams", file: "rows.jsonl.gz", kind: .binary, isChecked: true) { place in
            let intact = "\(place.material.folder("streams"))/rows.jsonl.gz"
            func content(_ path: String) throws -> [UInt8] { try MappedFile(path: path).withBytes { Array($0) } }
            return try content(place.file) == content(intact) ? XXH64.hash(content(intact)) : fail(place)
        }
    }

    /// The format of a name.
    static func named(_ name: String) throws -> Format {
        guard let format = (all + selfTests).first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
            throw Failure(.badUsage, "no such format", at: name.escapedForTerminal, remedy: "see the table of mutate")
        }
        return format
    }
}
