// The keys of sidecars, computed again: a sidecar that was made with other options or from other input does not fit, even
// where its counts do.

import Foundation
import PipelineKit

extension IndexRepair {
    /// The key that each sidecar must have; nil where it cannot be known here, because the input is not beside the
    /// directory any more.
    static func keys(_ sidecars: [ShardSidecar], _ stage: StageRecord, _ directory: String) throws -> [String]? {
        let identity = stage.identity
        if identity.stage.utf8.elementsEqual("ingest".utf8) {
            return sidecars.enumerated().map { number, sidecar in
                identity.key(ofShard: number, resume: sidecar.resume, audioRoot: identity.input["audio_root"])
            }
        }
        // Made from several directories and a model, which the record names and which need not be there any more.
        if identity.stage.utf8.elementsEqual("predict".utf8) { return nil }
        let audio = URL(fileURLWithPath: directory).deletingLastPathComponent().path + "/audio"
        guard FileManager.default.fileExists(atPath: "\(audio)/\(MDSIndex.basename)") else { return nil }
        let input = try MDSReader(directory: audio)
        guard stage.inputDigest.map({ $0.utf8.elementsEqual(input.indexDigest.utf8) }) ?? false else { return nil }
        return input.shards.map(identity.key(ofInput:))
    }
}
