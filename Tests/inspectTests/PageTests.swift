import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import inspect

@Suite struct PageTests {
    @Test func `what comes from data is text, whatever it is`() {
        let hostile = "<script>alert('x')</script>\"&\u{0}\u{1B}\u{202E}\u{FFFE}\n\tكتاب"
        let page = Markup.element("p", ["title": hostile], hostile).html
        #expect(markupFault(page) == nil)
        let escaped =
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;\\u{0}\\u{1B}\\u{202E}\\u{FFFE}\n\tكتاب"
        #expect(page == "<p title=\"\(escaped)\">\(escaped)</p>")
    }

    @Test func `the check of pages finds what is wrong`() {
        #expect(markupFault("<p>a<br />b</p>") == nil)
        for bad in ["<p>", "</p>", "<p></q>", "<p><q></p></q>", "a < b", "a > b", "<p title=\"x>"] {
            #expect(markupFault(bad) != nil, "\(bad)")
        }
    }

    @Test func `base64 is Foundation's`() {
        var random = SplitMix64(seed: 9)
        for count in [0, 1, 2, 3, 4, 5, 57, 1_000] {
            let bytes = (0..<count).map { _ in UInt8(random.below(256)) }
            #expect(Markup.base64(bytes) == Data(bytes).base64EncodedString())
        }
    }

    @Test(arguments: [1, 2, 19, 20, 21, 5_000])
    func `quantiles are those of the sorted values, bars hold every value`(count: Int) {
        var random = SplitMix64(seed: UInt64(count))
        var distribution = Distribution(step: 0.01)
        let values = (0..<count).map { _ in 0.5 + 9 * random.uniform() * random.uniform() }
        for value in values { distribution.add(value) }
        let sorted = values.sorted()
        for share in [0.05, 0.5, 0.95, 1] {
            let expected = sorted[max(0, Int((share * Double(count)).rounded(.up)) - 1)]
            #expect(abs(distribution.quantile(share) - expected) <= 0.01)
        }
        let bars = distribution.bars(limit: 28)
        #expect(bars.reduce(0) { $0 + $1.count } == count)
        #expect(bars.count <= 62)
        for bar in bars {
            let inside = values.count { $0 >= bar.low && $0 < bar.high ?? .infinity }
            #expect(abs(inside - bar.count) <= 1, "a value on an edge may fall to its neighbour")
        }
    }

    @Test func `a few values far out share the last bar`() {
        var distribution = Distribution(step: 1)
        for value in 0..<1_000 { distribution.add(Double(value % 50)) }
        distribution.add(90_000)
        let bars = distribution.bars(limit: 28)
        #expect(bars.last == Distribution.Bar(low: bars[bars.count - 1].low, high: nil, count: 1))
        #expect(bars.count < 40)
        distribution.add(1e12)
        #expect(distribution.bars(limit: 28).reduce(0) { $0 + $1.count } == 1_002)
        #expect(Distribution(step: 1).bars(limit: 28).isEmpty)
    }

    @Test func `media stop at the limit and say so`() {
        var budget = MediaBudget()
        #expect(budget.address([1, 2, 3], type: "image/png") == "data:image/png;base64,AQID")
        #expect(budget.used == 4 && !budget.isFull)
        #expect(budget.address([UInt8](repeating: 0, count: MediaBudget.limitBytes), type: "image/png") == nil)
        #expect(budget.isFull && budget.used == 4)
    }

    @Test func `clips of a conversation count on over its messages`() throws {
        let json = try JSONValue(
            parsing: #"[{"role": "user", "content": ["a", {"audio_url": "x"}]}, {"role": "assistant", "content": "b"},"#
                + #" {"role": "assistant", "content": [{"text": "c"}, {"raw_audio": ""}]}]"#)
        let items = Conversation(json).messages.flatMap(\.items).map { item -> String in
            switch item {
            case .text(let text): text
            case .clip(let number): "#\(number)"
            }
        }
        #expect(items == ["a", "#0", "b", "c", "#1"])
    }
}
