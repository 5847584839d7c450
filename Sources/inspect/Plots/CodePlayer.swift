// Finds the codec that made a WORK's codes, and plays them.

import Codecs
import Foundation
import PipelineKit

/// A codec that fits the codes, or why there is none.
enum CodePlayer {
    case codec(any AudioCodec)
    /// Why nothing is decoded, in words.
    case none(String)

    /// Opens the codec at `path`, or the one in WORK/codec where none is named.
    ///
    /// - Throws: where `path` is named: what `openCodec` throws, and a `Failure` (bad usage) where it did not make the codes.
    init(work: Work, path: String?) throws {
        let codes = "\(work.directory)/codes"
        guard let record = work.report("codes")?.stage?.record("codec") else {
            self = .none(
                work.reader("codes") == nil
                    ? "there is no codes/" : "codes/stage.json does not say which codec made them")
            return
        }
        if let path {
            let codec = try openCodec(path)
            try checkMaker(of: codes, is: codec.record, at: path)
            self = .codec(codec)
            return
        }
        let maker = try CodecRecord(json: record, path: "\(codes)/\(StageRecord.basename)")
        let own = "\(work.directory)/codec"
        guard FileManager.default.fileExists(atPath: "\(own)/config.json") else {
            self = .none("the codec \(maker.name) is not in WORK/codec; name it with --codec")
            return
        }
        let codec = try openCodec(own)
        guard codec.record == maker else {
            self = .none("WORK/codec is not the codec that made codes/; name that one with --codec")
            return
        }
        self = .codec(codec)
    }

    /// The sound of codes; nil where there is no codec.
    ///
    /// - Throws: `MDSError`-like failures where the codes are not this codec's; what the codec throws.
    func play(_ codes: RawCodes) throws -> Waveform? {
        guard case .codec(let codec) = self else { return nil }
        guard codes.codebooks == codec.codebooks, codes.frames > 0,
            codes.values.allSatisfy({ Int($0) < codec.codebookSize })
        else {
            throw Failure(
                .badData,
                "codes of \(codes.codebooks) codebooks with codes up to \(codes.values.max() ?? 0), the codec has "
                    + "\(codec.codebooks) of \(codec.codebookSize)", remedy: "run tokenize encode again")
        }
        return Waveform(samples: try codec.decode(codes), sampleRate: codec.sampleRate)
    }
}
