// The one comparison of floats.

/// The first and worst place where two arrays differ by more than a tolerance; nil where none does.
///
/// The error is absolute, max|got − expected|, or with `relative` max|got − expected| / max|expected|. NaN differs from
/// everything. The description names the tensor, the index, got and expected.
public func mismatch(
    _ name: String, got: some Collection<Float>, expected: some Collection<Float>, tolerance: Float,
    relative: Bool = false
) -> String? {
    guard got.count == expected.count else {
        return "\(name): \(got.count) values, expected \(expected.count)"
    }
    let scale = relative ? expected.reduce(Float.leastNormalMagnitude) { max($0, abs($1)) } : 1
    var worst: (index: Int, got: Float, expected: Float, error: Float)?
    for (index, (g, e)) in zip(got, expected).enumerated() {
        let error = abs(g - e) / scale
        if !(error <= tolerance), worst.map({ !(error <= $0.error) }) ?? true { worst = (index, g, e, error) }
    }
    return worst.map {
        "\(name)[\($0.index)]: got \($0.got), expected \($0.expected), error \($0.error) > \(tolerance)"
    }
}
