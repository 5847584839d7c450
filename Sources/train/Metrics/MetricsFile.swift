// metrics.jsonl: lines are appended as steps are done, and cut back when a run goes on from a checkpoint.

import PipelineKit

/// The metrics of a run, open for appending. Not thread-safe.
final class MetricsFile {
    var path: String { log.path }
    private let log: StepLog

    /// Opens the file after cutting it to the lines of steps before `step`.
    ///
    /// A last line without end, which a kill can leave, goes too. 0 makes an empty file.
    /// - Parameter owesEvaluation: whether the evaluation after the last kept step is still to come: a line of it, which a
    ///   run has left that was killed before its checkpoint, goes.
    /// - Throws: `FileError`.
    init(path: String, keepingStepsBelow step: Int, owesEvaluation: Bool = false) throws {
        try StepLog.cut(path) { Self.keptCount($0, stepsBelow: step, owesEvaluation: owesEvaluation) }
        log = try StepLog(path: path)
    }

    private static func keptCount(_ bytes: [UInt8], stepsBelow step: Int, owesEvaluation: Bool) -> Int {
        var kept = 0
        while let end = bytes[kept...].firstIndex(of: UInt8(ascii: "\n")) {
            // Steps never fall from one line to the next, so the first line that goes is where the file is cut.
            guard let line = try? JSONValue(parsing: bytes[kept..<end]), let number = line["step"]?.intValue,
                number < step
            else { break }
            if owesEvaluation, number == step - 1, line["validation_loss"] != nil { break }
            kept = end + 1
        }
        return kept
    }

    /// Appends a line; it is with the system when the call returns.
    func append(_ line: JSONObject) throws {
        try log.append(Array(JSONValue.object(line).pythonDump().utf8) + [UInt8(ascii: "\n")])
    }

    /// Brings the lines to the disk, before a checkpoint that counts on them.
    func sync() throws { try log.sync() }
}
