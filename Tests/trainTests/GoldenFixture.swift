// The golden batch of the original model: its four samples as our data room would hand them over.

import PipelineKit
import TestSupport

@testable import train

enum GoldenFixture {
    static let directory = fixture("model")

    static func file(_ name: String) throws -> SafetensorsFile {
        try SafetensorsFile(path: fixture("model/\(name).safetensors"))
    }

    static func model() throws -> HiggsModel { try HiggsModel(loading: directory) }

    /// The four samples. Their features come from the collated batch, valid frames and two more of each clip.
    static func samples(_ format: SequenceFormat) throws -> [TrainingSample] {
        let batch = try file("batch")
        let features = try batch.floats("audio_features")
        let mask = try batch.integers("audio_feature_attention_mask")
        let clips = 5, bins = format.melBins, width = features.count / clips / bins
        var clip = 0
        return try (0..<4).map { number in
            let sample = try file("sample_\(number)")
            let ids = try sample.integers("input_ids").map(Int32.init)
            let references = ids.count { $0 == format.audioInID }
            var rows = Array(repeating: [Float](), count: bins)
            var offsets = [0], lengths: [Int] = []
            for c in clip..<clip + references {
                let valid = mask[c * width..<(c + 1) * width].reduce(0, +)
                for bin in 0..<bins {
                    let start = (c * bins + bin) * width
                    rows[bin] += features[start..<start + valid + 2]
                }
                lengths.append(valid)
                offsets.append(offsets[offsets.count - 1] + valid + 2)
            }
            clip += references
            return TrainingSample(
                id: "sample_\(number)", inputIDs: ids, labelIDs: try sample.integers("label_ids").map(Int32.init),
                clips: try clipCodes(sample, codebooks: format.delay.codebooks),
                features: FeatureChunks(
                    melBins: bins, frames: offsets[offsets.count - 1], values: rows.flatMap { $0 }, offsets: offsets,
                    lengths: lengths, chunksPerClip: Array(repeating: 1, count: references)))
        }
    }

    private static func clipCodes(_ sample: SafetensorsFile, codebooks: Int) throws -> [RawCodes] {
        let codes = try sample.integers("audio_ids_concat")
        let columns = codes.count / codebooks
        let starts = try sample.integers("audio_ids_start") + [columns]
        return zip(starts, starts.dropFirst()).map { start, end in
            RawCodes(
                codebooks: codebooks, frames: end - start,
                values: (0..<codebooks).flatMap { k in
                    codes[k * columns + start..<k * columns + end].map { UInt16($0) }
                })
        }
    }
}
