// Lengths that lie: words of a binary file and numbers of a text, replaced by what no honest writer puts there.

import PipelineKit

/// Overwrites a word of 2, 4 or 8 bytes, of either byte order: all ones, the largest of its kind, zero, the file's size
/// and its neighbours, or one off what stood there.
func overwriteLengthField(random: inout SplitMix64, bytes: inout [UInt8]) {
    let width = [2, 4, 4, 8][random.below(4)]
    guard bytes.count >= width else { return }
    let reach = random.below(3) > 0 ? min(256, bytes.count - width + 1) : bytes.count - width + 1
    let start = random.below(reach) & (random.below(3) > 0 ? ~1 : ~0)
    let isBigEndian = random.below(2) == 0
    let old = (0..<width).reduce(UInt64(0)) { value, index in
        value | UInt64(bytes[start + index]) << UInt64(8 * (isBigEndian ? width - 1 - index : index))
    }
    let size = UInt64(bytes.count)
    let values: [UInt64] = [
        .max, .max >> 1, 1 << UInt64(8 * width - 1), .max << UInt64(4 * width), 0, 1, size, size - 1, size + 1,
        old &+ 1,
        old &- 1, old << 1, 1 << 31, 1 << 20, UInt64(UInt32.max), UInt64(Int32.max) - 8,
    ]
    let value = values[random.below(values.count)]
    for index in 0..<width {
        bytes[start + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * (isBigEndian ? width - 1 - index : index)))
    }
}

/// Numbers at the edges of what parsers and their callers expect.
private let edgeNumbers = [
    "-1", "0", "1", "2", "255", "65535", "65536", "1000000", "2147483647", "2147483648", "4294967295", "4294967296",
    "9007199254740993", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551615",
    "18446744073709551616", "1e308", "-1e308", "1e400", "1e-320", "0.5", "-0.0", "1e18", "1e19", "3.0",
    String(repeating: "9", count: 400),
]

/// Replaces a run of digits in a text.
func exchangeNumber(random: inout SplitMix64, bytes: inout [UInt8]) {
    func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    let starts = bytes.indices.filter { isDigit(bytes[$0]) && ($0 == 0 || !isDigit(bytes[$0 - 1])) }
    guard !starts.isEmpty else { return }
    let start = starts[random.below(starts.count)]
    let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count
    bytes.replaceSubrange(start..<end, with: edgeNumbers[random.below(edgeNumbers.count)].utf8)
}
