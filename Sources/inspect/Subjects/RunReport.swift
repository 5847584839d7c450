// A training run: how far it is, and each loss beside what a model that knows nothing would get.

import Foundation
import PipelineKit

/// What a run directory holds.
struct RunReport: Report {
    let directory: String
    /// The lines of metrics.jsonl in order.
    let lines: [JSONObject]
    let checkpoints: [String]
    let isFinished: Bool
    /// What trainer_state.json says of the evaluation with the lowest loss: steps done and validation_loss; nil where
    /// nothing was evaluated before the last checkpoint.
    let best: JSONObject?
    /// Optimizer steps of the newest checkpoint, or of final/.
    private let savedStep: Int?

    init(directory: String) throws {
        self.directory = directory
        lines = try jsonLines(path: "\(directory)/metrics.jsonl")
        let names = try FileManager.default.contentsOfDirectory(atPath: directory)
        checkpoints = names.filter { $0.hasPrefix("checkpoint-") && Int($0.dropFirst("checkpoint-".count)) != nil }
            .sorted { (Int($0.dropFirst(11)) ?? 0) < (Int($1.dropFirst(11)) ?? 0) }
        isFinished = FileManager.default.fileExists(atPath: "\(directory)/final/trainer_state.json")
        let newest = isFinished ? "final" : checkpoints.last
        let path = newest.map { "\(directory)/\($0)/trainer_state.json" }
        let state = try path.flatMap {
            FileManager.default.fileExists(atPath: $0) ? try JSONValue(contentsOfFile: $0) : nil
        }
        best = state?["best"]?.objectValue
        savedStep = state?["step"]?.intValue
    }

    private var trainingLines: [JSONObject] { lines.filter { $0["loss"] != nil } }
    private var validationLines: [JSONObject] { lines.filter { $0["validation_loss"] != nil } }

    /// At most `limit` lines, evenly spread, the first and the last among them.
    private func spread(_ lines: [JSONObject], limit: Int = 16) -> [JSONObject] {
        guard lines.count > limit else { return lines }
        return (0..<limit).map { lines[$0 * (lines.count - 1) / (limit - 1)] }
    }

    private func number(_ line: JSONObject?, _ key: String, _ places: Int = 3) -> String {
        line?[key]?.doubleValue.map { numberText($0, places) } ?? ""
    }

    var text: String {
        var sections = [
            "\(directory.escapedForTerminal): " + (isFinished ? "finished" : "not finished")
                + ", \(counted(trainingLines.count, "logged step"))"
                + (checkpoints.isEmpty ? "" : ", \(checkpoints.joined(separator: ", "))")
                + (isFinished ? ", final" : "")
        ]
        if let last = trainingLines.last { sections.append(verdict(last)) }
        var table = Table([
            ("step", .right), ("epoch", .right), ("loss", .right), ("text", .right), ("audio", .right),
            ("learning rate", .right), ("grad norm", .right), ("tokens/s", .right),
        ])
        for line in spread(trainingLines) {
            table.add([
                number(line, "step", 0), number(line, "epoch", 2), number(line, "loss"), number(line, "text_loss"),
                number(line, "audio_loss"), line["learning_rate"]?.doubleValue.map { String(format: "%.2e", $0) } ?? "",
                number(line, "grad_norm"), number(line, "tokens_per_second", 0),
            ])
        }
        sections.append(table.rendered(indent: 2))
        if !validationLines.isEmpty {
            var table = Table([
                ("step", .right), ("validation loss", .right), ("text", .right), ("audio", .right),
                ("reference swap", .right), ("text swap", .right),
            ])
            for line in spread(validationLines) {
                table.add([
                    number(line, "step", 0), number(line, "validation_loss"), number(line, "validation_text_loss"),
                    number(line, "validation_audio_loss"), number(line, "validation_reference_swap_delta"),
                    number(line, "validation_text_swap_delta"),
                ])
            }
            sections.append(table.rendered(indent: 2))
            if let best, let step = best["step"]?.intValue {
                let name = "checkpoint-\(step)"
                let place = checkpoints.contains(name) ? name : step == savedStep ? "final" : "\(name), which is gone"
                sections.append("  best: validation loss \(number(best, "validation_loss")), in \(place)")
            }
            if let last = validationLines.last { sections.append(listening(last)) }
        }
        return sections.joined(separator: "\n\n")
    }

    /// How the audio loss rose when rows exchanged their references, and their text.
    private func listening(_ line: JSONObject) -> String {
        func moved(_ key: String) -> String {
            line[key]?.doubleValue.map { String(format: "%+.3f", $0) } ?? "not measured"
        }
        let reference = moved("validation_reference_swap_delta"), text = moved("validation_text_swap_delta")
        return "  audio loss with another row's reference: \(reference), with another row's text: \(text) "
            + "(0: the model does not listen to it)"
    }

    /// The last losses beside chance and entropy.
    private func verdict(_ last: JSONObject) -> String {
        var table = Table([
            ("", .left), ("first", .right), ("last", .right), ("chance", .right), ("unigram entropy", .right),
            ("", .left),
        ])
        func row(_ name: String, first: Double?, last: Double?, chance: Double?, entropy: Double?) {
            guard let last else { return }
            let bound = entropy ?? chance
            let judgement = bound.map {
                last < $0 ? "below it: something was learnt" : "NOT below it: nothing was learnt yet"
            }
            table.add([
                name, first.map { numberText($0) } ?? "", numberText(last), chance.map { numberText($0) } ?? "",
                entropy.map { numberText($0) } ?? "", judgement ?? "",
            ])
        }
        let first = trainingLines.first
        row(
            "text", first: first?["text_loss"]?.doubleValue, last: last["text_loss"]?.doubleValue,
            chance: last["chance_text"]?.doubleValue, entropy: last["unigram_text"]?.doubleValue)
        row(
            "audio", first: first?["audio_loss"]?.doubleValue, last: last["audio_loss"]?.doubleValue,
            chance: last["chance_audio"]?.doubleValue, entropy: last["unigram_audio"]?.doubleValue)
        let losses = last["codebook_losses"]?.arrayValue ?? []
        let entropies = last["unigram_codebooks"]?.arrayValue ?? []
        let firsts = first?["codebook_losses"]?.arrayValue ?? []
        for (k, loss) in losses.enumerated() {
            row(
                "  codebook \(k)", first: k < firsts.count ? firsts[k].doubleValue : nil, last: loss.doubleValue,
                chance: last["chance_audio"]?.doubleValue, entropy: k < entropies.count ? entropies[k].doubleValue : nil
            )
        }
        return table.rendered(indent: 2)
    }

    var json: JSONObject {
        var object: JSONObject = [
            "kind": "run", "finished": .bool(isFinished), "checkpoints": .array(checkpoints.map { .string($0) }),
            "lines": .int(lines.count),
        ]
        object["first"] = trainingLines.first.map { .object($0) }
        object["last"] = trainingLines.last.map { .object($0) }
        object["best"] = best.map { .object($0) }
        object["last_validation"] = validationLines.last.map { .object($0) }
        return object
    }
}
