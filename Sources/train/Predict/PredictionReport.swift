// What train predict tells: each sample's share of equal codes and its audio loss, beside what knowing nothing gives.

import Foundation
import PipelineKit

/// The numbers of one prediction.
struct PredictionReport: Sendable {
    struct Row: Sendable {
        var id: String
        /// The numbers of the predicted clips in the sample.
        var clips: [Int]
        var score: PredictionScore
    }

    /// The directory of the predicted codes.
    let output: String
    let codebookSize: Int
    private(set) var rows: [Row] = []
    private(set) var total: PredictionScore
    /// Labels of the targets, of which the commonest code of each codebook is the best guess without any context.
    private(set) var labels: UnigramCounts

    init(output: String, format: SequenceFormat) {
        self.output = output
        codebookSize = format.codebookSize
        total = PredictionScore(codebooks: format.delay.codebooks)
        labels = UnigramCounts(format)
    }

    mutating func add(_ row: Row, sequence: MergedSequence) {
        rows.append(row)
        total += row.score
        labels.add(sequence)
    }

    // MARK: - What knows nothing

    /// 1 / K: equal codes of a model for which all codes are equally likely.
    var chance: Double { 1 / Double(codebookSize) }

    /// ln (K + 2): its audio loss.
    var chanceLoss: Double { log(Double(codebookSize + 2)) }

    /// Equal codes of a model that always says the commonest code of each codebook; nil without targets.
    var commonestShares: [Double?] {  // (Q)
        labels.codebooks.map { counts in
            total.frames == 0 ? nil : Double(counts.prefix(codebookSize).max() ?? 0) / Double(total.frames)
        }
    }

    var commonestShare: Double? {
        let shares = commonestShares.compactMap(\.self)
        return shares.isEmpty ? nil : shares.reduce(0, +) / Double(shares.count)
    }

    // MARK: - For people

    /// A share in per cent, cut and not rounded: 100.0 means all.
    private static func percent(_ share: Double?) -> String {
        guard let share else { return "–" }
        return String(format: "%.1f", (1_000 * share + 1e-9).rounded(.down) / 10)
    }

    private static func decimal(_ value: Double?) -> String { value.map { String(format: "%.3f", $0) } ?? "–" }

    /// The lines of stdout. Ids stand last, since their width is not known.
    var text: String {
        let codebooks = total.equal.count
        func cells(_ score: PredictionScore, _ clips: String) -> [String] {
            [String(score.frames), Self.percent(score.share)] + score.codebookShares.map(Self.percent)
                + [Self.decimal(score.audioLoss), clips]
        }
        var table = [["frames", "all"] + (0..<codebooks).map { String($0) } + ["audio loss", "clips", "sample"]]
        for row in rows {
            let clips = row.clips.isEmpty ? "–" : row.clips.map { String($0) }.joined(separator: ",")
            table.append(cells(row.score, clips) + [row.id.escapedForTerminal])
        }
        table.append(cells(total, String(total.clips)) + ["all samples"])
        let chances = Array(repeating: Self.percent(chance), count: 1 + codebooks)
        table.append([""] + chances + [Self.decimal(chanceLoss), "", "chance (1 / \(codebookSize))"])
        table.append(
            ["", Self.percent(commonestShare)] + commonestShares.map(Self.percent) + ["", "", "the commonest code"])
        var lines = [
            "\(output.escapedForTerminal): predicted codes of \(total.clips) clip\(total.clips == 1 ? "" : "s") in \(rows.count) "
                + "sample\(rows.count == 1 ? "" : "s"). Teacher-forced: "
                + "each code is predicted from the true ones before it; this is not generation",
            "codes that equal the target's, in per cent, in all and by codebook:",
        ]
        let widths = table[0].indices.dropLast().map { column in table.reduce(0) { max($0, $1[column].count) } }
        for row in table {
            let padded = zip(widths, row).map { String(repeating: " ", count: $0 - $1.count) + $1 }
            lines.append("  " + (padded + [row[row.count - 1]]).joined(separator: "  "))
        }
        lines.append(
            "bos and eos are no codes: eos was likelier than any code in \(total.eosCells) of \(total.codes) cells, bos in "
                + "\(total.bosCells); the likeliest code stands there")
        return lines.joined(separator: "\n")
    }

    // MARK: - For programs

    /// The object that `--json` prints.
    var json: JSONValue {
        func number(_ value: Double?) -> JSONValue { value.map { .double($0) } ?? .null }
        func members(_ score: PredictionScore) -> JSONObject {
            [
                "frames": .int(score.frames), "equal": number(score.share),
                "equal_codebooks": .array(score.codebookShares.map(number)), "audio_loss": number(score.audioLoss),
                "eos_cells": .int(score.eosCells), "bos_cells": .int(score.bosCells),
            ]
        }
        var all: JSONObject = ["samples": .int(rows.count), "clips": .int(total.clips)]
        for (key, value) in members(total).members { all[key] = value }
        return [
            "output": .string(output), "teacher_forced": true, "codebook_size": .int(codebookSize),
            "chance": .double(chance), "chance_audio_loss": .double(chanceLoss),
            "commonest": number(commonestShare), "commonest_codebooks": .array(commonestShares.map(number)),
            "all": .object(all),
            "samples": .array(
                rows.map { row in
                    var object: JSONObject = ["id": .string(row.id), "clips": .array(row.clips.map { .int($0) })]
                    for (key, value) in members(row.score).members { object[key] = value }
                    return .object(object)
                }),
        ]
    }
}
