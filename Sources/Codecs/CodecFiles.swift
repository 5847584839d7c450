// The files of a CODEC_DIR: config.json, by which its kind is told, and model.safetensors.

import Foundation
import PipelineKit

/// The parsed config.json of a codec directory.
///
/// - Throws: a `Failure`: bad usage where there is no such directory or file, bad data where it is no JSON object.
func codecConfig(_ path: String) throws -> JSONValue {
    guard access(path, F_OK) == 0 else {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let isThere = access(directory, F_OK) == 0
        throw Failure(
            .badUsage, isThere ? "no config.json: not a codec directory" : "no such codec directory",
            at: directory.escapedForTerminal,
            remedy: "make one with tokenize fit, or name a codec's checkpoint directory")
    }
    let file = try MappedFile(path: path)
    let json: JSONValue? = file.withBytes { try? JSONValue(parsing: $0) }
    guard let json, json.objectValue != nil else {
        throw Failure(.badData, "is not a JSON object", at: path.escapedForTerminal, remedy: "make the codec anew")
    }
    return json
}

/// XXH64 over files, one after another, in 16 hexadecimal digits.
func digest(ofFiles paths: [String]) throws -> String {
    let hash = XXH64()
    for path in paths {
        let file = try MappedFile(path: path)
        file.withBytes { hash.update($0) }
    }
    return hash.digest.hexDigits
}
