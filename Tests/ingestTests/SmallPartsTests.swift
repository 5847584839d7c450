// Ids, base64, sizes, excluded ids.

import Foundation
import PipelineKit
import Testing

@testable import ingest

@Suite struct SmallPartsTests {
    @Test func `an id that is taken gets the next free number`() {
        var ids = SeenIDs()
        let given = ["a", "a", "a~2", "a", "b", "a~2", "a"].map { ids.assign($0) }
        #expect(given.map(\.id) == ["a", "a~2", "a~2~2", "a~3", "b", "a~2~3", "a~4"])
        #expect(given.map(\.isRenamed) == [false, true, true, true, false, true, true])
        // Bytes, not characters: é in both its forms.
        #expect(!ids.assign("\u{E9}").isRenamed)
        #expect(!ids.assign("e\u{301}").isRenamed)
        // A run that goes on knows only the set.
        var resumed = SeenIDs()
        for one in given { resumed.insert(one.id) }
        #expect(resumed.assign("a").id == "a~5")
    }

    @Test func `base64 is strict`() {
        for count in [0, 1, 2, 3, 7, 8, 9, 31, 300] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 251) }
            #expect(Base64.decode(Data(bytes).base64EncodedString()) == bytes)
        }
        for bad in [
            "A", "AB", "ABC", "ABCD=", "AB=D", "A===", "QUI\n", "QU-D", "QUJ=", "QR==", " QUJD", "=QUJ", "====",
        ] {
            #expect(Base64.decode(bad) == nil, "\(bad)")
        }
    }

    @Test func `sizes have units of 1024`() {
        #expect(ByteCount(argument: "64MiB")?.bytes == 64 << 20)
        #expect(ByteCount(argument: "1GiB")?.bytes == 1 << 30)
        #expect(ByteCount(argument: "512KiB")?.bytes == 512 << 10)
        #expect(ByteCount(argument: "1000")?.bytes == 1_000)
        for bad in ["", "MiB", "1MB", "-1", "1.5MiB", "99999999999GiB", "1 MiB"] {
            #expect(ByteCount(argument: bad) == nil, "\(bad)")
        }
    }

    @Test func `excluded ids are JSON strings, one a line`() throws {
        try IngestHarness.run { harness in
            try harness.write("\"a\\n\"\n\n\"\\u0628\"\r\n".utf8, "x")
            let ids = try ExcludedIDs(path: harness.path("x"))
            #expect(ids.contains("a\n"))
            #expect(ids.contains("ب"))
            #expect(!ids.contains("a"))
            try harness.write("\"\\u0628\"\n\"a\\n\"\n\"a\\n\"".utf8, "y")
            #expect(try ExcludedIDs(path: harness.path("y")).digest == ids.digest)
            try harness.write("\"a\"\nb\n".utf8, "z")
            let failure = #expect(throws: Failure.self) { _ = try ExcludedIDs(path: harness.path("z")) }
            #expect(failure?.status == .badUsage)
            #expect(failure?.location?.hasSuffix("line 2") == true)
        }
        #expect(try ExcludedIDs(path: nil).digest == nil)
    }
}
