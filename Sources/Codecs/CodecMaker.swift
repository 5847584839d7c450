// Codes belong to the codec that made them: decoded by another one, they are noise.

import PipelineKit

/// Refuses codes that another codec made.
///
/// - Throws: a `Failure` (bad usage) with both digests.
package func checkMaker(of codes: String, is codec: CodecRecord, at codecPath: String) throws {
    let path = codes + "/" + StageRecord.basename
    guard let json = try StageRecord(directory: codes)?.record("codec") else {
        throw Failure(
            .badUsage, "no codec record: not the codes of tokenize encode", at: path.escapedForTerminal,
            remedy: "name the directory that tokenize encode wrote")
    }
    let maker = try CodecRecord(json: json, path: path)
    guard maker == codec else {
        throw Failure(
            .badUsage,
            "made by the codec \(maker.name.escapedForTerminal) with digest \(maker.digest.escapedForTerminal), but "
                + "\(codecPath.escapedForTerminal) is \(codec.name) with digest \(codec.digest)",
            at: codes.escapedForTerminal, remedy: "name the codec that made them, or run tokenize encode again")
    }
}
