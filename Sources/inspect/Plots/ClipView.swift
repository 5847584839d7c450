// A clip of a sample with everything that can be drawn of it, from whichever directories of the WORK are there.

import PipelineKit

/// What is drawn of one clip.
struct ClipView: Sendable {
    /// The clip's number within its sample.
    var number: Int
    /// `in` or `out`.
    var role: String
    /// nil without audio/.
    var audio: ClipAudio?
    var mel: MelImage?
    /// Where the log-mel comes from, or why there is none.
    var melOrigin: String
    var codes: RawCodes?
    /// Why there are no codes; nil where there are.
    var noCodes: String?
    /// Codes a second; nil without a codec's record.
    var frameRate: Double?
    /// K, of the codec's record.
    var codebookSize: Int?
    /// The length; 0 where nothing says it.
    var seconds: Double

    /// `clip 1 (out)`.
    var name: String { "clip \(number) (\(role))" }

    /// The frame of codes that sounds at a time; nil where there is none.
    func codeFrame(at time: Double) -> Int? {
        guard let codes, codes.frames > 0 else { return nil }
        let rate = frameRate ?? Double(codes.frames) / max(seconds, 1e-9)
        let frame = Int(time * rate)
        return frame < codes.frames ? frame : nil
    }

    /// The brightness of a code, 0 … 1: its number over the largest that there can be.
    func codeLevel(_ code: UInt16) -> Float {
        let largest = codebookSize.map { $0 - 1 } ?? Int(codes?.values.max() ?? 1)
        return Float(code) / Float(max(1, largest))
    }
}

/// A stored clip, decoded.
struct ClipAudio: Sendable {
    var stored: ArraySlice<UInt8>
    var waveform: Waveform
    var channels: Int

    /// - Throws: `AudioError`.
    init(_ stored: ArraySlice<UInt8>, source: String) throws {
        let decoder = try AudioDecoder(bytes: stored, source: source)
        self.stored = stored
        waveform = Waveform(samples: try decoder.decodeMono(), sampleRate: decoder.info.sampleRate)
        channels = decoder.info.channels
    }
}

extension Work {
    /// The clips of a sample, ready to be drawn.
    ///
    /// Log-mels are those of features/ where it holds the clip (references only), else made from the audio. Features and
    /// codes of other audio are not drawn.
    /// - Throws: `MDSError`, `AudioError` for damage; `Failure` (bad data) where directories are not in step, or features/ is
    ///   not of this clip.
    func clipViews(ofSample number: Int) throws -> [ClipView] {
        let place = "\(directory.escapedForTerminal), sample \(number)"
        let rows = try rows(ofSample: number).rows
        let stored = try rows["audio"].map { try StoredClip.clips(of: $0.row(columns: StoredClip.columns)) }
        let infos = try rows["samples"]?.json("clips").arrayValue
        let codes =
            isStale("codes") ? nil : try rows["codes"].map { try CodeGrid(sample: $0, clips: stored?.count).clips }
        let record = report("codes")?.stage?.record("codec")
        var references = isStale("features") ? nil : try rows["features"].map { try StoredMels(sample: $0) }
        let count = max(stored?.count ?? 0, infos?.count ?? 0, stored == nil ? codes?.count ?? 0 : 0)
        return try (0..<count).map { index in
            let info = infos.flatMap { index < $0.count ? $0[index] : nil }
            let audio = try stored.map { try ClipAudio($0[index].bytes, source: "\(place), clip \(index)") }
            let grid = codes.flatMap { index < $0.count ? $0[index] : nil }
            var view = ClipView(
                number: index,
                role: stored.map { $0[index].role == .input ? "in" : "out" } ?? info?["role"]?.stringValue ?? "?",
                audio: audio, mel: nil, melOrigin: "",
                codes: grid.map {
                    RawCodes(codebooks: $0.count, frames: $0.first?.count ?? 0, values: $0.flatMap { $0 })
                },
                noCodes: isStale("codes") ? "codes/ is of other audio" : codes == nil ? "no codes/" : nil,
                frameRate: record?["frame_rate"]?.doubleValue, codebookSize: record?["codebook_size"]?.intValue,
                seconds: audio?.waveform.seconds ?? info?["seconds"]?.doubleValue ?? 0)
            if view.seconds == 0, let frames = view.codes?.frames, let rate = view.frameRate {
                view.seconds = Double(frames) / rate
            }
            if view.role == "in", references != nil, audio != nil || info != nil {
                view.mel = try references?.next(seconds: view.seconds, place: "\(place), clip \(index)")
                view.melOrigin = "as stored in features/"
            } else if let audio {
                view.mel = MelImage(of: audio.waveform)
                view.melOrigin =
                    isStale("features")
                    ? "made from the clip: features/ is of other audio"
                    : "made from the clip: \(reader("features") == nil ? "no features/" : "not in features/")"
            } else {
                view.melOrigin = "none: neither audio/ nor features/ has the clip"
            }
            return view
        }
    }
}

/// The log-mels of a row of features/, handed out reference by reference.
private struct StoredMels {
    private let bins: Int
    private let frames: Int
    private let values: [Float16]  // (M, F)
    private let offsets: [Int]
    private let lengths: [Int]
    private var chunk = 0

    init(sample: MDSSample) throws {
        _ = try FeatureSummary(sample: sample)  // checks what the offsets say
        let (values, shape) = try sample.array("audio_features", as: Float16.self)
        (self.values, bins, frames) = (values, shape[0], shape[1])
        offsets = try sample.array("feature_offsets", as: Int32.self).values.map { Int($0) }
        lengths = try sample.array("feature_lengths", as: Int32.self).values.map { Int($0) }
    }

    /// The log-mel of the next reference, whose length says how many chunks it has.
    mutating func next(seconds: Double, place: String) throws -> MelImage {
        let samples = Int((seconds * Double(LogMel.sampleRate) - 1e-6).rounded(.up))
        var chunks: [(values: ArraySlice<Float>, frames: Int, valid: Int)] = []
        for range in LogMel.chunkRanges(samples: samples) {
            guard chunk + 1 < offsets.count, lengths[chunk] == LogMel.validFrames(samples: range.count) else {
                throw Failure(
                    .badData, "features/ does not hold the log-mel of this clip", at: place,
                    remedy: "run featurize again")
            }
            let stored = offsets[chunk]..<offsets[chunk + 1]
            let picked = (0..<bins).flatMap {
                values[$0 * frames + stored.lowerBound..<$0 * frames + stored.upperBound]
            }
            chunks.append((picked.map(Float.init)[...], stored.count, lengths[chunk]))
            chunk += 1
        }
        return MelImage(bins: bins, chunks: chunks)
    }
}
