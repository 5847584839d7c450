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
        var pixels: [UInt8] = []
        // libpng keeps the address of the bytes from the first call to the second.
        let isRead = bytes.withUnsafeBytes { bytes in
            guard png_image_begin_read_from_memory(&image, bytes.baseAddress, bytes.count) != 0 else { return false }
            image.format = PNG_FORMAT_FLAG_COLOR
            pixels = [UInt8](repeating: 0, count: Int(image.width) * Int(image.height) * 3)
            return png_image_finish_read(&image, nil, &pixels, 0, nil) != 0
        }
        guard isRead else { return nil }
        (width, height, self.pixels) = (Int(image.width), Int(image.height), pixels)
    }

    /// Whether bytes start as every PNG does.
    public static func hasSignature(_ bytes: [UInt8]) -> Bool {
        bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
    }
}
