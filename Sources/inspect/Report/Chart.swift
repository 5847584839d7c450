// Charts as inline SVG without text: what is said stands beside them in HTML, so that it stays readable on a phone.

import Foundation
import PipelineKit

enum Chart {
    /// The bars of a distribution with its middle and its ends in words; nil where there is nothing to show.
    static func histogram(_ title: String, _ values: Distribution, unit: String, places: Int) -> Markup? {
        let bars = values.bars(limit: 28)
        guard let first = bars.first, let most = bars.map(\.count).max() else { return nil }
        func amount(_ value: Double) -> String { numberText(value, places) }
        let edgePlaces = first.high.map { $0 - first.low >= 1 ? 0 : $0 - first.low >= 0.1 ? 1 : 2 } ?? places
        func edge(_ value: Double) -> String { numberText(value, edgePlaces) }
        let drawn = bars.enumerated().map { place, bar -> Markup in
            // A bar that holds anything at all is seen.
            let height = bar.count == 0 ? 0 : max(1.2, Double(bar.count) / Double(most) * 100)
            let range = bar.high.map { "\(edge(bar.low)) to \(edge($0))" } ?? "\(edge(bar.low)) and more"
            return .element(
                "rect",
                [
                    "x": numberText(Double(place) * 10 + 0.6, 1), "y": numberText(100 - height, 1), "width": "8.8",
                    "height": numberText(height, 1), "class": bar.high == nil ? "beyond" : "bar",
                ], [.element("title", "\(range): \(countText(bar.count))")])
        }
        let chart = Markup.element(
            "svg",
            [
                "viewBox": "0 0 \(bars.count * 10) 100", "preserveAspectRatio": "none", "class": "histogram",
                "role": "img",
                "aria-label": "histogram of \(title)",
            ], drawn)
        let summary =
            "median \(amount(values.quantile(0.5))), 5 to 95 %: \(amount(values.quantile(0.05))) to "
            + "\(amount(values.quantile(0.95))), \(amount(values.smallest)) to \(amount(values.largest)) in all"
        return .element(
            "figure", ["class": "chart"],
            [
                .element(
                    "figcaption",
                    [
                        .element("strong", title + (unit.isEmpty ? "" : " (\(unit))")),
                        .element("span", countText(values.count)),
                    ]), chart,
                axis(bars),
                .element("p", ["class": "detail"], summary),
            ])
    }

    /// Round numbers below the bars; a bar for all that is beyond has no number of its own.
    private static func axis(_ bars: [Distribution.Bar]) -> Markup {
        let edges = bars.filter { $0.high != nil }
        guard let low = edges.first?.low, let high = edges.last?.high, high > low else {
            return .element("div", ["class": "ticks"], [])
        }
        let share = Double(edges.count) / Double(bars.count)
        let step = TimeAxis.ticks(seconds: high - low, limit: 5).step
        let labels = (Int((low / step - 1e-6).rounded(.up))...max(0, Int(high / step + 1e-6))).map { number -> Markup in
            let value = Double(number) * step
            return tick((value - low) / (high - low) * share, TimeAxis.label(value, step: step))
        }
        return .element("div", ["class": "ticks"], labels)
    }

    /// A label below an axis, at a share of its width.
    static func tick(_ share: Double, _ label: String) -> Markup {
        .element("span", ["style": "left:\(numberText(share * 100, 2))%"], label)
    }

    /// A horizontal bar that fills a share of its place.
    static func bar(_ share: Double) -> Markup {
        let width = max(0, min(1, share.isFinite ? share : 0)) * 100
        return .element(
            "svg",
            ["viewBox": "0 0 100 10", "preserveAspectRatio": "none", "class": "share", "aria-hidden": "true"],
            [
                .void("rect", ["width": "100", "height": "10", "class": "ground"]),
                .void("rect", ["width": numberText(width, 2), "height": "10", "class": "bar"]),
            ])
    }

    /// What stands in a column of a table.
    enum Column: String {
        case text, number
        /// A bar.
        case wide
    }

    /// A table with its headings; it scrolls sideways where it is too wide.
    static func table(_ headings: [(String, Column)], _ rows: [Markup]) -> Markup {
        let head = headings.map { heading, column -> Markup in
            .element("th", ["scope": "col", "class": column.rawValue], heading)
        }
        return .element(
            "div", ["class": "scroll"],
            [.element("table", [.element("thead", [.element("tr", head)]), .element("tbody", rows)])])
    }
}
