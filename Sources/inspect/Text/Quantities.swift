// Bytes, durations and counts as people read them.

import Foundation

/// Bytes in binary units: `999 B`, `1.5 KiB`, `64 MiB`.
func bytesText(_ count: Int) -> String {
    var value = Double(count), unit = 0
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024, unit < units.count - 1 {
        value /= 1024
        unit += 1
    }
    return (unit == 0 || value >= 100 ? String(Int(value.rounded())) : String(format: "%.1f", value)) + " "
        + units[unit]
}

/// Seconds as `h:mm:ss`, with tenths below a minute.
func durationText(_ seconds: Double) -> String {
    if seconds < 60 { return String(format: "%.1f s", seconds) }
    let whole = Int(seconds.rounded())
    return String(format: "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
}

/// A count with thousands separated: `1,234,567`.
func countText(_ count: Int) -> String {
    let digits = String(count.magnitude)
    var result = ""
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0 { result += "," }
        result.append(digit)
    }
    return (count < 0 ? "-" : "") + result
}

/// A real number with `places` decimals.
func numberText(_ value: Double, _ places: Int = 3) -> String {
    String(format: "%.\(places)f", value)
}

/// `1 shard`, `2 shards`.
func counted(_ count: Int, _ singular: String, plural: String? = nil) -> String {
    "\(countText(count)) \(count == 1 ? singular : plural ?? singular + "s")"
}
