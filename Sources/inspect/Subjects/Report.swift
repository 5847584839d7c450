// What inspect says, once as text for people and once as JSON for scripts.

import PipelineKit

/// A finding about a directory.
protocol Report {
    /// For people; several lines.
    var text: String { get }
    /// For scripts; one object.
    var json: JSONObject { get }
}

extension Report {
    /// Prints the report to stdout.
    func print(asJSON: Bool) {
        if asJSON { Console.print(.object(json)) } else { Console.print(text) }
    }
}
