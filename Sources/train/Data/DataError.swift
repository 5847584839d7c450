// What can be wrong with the data as a whole: directories that do not belong together. Errors of one row are
// SequenceError's and MDSError's.

import PipelineKit

/// Data that cannot be trained on. Damage and mismatches end the program with exit status 3, wrong paths with 2.
enum DataError: PersonReadable, Equatable {
    case noData(path: String)
    case missingDirectory(path: String, stage: String)
    case missingColumn(path: String, column: String, stage: String)
    /// Two directories that differ in shards or in the samples of a shard.
    case shardCounts(path: String, got: String, expected: String, stage: String)
    /// Row `row` of a shard has another id than the row of samples.
    case idMismatch(path: String, row: Int, got: String, expected: String, stage: String)
    /// A directory that was made from other audio.
    case staleStage(path: String, stage: String, got: String, expected: String)
    case record(path: String, problem: String, remedy: String)
    case row(id: String, problem: String, remedy: String)
    case nothingToTrain(path: String, problem: String, remedy: String)

    var failure: Failure {
        switch self {
        case .noData(let path):
            Failure(
                .badUsage, "neither a WORK (no samples/) nor a shard directory (no index.json)",
                at: path.escapedForTerminal, remedy: "check --data-path, or run the stages before train")
        case .missingDirectory(let path, let stage):
            Failure(.badUsage, "no such directory", at: path.escapedForTerminal, remedy: "run \(stage) first")
        case .missingColumn(let path, let column, let stage):
            Failure(
                .badData, "the shards have no column \(column)", at: path.escapedForTerminal,
                remedy: "run \(stage) again")
        case .shardCounts(let path, let got, let expected, let stage):
            Failure(
                .badData, "\(got), but samples has \(expected)", at: path.escapedForTerminal,
                remedy: "run \(stage) again on this data")
        case .idMismatch(let path, let row, let got, let expected, let stage):
            Failure(
                .badData,
                "sample \(row) is '\(got.escapedForTerminal)', but in samples it is '\(expected.escapedForTerminal)'",
                at: path.escapedForTerminal, remedy: "run \(stage) again on this data")
        case .staleStage(let path, let stage, let got, let expected):
            Failure(
                .badData, "made from other audio: its input has the digest \(got), audio has \(expected)",
                at: path.escapedForTerminal, remedy: "run \(stage) again on this data")
        case .record(let path, let problem, let remedy), .nothingToTrain(let path, let problem, let remedy):
            Failure(.badData, problem, at: path.escapedForTerminal, remedy: remedy)
        case .row(let id, let problem, let remedy):
            Failure(.badData, problem, at: "sample '\(id.escapedForTerminal)'", remedy: remedy)
        }
    }
}
