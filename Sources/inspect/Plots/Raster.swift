// A picture in memory, three bytes a pixel, and the few things that plots need: rectangles, text, rows of pixels.

/// Pixels, the first row on top.
struct Raster {
    let width: Int
    let height: Int
    private(set) var pixels: [UInt8]  // (height, width, 3)

    init(width: Int, height: Int, color: Color) {
        precondition(width > 0 && height > 0, "a picture has pixels")
        self.width = width
        self.height = height
        pixels = [UInt8](unsafeUninitializedCapacity: width * height * 3) { buffer, count in
            for index in 0..<width * height {
                buffer[3 * index] = color.red
                buffer[3 * index + 1] = color.green
                buffer[3 * index + 2] = color.blue
            }
            count = width * height * 3
        }
    }

    /// Sets a pixel; outside the picture nothing happens.
    mutating func set(_ x: Int, _ y: Int, _ color: Color) {
        guard (0..<width).contains(x), (0..<height).contains(y) else { return }
        let place = (y * width + x) * 3
        pixels[place] = color.red
        pixels[place + 1] = color.green
        pixels[place + 2] = color.blue
    }

    /// Fills a rectangle, as far as it lies in the picture.
    mutating func fill(_ x: Range<Int>, _ y: Range<Int>, _ color: Color) {
        for row in y { for column in x { set(column, row, color) } }
    }

    /// Where a text stands beside its point.
    enum Anchor { case left, center, right }

    /// Draws a line of text of `PixelFont`, `scale` pixels a dot, the middle of its digits at `y`.
    mutating func draw(_ text: String, x: Int, y: Int, anchor: Anchor, scale: Int, _ color: Color) {
        let width = PixelFont.width(of: text) * scale
        var left = anchor == .left ? x : anchor == .center ? x - width / 2 : x - width
        let top = y - PixelFont.middle * scale - scale / 2
        for scalar in text.unicodeScalars {
            for (row, bits) in PixelFont.glyph(scalar).enumerated() {
                for column in 0..<PixelFont.glyphWidth where bits >> (PixelFont.glyphWidth - 1 - column) & 1 == 1 {
                    fill(
                        left + column * scale..<left + (column + 1) * scale,
                        top + row * scale..<top + (row + 1) * scale, color)
                }
            }
            left += PixelFont.advance * scale
        }
    }
}
