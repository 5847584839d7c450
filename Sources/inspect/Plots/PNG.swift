// PNG through libpng's simplified interface, which reports errors without longjmp.

import CPNG
import PipelineKit

/// Encoders of pictures. The same pixels give the same bytes.
enum PNG {
    /// A picture of three bytes a pixel.
    static func encode(_ raster: Raster) throws -> [UInt8] {
        try encode(
            width: raster.width, height: raster.height, format: PNG_FORMAT_FLAG_COLOR, pixels: raster.pixels,
            colormap: nil)
    }

    /// A picture of one byte a pixel, which stands for one of at most 256 colours.
    ///
    /// - Parameter pixels: // (height, width)
    static func encode(width: Int, height: Int, pixels: [UInt8], palette: [Color]) throws -> [UInt8] {
        try encode(
            width: width, height: height, format: PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_COLORMAP, pixels: pixels,
            colormap: palette)
    }

    private static func encode(width: Int, height: Int, format: UInt32, pixels: [UInt8], colormap: [Color]?) throws
        -> [UInt8]
    {
        precondition(pixels.count == width * height * (colormap == nil ? 3 : 1), "pixels fill the picture")
        var image = png_image()
        image.version = png_uint_32(PNG_IMAGE_VERSION)
        image.width = png_uint_32(width)
        image.height = png_uint_32(height)
        image.format = png_uint_32(format)
        image.colormap_entries = png_uint_32(colormap?.count ?? 0)
        let colors = colormap?.flatMap { [$0.red, $0.green, $0.blue] } ?? []
        // Room for what does not compress at all: the rows with a filter byte each, zlib's stored blocks, the chunks.
        let rows = height * (width * (colormap == nil ? 3 : 1) + 1)
        var size = png_alloc_size_t(rows + rows / 1_000 + 4_096)
        let capacity = Int(size)
        var written: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
            written = png_image_write_to_memory(&image, buffer.baseAddress, &size, 0, pixels, 0, colors)
            count = written == 0 ? 0 : min(capacity, Int(size))
        }
        defer { png_image_free(&image) }
        guard written != 0 else {
            let words = withUnsafeBytes(of: image.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            throw Failure(.failed, "cannot encode a picture of \(width) × \(height) pixels: \(words)")
        }
        return bytes
    }
}
