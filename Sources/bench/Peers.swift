// The Python programs that a user would run instead; their scripts lie in dev/peers and print one JSON object.

import PipelineKit

/// A Python that has the peers.
struct Peers {
    let python: String
    let scripts: String
    let directory: String

    /// Runs a script.
    ///
    /// - Returns: the object that it printed last.
    func run(_ script: String, _ arguments: [String]) throws -> JSONValue {
        let (_, output) = try runProcess(python, ["-W", "ignore", "\(scripts)/\(script)"] + arguments)
        guard let line = output.split(separator: "\n").last else {
            throw Failure(.failed, "printed nothing", at: script)
        }
        return try JSONValue(parsing: String(line))
    }

    /// A number of what `run` returned.
    func number(_ key: String, _ result: JSONValue, _ script: String) throws -> Double {
        guard let value = result[key]?.doubleValue else { throw Failure(.failed, "printed no \(key)", at: script) }
        return value
    }
}
