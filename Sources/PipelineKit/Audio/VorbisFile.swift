// The one place that calls libvorbisfile (1.3), for what libsndfile does not offer: decoding at half of the rate. All else
// about Vorbis goes through libsndfile. Unsafe code of the audio room sits here too.

import CVorbis
import Foundation

/// A Vorbis stream that is decoded at half of its sample rate: only the lower half of each block's spectrum is transformed
/// back, which takes half of the time. Not thread-safe.
final class VorbisFile {
    /// Of the stream itself, not of what is decoded.
    let sampleRate: Int
    let channels: Int
    let frames: Int
    /// Its own place in the bytes, so that libsndfile's stays where it is.
    let file: VirtualFile
    private let handle: UnsafeMutablePointer<OggVorbis_File>

    /// libvorbisfile's code for what is wrong with a stream.
    struct DecodingError: Error { var code: Int }

    /// Nil where libvorbisfile does not open the file, or does not halve its rate (blocks of 64 samples have no half).
    init?(halfRateOf other: VirtualFile) {
        file = VirtualFile(other.content)
        handle = .allocate(capacity: 1)
        handle.initialize(to: OggVorbis_File())
        let callbacks = ov_callbacks(
            read_func: { target, size, count, user in
                guard let target, size > 0 else { return 0 }
                return virtualFile(user).read(size * count, into: target) / size
            },
            seek_func: { user, offset, whence in
                _ = virtualFile(user).seek(Int(offset), whence)
                return 0
            },
            close_func: nil,
            tell_func: { virtualFile($0).tell })
        // A failed open clears the handle by itself.
        guard ov_open_callbacks(Unmanaged.passUnretained(file).toOpaque(), handle, nil, 0, callbacks) == 0 else {
            handle.deallocate()
            return nil
        }
        guard ov_halfrate(handle, 1) == 0, let info = ov_info(handle, -1) else {
            ov_clear(handle)
            handle.deallocate()
            return nil
        }
        sampleRate = info.pointee.rate
        channels = Int(info.pointee.channels)
        frames = Int(ov_pcm_total(handle, -1))
    }

    deinit {
        ov_clear(handle)
        handle.deallocate()
    }

    /// Decodes the next samples, at most `limit` at half of the rate, and averages the channels into `mono`; how many there
    /// were, 0 at the end.
    func readMono(_ limit: Int, into mono: UnsafeMutablePointer<Float>) throws -> Int {
        var planes: UnsafeMutablePointer<UnsafeMutablePointer<Float>?>?
        var stream: Int32 = 0
        let got = ov_read_float(handle, &planes, Int32(limit), &stream)
        guard got >= 0 else { throw DecodingError(code: got) }
        guard got > 0 else { return 0 }
        let all = (0..<channels).compactMap { channel in planes?[channel].map { UnsafePointer($0) } }
        guard all.count == channels else { throw DecodingError(code: Int(OV_EFAULT)) }
        ChannelMean.planar(all, count: got, into: mono) { $0 }
        return got
    }
}
