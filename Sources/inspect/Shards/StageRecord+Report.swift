// stage.json as people and scripts see it.

import PipelineKit

extension StageRecord {
    /// Stage, options, input, counts and records with their values; nested members by dotted names. Not escaped. The text
    /// report, which has lines of its own, is left out.
    var fields: [(name: String, value: String)] {
        var fields = [(name: "stage", value: "\(identity.stage) (output version \(identity.outputVersion))")]
        func add(_ value: JSONValue, _ name: String) {
            guard let object = value.objectValue else {
                fields.append((name, value.stringValue ?? value.pythonDump(ascii: false)))
                return
            }
            for (key, member) in object.members { add(member, "\(name).\(key)") }
        }
        add(.object(identity.options), "options")
        add(.object(identity.input), "input")
        var counts = counts
        counts["text"] = nil
        add(.object(counts), "counts")
        add(.object(identity.records), "records")
        return fields
    }

    /// The fields, one a line.
    var table: Table {
        var table = Table([("", .left), ("", .left)])
        for (name, value) in fields { table.add([name, value.truncated(to: 100)]) }
        return table
    }

    /// What the texts are made of; nil where ingest did not say.
    var textReport: TextReport? { TextReport(json: counts["text"]) }

    /// The record as one object.
    var json: JSONObject {
        [
            "stage": .string(identity.stage), "output_version": .int(identity.outputVersion),
            "options": .object(identity.options), "input": .object(identity.input), "counts": .object(counts),
            "records": .object(identity.records),
        ]
    }
}
