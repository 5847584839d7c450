// Damaged shards and indexes: an error or a value, never a crash, nothing allocated on a corrupt word.

import Foundation
import TestSupport
import Testing

@testable import PipelineKit

@Suite struct MDSDamageTests {
    /// Reads everything that a directory holds; the number of values and of errors.
    private func readAll(_ directory: String) throws -> (values: Int, errors: [Failure]) {
        var values = 0
        var errors: [Failure] = []
        let reader = try MDSReader(directory: directory, verifyHashes: false)
        for number in reader.shards.indices {
            do {
                let shard = try reader.shard(number)
                for index in 0..<shard.count {
                    for column in shard.columns {
                        do {
                            _ = try shard.sample(index).value(column.name)
                            values += 1
                        } catch {
                            errors.append(Failure(error))
                        }
                    }
                }
            } catch {
                errors.append(Failure(error))
            }
        }
        return (values, errors)
    }

    /// A directory with a copy of a fixture in it, which `body` may change.
    private func withCopy(of kind: String, _ body: (String) throws -> Void) throws {
        try withTemporaryDirectory { directory in
            for name in try FileManager.default.contentsOfDirectory(atPath: fixture("mds/\(kind)")) {
                try FileManager.default.copyItem(
                    atPath: fixture("mds/\(kind)/\(name)"), toPath: "\(directory)/\(name)")
            }
            try body(directory)
        }
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    @Test(arguments: ["plain", "zstd"])
    func `a flipped bit is noticed by the hash, and the shard is named`(kind: String) throws {
        try withCopy(of: kind) { directory in
            let path = try MDSReader(directory: directory).path(ofShard: 2)
            var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            bytes[bytes.count / 2] ^= 0x10
            try write(bytes, to: path)
            let reader = try MDSReader(directory: directory)
            _ = try reader.shard(1)
            #expect { try reader.shard(2) } throws: {
                Failure($0).location == path && Failure($0).status == .badData && Failure($0).what.contains("xxh64")
            }
            #expect(throws: MDSError.self) { try reader.row(15) }
        }
    }

    @Test(arguments: ["plain", "zstd"])
    func `a truncated or lengthened file is an error that names it`(kind: String) throws {
        try withCopy(of: kind) { directory in
            let reader = try MDSReader(directory: directory, verifyHashes: false)
            let path = reader.path(ofShard: 0)
            let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            for changed in [[], Array(bytes.dropLast()), bytes + [0]] {
                try write(changed, to: path)
                #expect { try reader.shard(0) } throws: { Failure($0).location == path }
            }
            try FileManager.default.removeItem(atPath: path)
            #expect { try reader.shard(0) } throws: { Failure($0).location == path && Failure($0).status == .badData }
        }
    }

    @Test func `a raw size that the frame contradicts is refused before memory is taken for it`() throws {
        try withCopy(of: "zstd") { directory in
            let path = directory + "/index.json"
            let text = try String(decoding: Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
            let size = try MDSReader(directory: directory).shards[0].raw.byteCount
            let changed = text.replacingOccurrences(of: "\"bytes\": \(size)", with: "\"bytes\": 400000000")
            #expect(changed != text)
            try write(Array(changed.utf8), to: path)
            let reader = try MDSReader(directory: directory, verifyHashes: false)
            #expect { try reader.shard(0) } throws: {
                Failure($0).what == "the zstd frame states \(size) bytes, the index says 400000000"
            }
        }
    }

    /// The bytes of the first plain shard, changed, as an error of the reader.
    private func error(_ change: (inout [UInt8]) -> Void) throws -> Failure? {
        var result: Failure?
        try withCopy(of: "plain") { directory in
            let path = directory + "/shard.00000.mds"
            var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            change(&bytes)
            try write(bytes, to: path)
            let (_, errors) = try readAll(directory)
            #expect(errors.allSatisfy { $0.location?.hasPrefix(path) == true && $0.status == .badData })
            result = errors.first
        }
        return result
    }

    @Test func `the table of offsets and the configuration are checked`() throws {
        func put(_ value: UInt32, at word: Int) -> (inout [UInt8]) -> Void {
            { bytes in
                withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(word * 4..<word * 4 + 4, with: $0) }
            }
        }
        #expect(try error { _ in } == nil)
        #expect(try error(put(.max, at: 0))?.what.contains("holds 4294967295 samples") == true)
        #expect(try error(put(5, at: 0))?.what.contains("holds 5 samples") == true)
        #expect(try error(put(.max, at: 1))?.what.contains("offset") == true)
        #expect(try error(put(0, at: 1))?.what.contains("offset") == true)
        #expect(try error(put(1000, at: 3))?.what.contains("out of order") == true)
        #expect(try error(put(15746, at: 7)) != nil)
        // A column's name, in the JSON behind the table.
        #expect(
            try error { bytes in
                let start = bytes.firstRange(of: Array("\"audio_ids\"".utf8))?.lowerBound ?? 0
                bytes[start + 1] = UInt8(ascii: "b")
            } != nil)
        #expect(
            try error { bytes in
                let start = bytes.firstRange(of: Array("ndarray:uint16".utf8))?.lowerBound ?? 0
                bytes.replaceSubrange(start..<start + 14, with: "ndarray:uint32".utf8)
            }?.location?.hasSuffix("column audio_ids") == true)
    }

    @Test func `a size of all ones names sample and column`() throws {
        let failure = try error { bytes in
            let start = Int(bytes[4]) | Int(bytes[5]) << 8
            // The sizes of any, audio, audio_features …: spoil the second.
            bytes.replaceSubrange(start + 4..<start + 8, with: [255, 255, 255, 255])
        }
        #expect(failure?.location?.hasSuffix("shard.00000.mds, sample 0, column audio") == true)
        #expect(failure?.what.hasPrefix("a size of 4294967295 in a sample of ") == true)
    }

    @Test(arguments: [
        (#""bytes": 15747"#, #""bytes": 9223372036854775807"#), (#""bytes": 15747"#, #""bytes": -1"#),
        (#""bytes": 15747"#, #""bytes": 1e3"#), (#""samples": 6"#, #""samples": 4294967295"#),
        (#""samples": 6"#, #""samples": -6"#),
        (#""version": 2, "zip_data": null}, {"#, #""version": 3, "zip_data": null}, {"#),
        (#""shard.00000.mds""#, #""../shard.00000.mds""#), (#""shard.00000.mds""#, #""..""#),
        (#""shard.00000.mds""#, #""""#),
        (#""shard.00000.mds""#, #""/etc/passwd""#), (#""shard.00000.mds""#, #""a\u0000b""#),
        (#""zip_data": null"#, #""zip_data": {}"#), (#""ndarray:float16""#, #""ndarray:float17""#),
        (#"null, null, null, null, 16"#, #"null, null, null, null, 17"#), (#""id""#, #""audio""#),
        (#""format": "mds""#, #""format": "csv""#), (#"[{"#, #"[[{"#),
    ])
    func `an index that no writer writes is refused and named`(old: String, new: String) throws {
        try withCopy(of: "plain") { directory in
            let path = directory + "/index.json"
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let range = try #require(text.range(of: old))
            try write(Array(text.replacingCharacters(in: range, with: new).utf8), to: path)
            #expect {
                let reader = try MDSReader(directory: directory)
                _ = try reader.shard(0)
            } throws: {
                Failure($0).status == .badData && Failure($0).location?.hasPrefix(directory) == true
            }
        }
    }

    @Test func `a compressed file cannot promise more than it can hold`() throws {
        try withCopy(of: "zstd") { directory in
            let path = directory + "/index.json"
            let text = try String(contentsOfFile: path, encoding: .utf8)
            for size in [4_294_967_295, 15750, 15752] {
                let changed = text.replacingOccurrences(of: "\"bytes\": 15751", with: "\"bytes\": \(size)")
                #expect(changed != text)
                try write(Array(changed.utf8), to: path)
                let reader = try MDSReader(directory: directory, verifyHashes: false)
                #expect(throws: MDSError.self) { try reader.shard(0) }
            }
        }
    }

    @Test func `a missing index and a missing directory are bad usage`() throws {
        try withTemporaryDirectory { directory in
            #expect { try MDSReader(directory: directory) } throws: { Failure($0).status == .badUsage }
            #expect { try MDSReader(directory: directory + "/none") } throws: { Failure($0).status == .badUsage }
        }
    }

    @Test func `columns of foreign encodings are passed over and named when asked for`() throws {
        let columns = [MDSColumn("id", .str), MDSColumn("picture", .foreign(name: "jpeg"))]
        let configuration = MDSConfiguration(columns: columns, compression: .none)
        let sample: [UInt8] = [1, 0, 0, 0, 2, 0, 0, 0, 0x78, 1, 2]
        let builder = MDSShardBuilder(configuration: configuration)
        try builder.append(MDSEncodedRow(bytes: sample))
        let sealed = try builder.finish().sealed(as: 0)
        try withTemporaryDirectory { directory in
            try write(sealed.withBytes { Array($0) }, to: directory + "/shard.00000.mds")
            try write(MDSIndex(shards: [sealed.info]).bytes, to: directory + "/index.json")
            let reader = try MDSReader(directory: directory)
            #expect(try reader.row(0, columns: ["id"]) == MDSRow([("id", .str("x"))]))
            #expect { try reader.row(0) } throws: {
                Failure($0).location?.hasSuffix("sample 0, column picture") == true
            }
        }
    }

    /// Thousands of damaged copies: some bytes changed, words of all ones, stretches copied elsewhere, in shards and
    /// index alike, with the hashes off.
    @Test(arguments: ["plain", "zstd"])
    func `no mutation crashes the reader`(kind: String) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("MDS mutation seed (\(kind)): \(seed)")
        var random = SplitMix(state: seed)
        var values = 0, errors = 0
        try withCopy(of: kind) { directory in
            let names = ["shard.00000.mds" + (kind == "zstd" ? ".zstd" : ""), "index.json"]
            let originals = try names.map { Array(try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\($0)"))) }
            for round in 0..<3000 {
                let which = round % 8 == 0 ? 1 : 0
                var bytes = originals[which]
                for _ in 0..<Int.random(in: 1...4, using: &random) { mutate(&bytes, &random) }
                try write(bytes, to: "\(directory)/\(names[which])")
                do {
                    let result = try readAll(directory)
                    values += result.values
                    errors += result.errors.count
                    for failure in result.errors where failure.location?.hasPrefix(directory) != true {
                        Issue.record("round \(round): an error without its place: \(failure)")
                    }
                } catch {
                    errors += 1
                    let failure = Failure(error)
                    if failure.location?.hasPrefix(directory) != true {
                        Issue.record("round \(round): an error without its place: \(failure)")
                    }
                }
                try write(originals[which], to: "\(directory)/\(names[which])")
            }
        }
        // Both happen: other shards are whole, and most mutations are noticed.
        #expect(values > 100_000)
        #expect(errors > 300)
    }

    private func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix) {
        // Half of the damage goes into the head: number, offsets, configuration, the first sizes.
        let range = Bool.random(using: &random) ? 0..<min(600, bytes.count) : 0..<bytes.count
        let place = Int.random(in: range, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 2: for offset in place..<min(place + 4, bytes.count) { bytes[offset] = 255 }
        case 3: for offset in place..<min(place + 4, bytes.count) { bytes[offset] = 0 }
        default:
            let source = Int.random(in: 0..<bytes.count, using: &random)
            let count = min(Int.random(in: 1...32, using: &random), bytes.count - max(source, place))
            bytes.replaceSubrange(place..<place + count, with: Array(bytes[source..<source + count]))
        }
    }
}

/// Steele, Lea and Flood's SplitMix64: small, seeded, the same everywhere.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
