// How two values of one column differ, summed over rows.

import PipelineKit

/// What differs in one column.
struct ColumnDifference {
    var rows = 0
    /// The ids, or numbers, of the first rows that differ.
    var first: [String] = []
    /// Of arrays of one shape: elements that differ, the largest difference, and the largest value beside it.
    var elements = 0
    var largest = 0.0
    var scale = 0.0
    /// Rows in which the arrays have other shapes or types.
    var shapes = 0

    static let named = 5

    /// Counts a row whose values differ.
    mutating func note(_ a: MDSValue, _ b: MDSValue, row: String) {
        rows += 1
        if first.count < Self.named { first.append(row) }
        guard case .ndarray(let a) = a, case .ndarray(let b) = b else { return }
        guard a.elementType == b.elementType, a.shape == b.shape else {
            shapes += 1
            return
        }
        for (x, y) in zip(a.numbers(), b.numbers()) where x != y && !(x.isNaN && y.isNaN) {
            elements += 1
            // A NaN beside a number is as far away as can be.
            largest = max(largest, (x - y).isNaN ? .infinity : abs(x - y))
            for value in [x, y] where value.isFinite { scale = max(scale, abs(value)) }
        }
    }

    var text: String {
        var parts = ["\(counted(rows, "row")) differ\(rows == 1 ? "s" : "")"]
        if shapes > 0 { parts.append("\(counted(shapes, "row")) in shape or type") }
        if elements > 0 {
            parts.append("\(counted(elements, "element")) by at most \(largest) (values up to \(scale))")
        }
        let names = first.map(\.escapedForTerminal).joined(separator: ", ")
        return parts.joined(separator: ", ") + ": " + names + (rows > first.count ? ", …" : "")
    }

    var json: JSONValue {
        [
            "rows": .int(rows), "first": .array(first.map { .string($0) }), "shapes": .int(shapes),
            "elements": .int(elements), "largest": largest.isFinite ? .double(largest) : .null, "scale": .double(scale),
        ]
    }
}
