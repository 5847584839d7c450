// The one place that calls libFLAC (1.4), for whole clips whose channels are averaged: libsndfile, which does all else with FLAC,
// converts sample by sample, and that is a tenth of what featurize and ingest do. The samples are the same to the last bit.
// Unsafe code of the audio room sits here too.

import CFLAC
import Foundation

/// A FLAC stream that is decoded from its first frame on, channels averaged. Not thread-safe.
final class FLACFile {
    /// Its own place in the bytes, so that libsndfile's stays where it is.
    let file: VirtualFile
    /// What is wrong with the stream; nil so far.
    private(set) var fault: String?
    private let decoder: UnsafeMutablePointer<FLAC__StreamDecoder>
    private let format: (sampleRate: Int, channels: Int, bits: Int)
    /// The samples of the last block. // (largestBlock)
    private let mono: UnsafeMutablePointer<Float>
    private var count = 0
    /// Samples of a block at most (RFC 9639, §8.2: 16 bits).
    private static let largestBlock = 65_535

    /// - Parameter info: what libsndfile says of the file; frames in another format are a fault.
    /// - Returns: nil for what is no FLAC.
    init?(_ other: VirtualFile, info: AudioInfo) {
        guard info.isFLAC, case .integer(let bits) = info.encoding, let decoder = FLAC__stream_decoder_new() else {
            return nil
        }
        self.decoder = decoder
        file = VirtualFile(other.content)
        format = (info.sampleRate, info.channels, bits)
        mono = .allocate(capacity: Self.largestBlock)
        let status = FLAC__stream_decoder_init_stream(
            decoder,
            { _, target, count, user in
                guard let target, let count else { return FLAC__STREAM_DECODER_READ_STATUS_ABORT }
                count.pointee = flacFile(user).file.read(count.pointee, into: target)
                return count.pointee > 0
                    ? FLAC__STREAM_DECODER_READ_STATUS_CONTINUE : FLAC__STREAM_DECODER_READ_STATUS_END_OF_STREAM
            },
            nil, nil, nil, nil,
            { _, frame, channels, user in
                guard let frame, let channels else { return FLAC__STREAM_DECODER_WRITE_STATUS_ABORT }
                return flacFile(user).take(frame.pointee.header, channels)
                    ? FLAC__STREAM_DECODER_WRITE_STATUS_CONTINUE : FLAC__STREAM_DECODER_WRITE_STATUS_ABORT
            },
            nil,
            { _, status, user in
                let file = flacFile(user)
                file.fault = file.fault ?? errorWords(status)
            },
            Unmanaged.passUnretained(self).toOpaque())
        guard status == FLAC__STREAM_DECODER_INIT_STATUS_OK else { return nil }
    }

    deinit {
        FLAC__stream_decoder_delete(decoder)
        mono.deallocate()
    }

    /// The next block, good until the next call; nil at the end, and where there is a `fault`. // (S)
    func nextBlock() -> UnsafeBufferPointer<Float>? {
        count = 0
        while count == 0, fault == nil {
            guard FLAC__stream_decoder_process_single(decoder) != 0 else {
                fault = fault ?? "libFLAC gave up"
                return nil
            }
            if FLAC__stream_decoder_get_state(decoder) == FLAC__STREAM_DECODER_END_OF_STREAM { break }
        }
        return fault == nil && count > 0 ? UnsafeBufferPointer(start: mono, count: count) : nil
    }

    /// Takes a block from libFLAC: full scale becomes 1, and each frame the mean of its channels.
    private func take(_ header: FLAC__FrameHeader, _ planes: UnsafePointer<UnsafePointer<FLAC__int32>?>) -> Bool {
        let all = (0..<format.channels).compactMap { planes[$0] }
        guard header.sample_rate == format.sampleRate, header.channels == format.channels,
            header.bits_per_sample == format.bits, all.count == format.channels
        else {
            fault = fault ?? "a frame of another format"
            return false
        }
        count = Int(header.blocksize)
        let scale = 1 / Float(1 << (format.bits - 1))
        ChannelMean.planar(all, count: count, into: mono) { Float($0) * scale }
        return true
    }
}

private func flacFile(_ user: UnsafeMutableRawPointer?) -> FLACFile { userData(user) }

private func errorWords(_ status: FLAC__StreamDecoderErrorStatus) -> String {
    switch status {
    case FLAC__STREAM_DECODER_ERROR_STATUS_LOST_SYNC: "lost sync"
    case FLAC__STREAM_DECODER_ERROR_STATUS_BAD_HEADER: "a frame's header is damaged"
    case FLAC__STREAM_DECODER_ERROR_STATUS_FRAME_CRC_MISMATCH: "a frame has another checksum"
    default: "libFLAC's error \(status.rawValue)"
    }
}
