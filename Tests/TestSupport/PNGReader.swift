// Reads PNG files back through libpng, as any viewer would.

import CPNG

/// A decoded picture.
public struct DecodedPNG {
    public var width: Int
    public var height: Int
    public var pixels: [UInt8]  // (height, width, 3)

    /// nil where libpng refuses the bytes.
    public init?(_ bytes: [UInt8]) {
        var image = png_image()
        image.version = png_uint_32(PNG_IMAGE_VERSION)
        guard png_image_begin_read_from_memory(&image, bytes, bytes.count) != 0 else { return nil }
        image.format = PNG_FORMAT_FLAG_COLOR
        width = Int(image.width)
        height = Int(image.height)
        pixels = [UInt8](repeating: 0, count: width * height * 3)
        guard png_image_finish_read(&image, nil, &pixels, 0, nil) != 0 else { return nil }
    }

    /// Whether bytes start as every PNG does.
    public static func hasSignature(_ bytes: [UInt8]) -> Bool {
        bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
    }
}
