// Clips of every container that manifests come with, decoded to their end, from memory and from a file.

import Foundation
import PipelineKit

extension Format {
    static let audio: [Format] = [
        ("WAV, 16 bits", "pcm.wav"), ("WAV, float", "float.wav"), ("FLAC", "clip.flac"), ("Ogg Vorbis", "vorbis.ogg"),
        ("Ogg Opus", "opus.ogg"), ("AIFF", "clip.aiff"), ("CAF", "clip.caf"), ("AU", "clip.au"), ("MP3", "clip.mp3"),
    ].map { name, file in Format(name: name, folder: "audio", file: file, kind: .binary, open: clip) }

    /// Ten minutes at 16 kHz: a clip of 0.6 s that decodes to more is not read on.
    private static let maximumFrames = 600 * 16_000

    private static let clip: @Sendable (Place) throws -> UInt64 = { place in
        let bytes = try MappedFile(path: place.file).withBytes { Array($0) }
        let decoder = try AudioDecoder(bytes: bytes, source: place.file)
        let survey = try decoder.survey(maximumFrames: maximumFrames)
        var digest = MeaningDigest()
        digest.add("\(decoder.info.sampleRate) \(decoder.info.channels) \(survey.frames)")
        digest.add(values: [survey.peak])
        // The segment's way through the decoder: a seek where there is one.
        let descriptor = Foundation.open(place.file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError("open", place.file) }
        defer { close(descriptor) }
        let segment = try AudioSegment(offsetSeconds: 0.1, durationSeconds: 0.2, source: place.file)
        let part = try AudioDecoder(descriptor: descriptor, source: place.file)
            .decodeExact(segment, maximumFrames: maximumFrames)
        switch part {
        case .integers(let samples, _): digest.add(values: samples)
        case .floats(let samples): digest.add(values: samples)
        case .doubles(let samples): digest.add(values: samples)
        }
        return digest.value
    }
}
