// A codec directory: its config and its tensors.

import PipelineKit

/// What a codec directory holds.
struct CodecReport: Report {
    let directory: String
    let config: JSONObject
    let tensors: CheckpointReport

    init(directory: String) throws {
        tensors = try CheckpointReport(directory: directory)
        guard let config = tensors.config?.objectValue else {
            throw Failure(.badData, "config.json is not an object", at: directory.escapedForTerminal)
        }
        self.directory = directory
        self.config = config
    }

    var text: String {
        var table = Table([("", .left), ("", .left)])
        for (key, value) in config.members {
            table.add([key, value.stringValue ?? value.pythonDump(ascii: false).truncated(to: 100)])
        }
        return "codec \(directory.escapedForTerminal)\n" + table.rendered(indent: 2) + "\n\n" + tensors.text
    }

    var json: JSONObject {
        ["kind": "codec", "config": .object(config), "tensors": tensors.json["tensors"] ?? .null]
    }
}
