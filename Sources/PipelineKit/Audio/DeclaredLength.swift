// libsndfile quietly shortens a WAV or AIFF whose data chunk promises more bytes than the file has. A clip that was cut
// off while it was copied would then pass for whole, so the chunk's own word is compared with the file here.

import Foundation

/// What a RIFF, RIFX or FORM file says about the length of its samples.
enum DeclaredLength {
    /// Programs that write to a pipe (ffmpeg, sox, espeak-ng) do not know the length and put a number near 2³¹ or 2³²
    /// there; such a file is as long as it is.
    private static let unknown = 0x7FFF_0000

    /// The bytes of samples that are promised and those that are there, where fewer are there; else nil.
    static func shortfall(of file: VirtualFile) -> (claimed: Int, got: Int)? {
        guard let header = bytes(of: file, at: 0, count: 12) else { return nil }
        let isBigEndian: Bool
        let dataTag: [UInt8]
        switch Array(header[0..<4]) {
        case Array("RIFF".utf8): (isBigEndian, dataTag) = (false, Array("data".utf8))
        case Array("RIFX".utf8): (isBigEndian, dataTag) = (true, Array("data".utf8))
        case Array("FORM".utf8): (isBigEndian, dataTag) = (true, Array("SSND".utf8))
        default: return nil
        }
        var offset = 12
        // A file of nothing but empty chunks must not take long: real ones have a handful.
        for _ in 0..<1_024 {
            guard let chunk = bytes(of: file, at: offset, count: 8) else { return nil }
            let size = chunk[4..<8].enumerated().reduce(0) { sum, digit in
                sum | Int(digit.element) << (8 * (isBigEndian ? 3 - digit.offset : digit.offset))
            }
            offset += 8
            if Array(chunk[0..<4]) == dataTag {
                let got = file.count - offset
                return size > 0 && size < unknown && size > got ? (size, got) : nil
            }
            offset += size + size % 2
        }
        return nil
    }

    /// Bytes of the file, without a trace in where libsndfile stands; nil where it has fewer.
    private static func bytes(of file: VirtualFile, at offset: Int, count: Int) -> [UInt8]? {
        guard offset + count <= file.count else { return nil }
        let before = file.tell
        defer { _ = file.seek(before, SEEK_SET) }
        _ = file.seek(offset, SEEK_SET)
        let result = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = buffer.baseAddress.map { file.read(count, into: $0) } ?? 0
        }
        return result.count == count ? result : nil
    }
}
