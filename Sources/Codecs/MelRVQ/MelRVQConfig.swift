// The config.json of a mel_rvq codec: sizes, and what the fit lost. Written last, so that a directory with one is whole.

import PipelineKit

/// What the fit of a codec was made from. Equal ones make equal codecs.
package struct FitIdentity: Sendable {
    /// Raised when other codebooks come out for the same audio and options.
    static let version = 3

    /// XXH64 of the audio directory's index.json.
    var inputDigest: String
    /// nil: chosen by the amount of audio.
    var codebookSize: Int?

    package init(inputDigest: String, codebookSize: Int?) {
        self.inputDigest = inputDigest
        self.codebookSize = codebookSize
    }

    var json: JSONObject {
        [
            "version": .int(Self.version), "input": ["digest": .string(inputDigest)],
            "codebook_size": codebookSize.map(JSONValue.int) ?? "auto",
        ]
    }
}

/// What a codec loses on the audio that it was fitted to.
struct FitLoss: Sendable, Equatable {
    struct Stage: Sendable, Equatable {
        /// The root mean square difference between the log-mel of the audio and of its codes up to this codebook, in dB.
        var melDistanceDecibels: Double
        /// Codewords that at least one frame uses.
        var used: Int
        /// Of the codes, in bits; log2 K at most.
        var entropyBits: Double
    }

    var samples: Int
    /// Clips that differ.
    var clips: Int
    /// Code frames of these clips.
    var frames: Int
    /// Code frames that the codebooks were fitted to.
    var fittedFrames: Int
    /// The root mean square distance from the mean frame, in dB: what no codebook at all would lose.
    var spreadDecibels: Double
    var stages: [Stage]

    var json: JSONObject {
        func rounded(_ value: Double) -> JSONValue { .double((value * 1e4).rounded() / 1e4) }
        return [
            "samples": .int(samples), "clips": .int(clips), "frames": .int(frames), "fitted_frames": .int(fittedFrames),
            "spread_db": rounded(spreadDecibels),
            "mel_distance_db": .array(stages.map { rounded($0.melDistanceDecibels) }),
            "codewords_used": .array(stages.map { .int($0.used) }),
            "entropy_bits": .array(stages.map { rounded($0.entropyBits) }),
        ]
    }
}

/// The sizes of a codec, as config.json has them.
struct MelRVQConfig: Sendable {
    static let modelType = "mel_rvq"
    /// Of the files: raised when an older program could not read them rightly.
    static let formatVersion = 1

    var codebooks: Int
    var codebookSize: Int
    /// What decoded powers are multiplied with: a mean of logarithms lies below the logarithm of the mean.
    var decodeGain: Float

    /// - Throws: a `Failure` (bad data) that names a missing or foreign member.
    init(json: JSONValue, path: String) throws {
        func value(_ key: String, _ range: ClosedRange<Int>) throws -> Int {
            guard let value = json[key]?.intValue, range.contains(value) else {
                throw Failure(
                    .badData,
                    "'\(key)' is \(json[key]?.pythonDump().escapedForTerminal ?? "missing"), "
                        + (range.count == 1
                            ? "expected \(range.lowerBound)"
                            : "expected \(range.lowerBound) to \(range.upperBound)"),
                    at: path.escapedForTerminal, remedy: "make the codec anew with tokenize fit --replace")
            }
            return value
        }
        for (key, expected) in Self.fixedMembers { _ = try value(key, expected...expected) }
        codebooks = try value("codebooks", 1...64)
        codebookSize = try value("codebook_size", 1...65_536)
        guard let gain = json["decode_gain"]?.doubleValue, gain.isFinite, gain > 0 else {
            throw Failure(.badData, "'decode_gain' is no positive number", at: path.escapedForTerminal)
        }
        decodeGain = Float(gain)
    }

    init(codebooks: Int, codebookSize: Int, decodeGain: Float) {
        self.codebooks = codebooks
        self.codebookSize = codebookSize
        self.decodeGain = decodeGain
    }

    /// What every codec of this format has; written for people and for other programs.
    private static let fixedMembers: [(key: String, value: Int)] = [
        ("format_version", formatVersion), ("sample_rate", MelFrames.sampleRate),
        ("frame_rate", MelFrames.codeFrameRate), ("window_samples", MelFrames.windowSamples),
        ("hop_samples", MelFrames.hopSamples), ("mel_bins", MelFrames.binCount),
        ("frames_stacked", MelFrames.framesStacked),
    ]

    /// The members of config.json, without those about the fit.
    var json: JSONObject {
        var object: JSONObject = ["model_type": .string(Self.modelType)]
        for (key, value) in Self.fixedMembers { object[key] = .int(value) }
        object["codebooks"] = .int(codebooks)
        object["codebook_size"] = .int(codebookSize)
        object["decode_gain"] = .double(Double(decodeGain))
        return object
    }
}
