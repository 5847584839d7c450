// Rows, lines, offsets and errors of manifests, in both forms, across chunk borders.

import PipelineKit
import Testing

@testable import ingest

@Suite struct ManifestReaderTests {
    /// The rows of a manifest as texts, with their lines.
    private func rows(_ manifest: some Sequence<UInt8>) throws -> [(text: String, line: Int)] {
        try IngestHarness.run { harness in
            try harness.write(manifest, "m")
            let reader = try ManifestReader(path: harness.path("m"))
            var rows: [(text: String, line: Int)] = []
            while let row = try reader.next() {
                #expect(row.number == rows.count + 1)
                guard case .bytes(let bytes) = row.content else {
                    rows.append(("", row.line))
                    continue
                }
                rows.append((String(decoding: bytes, as: UTF8.self), row.line))
            }
            return rows
        }
    }

    @Test func `lines are rows, blank ones are not`() throws {
        let rows = try rows("\u{FEFF}\n{\"a\": 1}\r\n\n  \t\n {\"b\": 2} \nnot json\n{\"c\": 3}".utf8)
        #expect(rows.map(\.text) == ["{\"a\": 1}\r", "{\"b\": 2} ", "not json", "{\"c\": 3}"])
        #expect(rows.map(\.line) == [2, 5, 6, 7])
    }

    @Test func `elements of an array are rows, wherever they stand`() throws {
        let rows = try rows(
            "\n [ {\"a\": \"]},[\\\"\"},\n\n{\"b\": [1, {}]}\n,\"x\", 12 ,null,[],\n{\n\"c\"\n:1}\n]\n ".utf8)
        #expect(
            rows.map(\.text) == [
                "{\"a\": \"]},[\\\"\"}", "{\"b\": [1, {}]}", "\"x\"", "12", "null", "[]", "{\n\"c\"\n:1}",
            ])
        #expect(rows.map(\.line) == [2, 4, 5, 5, 5, 5, 6])
        #expect(try self.rows("[]".utf8).isEmpty)
    }

    @Test(arguments: [
        "", " \n ", "[", "[{}", "[{},", "[{},]", "[,{}]", "[{} {}]", "[{}] x", "[{\"a\": \"b", "[{]", "[1", "[{}}]",
    ])
    func `a broken array stops, and so does nothing at all`(text: String) {
        #expect(throws: ManifestError.self) { _ = try rows(text.utf8) }
    }

    @Test func `a line counts where an error stands`() throws {
        let error = #expect(throws: ManifestError.self) { _ = try rows("[{},\n{},\n\n}]".utf8) }
        #expect(error?.line == 4)
    }

    @Test func `rows of any length cross chunks, compressed or not`() throws {
        // Chunks are 256 KiB; the lengths put borders into strings, escapes and separators.
        for isArray in [false, true] {
            for length in [1, 7, 262_130, 262_140, 262_143, 262_144, 262_145, 600_000] {
                let value = #"{"k": "\\\""# + String(repeating: "ش", count: length / 2) + #"", "x": [1]}"#
                let texts = [value, "{}", value]
                let manifest = isArray ? "[" + texts.joined(separator: " ,\n") + "]" : texts.joined(separator: "\n")
                let plain = Array(manifest.utf8)
                let packed = try plain.withUnsafeBytes { try Zstd.compress($0, level: 1) }
                #expect(try rows(plain).map(\.text) == texts)
                #expect(try rows(packed).map(\.text) == texts)
            }
        }
    }

    @Test func `what is too large or too deep is passed over`() throws {
        let large = "{\"k\": \"" + String(repeating: "x", count: ManifestReader.largestRow) + "\"}"
        let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
        for manifest in ["\(large)\n{}\n", "[\(large),{}]"] {
            try IngestHarness.run { harness in
                try harness.write(manifest.utf8, "m")
                let reader = try ManifestReader(path: harness.path("m"))
                guard case .tooLarge(large.utf8.count)? = try reader.next()?.content else {
                    Issue.record("not too large")
                    return
                }
                guard case .bytes(Array("{}".utf8))? = try reader.next()?.content else {
                    Issue.record("the next row is lost")
                    return
                }
            }
        }
        try IngestHarness.run { harness in
            try harness.write("[\(deep), 1]".utf8, "m")
            let reader = try ManifestReader(path: harness.path("m"))
            guard case .tooDeep? = try reader.next()?.content, case .bytes? = try reader.next()?.content else {
                Issue.record("not too deep, or the next row is lost")
                return
            }
        }
    }

    @Test func `reading goes on from any row, if what lies before is the same`() throws {
        for manifest in ["{\"a\": 1}\n\n{\"b\": 2}\n{\"c\": 3}", "[{\"a\": 1},\n{\"b\": 2}\n , {\"c\": 3}]\n"] {
            try IngestHarness.run { harness in
                try harness.write(manifest.utf8, "m")
                let whole = try ManifestReader(path: harness.path("m"))
                var rows: [ManifestRow] = []
                while let row = try whole.next() { rows.append(row) }
                #expect(rows.count == 3)
                for (index, row) in rows.enumerated() {
                    let reader = try ManifestReader(path: harness.path("m"))
                    #expect(try reader.advance(to: row.end))
                    let next = try reader.next()
                    #expect(next?.number == (index < 2 ? index + 2 : nil))
                    #expect(next?.line == (index < 2 ? rows[index + 1].line : nil))
                    #expect(next?.end == (index < 2 ? rows[index + 1].end : nil))
                    let end = try ManifestReader(path: harness.path("m"))
                    #expect(try end.advance(to: whole.position))
                    #expect(try end.next() == nil)
                    // Another beginning of the same length.
                    try harness.write(manifest.replacing("\"a\"", with: "\"z\"").utf8, "other")
                    #expect(try !ManifestReader(path: harness.path("other")).advance(to: row.end))
                    try harness.write(manifest.utf8.prefix(row.end.offset - 1), "short")
                    #expect(try !ManifestReader(path: harness.path("short")).advance(to: row.end))
                }
            }
        }
    }
}

extension ManifestRow: Equatable {
    public static func == (a: ManifestRow, b: ManifestRow) -> Bool { a.end == b.end && a.number == b.number }
}
