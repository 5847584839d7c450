// Colours for numbers: matplotlib 3.10's perceptually uniform maps (van der Walt and Smith, CC0), sixteen of their 256 entries
// with straight lines between them: within 3 of 255 (magma) and 7 of 255 (viridis) of the originals.

/// A colour of three bytes.
struct Color: Equatable, Sendable {
    var red: UInt8
    var green: UInt8
    var blue: UInt8

    /// A colour from 0xRRGGBB.
    init(_ hex: UInt32) {
        red = UInt8(hex >> 16 & 0xFF)
        green = UInt8(hex >> 8 & 0xFF)
        blue = UInt8(hex & 0xFF)
    }
}

/// A map from 0 … 1 to colours whose lightness rises evenly.
struct Colormap: Sendable {
    private let stops: [Color]

    /// For log-mels: black is silence.
    static let magma = Colormap(stops: [
        0x000004, 0x0B0924, 0x20114B, 0x3B0F70, 0x57157E, 0x721F81, 0x8C2981, 0xA8327D, 0xC43C75, 0xDE4968, 0xF1605D,
        0xFA7F5E, 0xFE9F6D, 0xFEBF84, 0xFDDEA0, 0xFCFDBF,
    ])
    /// For codes: no entry is black or white.
    static let viridis = Colormap(stops: [
        0x440154, 0x481A6C, 0x472F7D, 0x414487, 0x39568C, 0x31688E, 0x2A788E, 0x23888E, 0x1F988B, 0x22A884, 0x35B779,
        0x54C568, 0x7AD151, 0xA5DB36, 0xD2E21B, 0xFDE725,
    ])

    private init(stops: [UInt32]) { self.stops = stops.map(Color.init) }

    /// The colour of a value; what lies outside 0 … 1, NaN included, gets the colour of the nearer end or of 0.
    func color(_ value: Float) -> Color {
        let place = max(0, min(1, value.isNaN ? 0 : value)) * Float(stops.count - 1)
        let low = min(Int(place), stops.count - 2), share = place - Float(low)
        func mix(_ a: UInt8, _ b: UInt8) -> UInt8 { UInt8((Float(a) + (Float(b) - Float(a)) * share).rounded()) }
        let a = stops[low], b = stops[low + 1]
        var color = a
        color.red = mix(a.red, b.red)
        color.green = mix(a.green, b.green)
        color.blue = mix(a.blue, b.blue)
        return color
    }

    /// 256 colours from 0 to 1, for images of one byte a pixel.
    var palette: [Color] { (0..<256).map { color(Float($0) / 255) } }
}
