// inspect --plot DIR: pictures of a sample's clips beside their sound and the sound of their codes. File names are made of
// numbers; ids and speakers stand inside sample-N.json.

import Foundation
import PipelineKit

/// What was written where.
struct PlotDirectory: Report {
    let directory: String
    let sample: SampleReport
    /// Names of files within the directory, clip by clip.
    private(set) var clips: [(view: ClipView, picture: String, sound: String?, decoded: String?)] = []
    /// Why codes were not decoded; nil where they were.
    let silence: String?

    /// Draws and writes the clips of a sample. Every file is written under a temporary name and renamed.
    ///
    /// - Parameter codec: a codec directory; nil takes WORK/codec, if that made the codes.
    /// - Throws: `Failure`, `MDSError`, `AudioError`, `FileError`.
    init(work: Work, sample number: Int, directory: String, codec: String?) throws {
        self.directory = directory
        sample = try SampleReport(work: work, sample: number)
        let views = try work.clipViews(ofSample: number)
        let player = try CodePlayer(work: work, path: codec)
        if case .none(let reason) = player { silence = reason } else { silence = nil }
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw Failure(
                .badUsage, "cannot make the directory", at: directory.escapedForTerminal, remedy: "choose another place"
            )
        }
        for view in views {
            try Interrupt.check()
            let stem = "sample-\(number)-clip-\(view.number)-\(view.role == "in" ? "in" : "out")"
            let decoded = try view.codes.flatMap { try player.play($0) }
            try write(PNG.encode(ClipPicture(view: view, decoded: decoded).raster()), "\(stem).png")
            if let audio = view.audio { try write(Self.wav(audio, source: stem), "\(stem).wav") }
            if let decoded {
                let wav = try AudioEncoder.wav16(
                    decoded.samples, channels: 1, sampleRate: decoded.sampleRate, source: stem)
                try write(wav, "\(stem).decoded.wav")
            }
            clips.append(
                (
                    view, "\(stem).png", view.audio == nil ? nil : "\(stem).wav",
                    decoded == nil ? nil : "\(stem).decoded.wav"
                ))
        }
        try write(Array((JSONValue.object(json).pretty() + "\n").utf8), "sample-\(number).json")
    }

    /// The stored clip as WAV: its samples, channels and rate, bit for bit.
    private static func wav(_ audio: ClipAudio, source: String) throws -> [UInt8] {
        let decoder = try AudioDecoder(bytes: audio.stored, source: source)
        let samples = try decoder.decodeExact(AudioSegment(offsetSeconds: 0, source: source))
        return try AudioEncoder.wav(
            samples, channels: decoder.info.channels, sampleRate: decoder.info.sampleRate, source: source)
    }

    private func write(_ bytes: [UInt8], _ name: String) throws {
        try AtomicFile.write(bytes, to: "\(directory)/\(name)")
    }

    var text: String {
        var table = Table([
            ("clip", .right), ("role", .left), ("length", .right), ("picture", .left), ("sound", .left),
            ("codes", .left),
        ])
        for clip in clips {
            table.add([
                String(clip.view.number), clip.view.role, "\(numberText(clip.view.seconds)) s", clip.picture,
                clip.sound ?? "no audio/", clip.decoded ?? "not decoded",
            ])
        }
        var lines = [
            "\(directory.escapedForTerminal): sample \(sample.number), id \(sample.id.escapedForTerminal) "
                + "(sample-\(sample.number).json)", table.rendered(indent: 2),
        ]
        if let silence { lines.append("codes were not decoded: \(silence.escapedForTerminal)") }
        return lines.joined(separator: "\n")
    }

    var json: JSONObject {
        var object: JSONObject = ["kind": "plots", "sample": .int(sample.number), "id": .string(sample.id)]
        object["speaker"] = sample.speaker.map { .string($0) }
        object["clips"] = .array(
            clips.map { clip in
                var entry: JSONObject = [
                    "clip": .int(clip.view.number), "role": .string(clip.view.role),
                    "seconds": .double(clip.view.seconds), "log_mel": .string(clip.view.melOrigin),
                    "picture": .string(clip.picture),
                ]
                entry["sound"] = clip.sound.map { .string($0) }
                entry["decoded"] = clip.decoded.map { .string($0) }
                return .object(entry)
            })
        object["not_decoded"] = silence.map { .string($0) }
        return object
    }
}
