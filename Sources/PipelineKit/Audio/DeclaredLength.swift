// What a file says of its own length, where libsndfile believes the file's end instead: it quietly shortens a WAV or AIFF
// whose data chunk promises more bytes. A clip that was cut off while it was copied would then pass for whole, so the file's
// own word is compared with its size here. See OggPages and MPEGFrames for streams.

import Foundation

/// The word of a header about the length of what follows.
enum DeclaredLength {
    /// What is promised and what is there, where less is there.
    struct Shortfall {
        var claimed: Int
        var got: Int
        var unit: String
    }

    /// Programs that write to a pipe (ffmpeg, sox, espeak-ng) do not know the length and put a number near 2³¹ or 2³²
    /// there; such a file is as long as it is.
    private static let unknown = 0x7FFF_0000

    /// What a RIFF, RIFX or FORM file lacks; nil for whole files and for other formats.
    static func shortfall(of file: VirtualFile) -> Shortfall? {
        guard let magic = bytes(of: file, at: 0, count: 4) else { return nil }
        return switch magic {
        case Array("RIFF".utf8): chunkShortfall(of: file, data: "data", isBigEndian: false)
        case Array("RIFX".utf8): chunkShortfall(of: file, data: "data", isBigEndian: true)
        case Array("FORM".utf8): chunkShortfall(of: file, data: "SSND", isBigEndian: true)
        default: nil
        }
    }

    private static func chunkShortfall(of file: VirtualFile, data: String, isBigEndian: Bool) -> Shortfall? {
        var offset = 12
        // A file of nothing but empty chunks must not take long: real ones have a handful.
        for _ in 0..<1_024 {
            guard let chunk = bytes(of: file, at: offset, count: 8) else { return nil }
            let size = (0..<4).reduce(0) { $0 | Int(chunk[4 + $1]) << (8 * (isBigEndian ? 3 - $1 : $1)) }
            offset += 8
            if chunk[0..<4].elementsEqual(data.utf8) {
                let got = file.count - offset
                let isShort = size > 0 && size < unknown && size > got
                return isShort ? Shortfall(claimed: size, got: got, unit: "bytes of samples") : nil
            }
            offset += size + size % 2
        }
        return nil
    }

    /// Bytes of the file; nil where it has fewer.
    private static func bytes(of file: VirtualFile, at offset: Int, count: Int) -> [UInt8]? {
        let result = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = buffer.baseAddress.map { file.peek(count, at: offset, into: $0) } ?? 0
        }
        return result.count == count ? result : nil
    }
}
