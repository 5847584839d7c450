// The ids of a sample beside their pieces and labels.

import PipelineKit

/// Ids, labels and pieces of one sample.
struct TokenTable {
    let inputIDs: [Int32]  // (T)
    let labelIDs: [Int32]  // (T)
    /// nil where the tokenizer of samples/ cannot be read.
    let tokenizer: Tokenizer?
    /// The ids of `<|AUDIO|>` and `<|AUDIO_OUT|>`, where the record knows them.
    let placeholders: (audioIn: Int32?, audioOut: Int32?)

    init(sample: MDSSample, samplesDirectory: String, stage: StageRecord?) throws {
        inputIDs = try sample.array("input_ids", as: Int32.self).values
        labelIDs = try sample.array("label_ids", as: Int32.self).values
        guard inputIDs.count == labelIDs.count else {
            throw MDSError(
                "\(labelIDs.count) labels for \(inputIDs.count) ids", path: sample.shard.path, sample: sample.index,
                column: "label_ids")
        }
        tokenizer = stage?.record("text") == nil ? nil : try Tokenizer.load(samplesDirectory: samplesDirectory)
        let control = tokenizer?.record.controlTokens
        placeholders = (control?[.audio], control?[.audioOut])
    }

    /// For each placeholder in order, whether its clip is trained on.
    var targets: [Bool] {
        zip(inputIDs, labelIDs).compactMap { id, label in
            id == placeholders.audioIn || id == placeholders.audioOut ? label != ignoredLabel : nil
        }
    }

    var trainedCount: Int { labelIDs.reduce(0) { $0 + ($1 == ignoredLabel ? 0 : 1) } }

    var text: String {
        var table = Table([("position", .right), ("id", .right), ("label", .right), ("piece", .left)])
        for (position, (id, label)) in zip(inputIDs, labelIDs).enumerated() {
            table.add([
                String(position), String(id), label == ignoredLabel ? "·" : String(label), tokenizer?.piece(id) ?? "",
            ])
        }
        return "\(inputIDs.count) text positions, \(trainedCount) with a label (·: masked)\n"
            + table.rendered(indent: 2)
    }

    var json: JSONObject {
        var object: JSONObject = [
            "input_ids": .array(inputIDs.map { .int(Int($0)) }), "label_ids": .array(labelIDs.map { .int(Int($0)) }),
        ]
        object["pieces"] = tokenizer.map { tokenizer in .array(inputIDs.map { .string(tokenizer.piece($0)) }) }
        return object
    }
}
