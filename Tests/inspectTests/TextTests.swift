import Testing

@testable import inspect

@Suite struct TextTests {
    @Test(arguments: [
        ("abc", 3), ("", 0), ("كتب", 3), ("كُتُبٍ", 3), ("اشتريتُ", 6), ("漢字", 4), ("a\u{301}", 1), ("🙂", 2),
        ("\u{200F}x", 1),
    ])
    func `harakat take no column and wide characters two`(text: String, columns: Int) {
        #expect(text.displayWidth == columns)
    }

    @Test func `columns line up whatever the script`() {
        var table = Table([("word", .left), ("n", .right), ("", .left)])
        table.add(["كُتُبٍ", "7", "x"])
        table.add(["abcde", "100", ""])
        #expect(table.rendered() == "word     n\nكُتُبٍ      7  x\nabcde  100")
        #expect(table.rendered(indent: 2).split(separator: "\n").allSatisfy { $0.hasPrefix("  ") })
    }

    @Test func `cells from data cannot move the cursor or turn the text`() {
        var table = Table([("", .left)])
        table.add(["a\u{1B}[2Jb\u{202E}c\nd"])
        #expect(table.rendered() == "a\\u{1B}[2Jb\\u{202E}c\\nd")
    }

    @Test func `a cut text says so and keeps its width`() {
        #expect("abcdef".truncated(to: 4) == "abc…")
        #expect("abcd".truncated(to: 4) == "abcd")
        #expect("كُتُبٍ كثيرة".truncated(to: 5).displayWidth == 5)
    }

    @Test(arguments: [
        (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (64 << 20, "64.0 MiB"),
        (200 << 20, "200 MiB"),
    ])
    func `bytes are binary units`(count: Int, text: String) {
        #expect(bytesText(count) == text)
    }

    @Test(arguments: [(0.04, "0.0 s"), (59.9, "59.9 s"), (60, "0:01:00"), (3_661, "1:01:01"), (2_880_000, "800:00:00")])
    func `durations are hours`(seconds: Double, text: String) {
        #expect(durationText(seconds) == text)
    }

    @Test(arguments: [(0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567")])
    func `counts are grouped`(count: Int, text: String) {
        #expect(countText(count) == text)
    }
}
