// What every codec is to the programs (tokenize, which makes codes, and inspect, which plays them), and the list of those that there are. A new codec is a file and a line
// in `families`.

import PipelineKit

/// A neural or fitted codec: waveform to codes and back.
package protocol AudioCodec: Sendable {
    /// Name, rates, sizes, digest.
    var record: CodecRecord { get }

    /// The codes of one clip: Q codebooks by at least one frame.
    ///
    /// - Parameter samples: mono at `sampleRate`, finite, at least one. // (S)
    func encode(_ samples: [Float]) throws -> RawCodes

    /// A waveform that sounds like what was encoded. // (S)
    ///
    /// - Parameter codes: Q codebooks, every code below `codebookSize`, at least one frame.
    func decode(_ codes: RawCodes) throws -> [Float]
}

extension AudioCodec {
    package var sampleRate: Int { record.sampleRate }
    package var frameRate: Double { record.frameRate }
    package var codebooks: Int { record.codebooks }
    package var codebookSize: Int { record.codebookSize }
}

/// A kind of codec, told by the `model_type` of its config.json.
struct CodecFamily: Sendable {
    let modelType: String
    /// Opens a codec from its directory and its parsed config.json.
    let open: @Sendable (_ directory: String, _ config: JSONValue) throws -> any AudioCodec

    static let families: [CodecFamily] = [MelRVQCodec.family, HiggsCodec.family]
}

/// Opens whatever codec lies in a CODEC_DIR.
///
/// - Throws: a `Failure` (bad usage) where there is none, or of a kind that is not known; what the family throws.
package func openCodec(_ directory: String) throws -> any AudioCodec {
    let path = directory + "/config.json"
    let config = try codecConfig(path)
    guard let type = config["model_type"]?.stringValue else {
        throw Failure(
            .badUsage, "has no 'model_type'", at: path.escapedForTerminal,
            remedy: "name a directory that tokenize fit wrote")
    }
    guard let family = CodecFamily.families.first(where: { $0.modelType.utf8.elementsEqual(type.utf8) }) else {
        let known = CodecFamily.families.map(\.modelType).joined(separator: ", ")
        throw Failure(
            .badUsage, "a codec of the model type '\(type.escapedForTerminal)', which this program does not compute",
            at: path.escapedForTerminal, remedy: "name a codec directory of one of these: \(known)")
    }
    return try family.open(directory, config)
}
