// What a model is taught by one sample, id by id: the layout that wrote the ids is asked what each of them is for, and the
// stored label is compared with what it should be. What a placeholder becomes is counted as train counts it.

import PipelineKit

/// The ids of a sample with their meaning.
struct TokenReport: Report {
    /// What is learnt at an id.
    enum Lesson: String {
        case nothing = "no"
        case text
        /// A target clip: its codes are learnt, the placeholder itself is not.
        case codes
    }

    /// What a placeholder becomes.
    struct Expansion {
        /// n, and n + 2 + Q − 1 positions; nil where codes/ is missing.
        var frames: Int?
        var codePositions: Int?
        /// Of a reference, where a model has a tower; nil where features/ is missing or does not say.
        var featurePositions: Int?
    }

    struct Entry {
        var id: Int32
        var piece: String
        /// nil where the layout would not have written the id.
        var position: ConversationPosition?
        var label: Int32
        var lesson: Lesson
        var why: String
        /// Whether the label is what the layout would have given it.
        var isSound: Bool
        var expansion: Expansion?
    }

    let number: Int
    let id: String
    let entries: [Entry]

    /// - Throws: `Failure` for a number out of range or a directory without text record; `MDSError` for damage.
    init(work: Work, sample number: Int) throws {
        let reader = try work.samplesReader()
        guard (0..<reader.sampleCount).contains(number) else {
            throw outOfRange(number, count: reader.sampleCount, directory: work.directory)
        }
        let directory = "\(work.directory)/samples"
        let layout = try ConversationLayout(tokenizer: Tokenizer.load(samplesDirectory: directory), path: directory)
        let sample = try reader.sample(number)
        let ids = try sample.array("input_ids", as: Int32.self).values
        let labels = try sample.array("label_ids", as: Int32.self).values
        guard ids.count == labels.count else {
            throw MDSError(
                "\(labels.count) labels for \(ids.count) ids", path: sample.shard.path, sample: sample.index,
                column: "label_ids")
        }
        self.number = number
        id = try sample.string("id")
        let positions = layout.explain(ids)
        let judge = LabelJudge(positions: positions, labels: labels)
        let expansions = try Self.expansions(work, number, clips: sample.json("clips").arrayValue ?? [])
        var clip = 0
        entries = ids.indices.map { place in
            let position = positions[place]
            var entry = Entry(
                id: ids[place], piece: layout.tokenizer.piece(ids[place]), position: position, label: labels[place],
                lesson: .nothing, why: judge.reason(place), isSound: judge.isSound(place), expansion: nil)
            if labels[place] != ignoredLabel { entry.lesson = position?.kind == .placeholder ? .codes : .text }
            if position?.kind == .placeholder {
                entry.expansion = clip < expansions.count ? expansions[clip] : Expansion()
                clip += 1
            }
            return entry
        }
    }

    /// What each clip becomes.
    private static func expansions(_ work: Work, _ number: Int, clips: [JSONValue]) throws -> [Expansion] {
        var expansions = clips.map { _ in Expansion() }
        if let codes = try work.reader("codes")?.sample(number) {
            let grid = try CodeGrid(sample: codes, clips: clips.count)
            for (clip, codes) in grid.clips.enumerated() {
                let frames = codes.first?.count ?? 0
                expansions[clip].frames = frames
                expansions[clip].codePositions = frames + 2 + codes.count - 1
            }
        }
        guard let features = try work.reader("features")?.sample(number) else { return expansions }
        let chunks = try FeatureSummary(sample: features).chunks
        let references = clips.indices.filter { clips[$0]["role"]?.stringValue == "in" }
        // A clip has a chunk for each 30 s that it has begun.
        let counts = references.map { clip in
            clips[clip]["seconds"]?.doubleValue.map { max(1, Int(($0 / 30).rounded(.up))) } ?? 0
        }
        guard counts.reduce(0, +) == chunks.count else { return expansions }
        var rest = chunks[...]
        for (reference, count) in zip(references, counts) {
            expansions[reference].featurePositions = rest.prefix(count).reduce(0) {
                $0 + FeatureChunks.featurePositions(frames: $1.validFrames)
            }
            rest = rest.dropFirst(count)
        }
        return expansions
    }

    private func count(_ lesson: Lesson) -> Int { entries.count { $0.lesson == lesson } }

    /// Positions once placeholders are expanded; nil where a length is not known.
    private func mergedCount(withTower: Bool) -> Int? {
        var total = 0
        for entry in entries {
            guard let expansion = entry.expansion else {
                total += 1
                continue
            }
            guard let codes = expansion.codePositions else { return nil }
            total += codes
            guard withTower, entry.position.map({ $0.role != .assistant }) ?? false else { continue }
            guard let features = expansion.featurePositions else { return nil }
            total += features
        }
        return total
    }

    private func becomes(_ entry: Entry) -> String {
        guard let expansion = entry.expansion else { return "" }
        guard let frames = expansion.frames, let positions = expansion.codePositions else {
            return "codes (codes/ is missing)"
        }
        let features = expansion.featurePositions.map { "\($0) features (with a tower) and " } ?? ""
        return "\(features)\(positions) columns of codes (\(frames) frames, bos, eos, delay)"
    }

    var text: String {
        var table = Table([
            ("position", .right), ("id", .right), ("piece", .left), ("turn", .right), ("role", .left), ("part", .left),
            ("learnt", .left), ("why", .left), ("becomes", .left),
        ])
        for (place, entry) in entries.enumerated() {
            table.add([
                String(place), String(entry.id), entry.piece, entry.position.map { String($0.turn) } ?? "?",
                entry.position?.role.rawValue ?? "?", entry.position?.kind.rawValue ?? "?", entry.lesson.rawValue,
                (entry.isSound ? "" : "✗ ") + entry.why, becomes(entry),
            ])
        }
        let wrong = entries.count { !$0.isSound }
        var head =
            "sample \(number): id \(id.escapedForTerminal): \(counted(entries.count, "id")), text is learnt at "
            + "\(count(.text)), codes of \(counted(count(.codes), "clip")), \(count(.nothing)) are masked"
        if let merged = mergedCount(withTower: false) {
            head += "; \(countText(merged)) positions for a model without a tower"
            if let withTower = mergedCount(withTower: true) { head += ", \(countText(withTower)) with one" }
        }
        if wrong > 0 { head += "\n✗ \(counted(wrong, "label is", plural: "labels are")) not what the layout gives" }
        return head + "\n" + table.rendered(indent: 2)
    }

    var json: JSONObject {
        var object: JSONObject = [
            "kind": "tokens", "sample": .int(number), "id": .string(id), "sound": .bool(entries.allSatisfy(\.isSound)),
        ]
        object["learnt_text"] = .int(count(.text))
        object["learnt_clips"] = .int(count(.codes))
        object["masked"] = .int(count(.nothing))
        object["positions_without_tower"] = mergedCount(withTower: false).map { .int($0) }
        object["positions_with_tower"] = mergedCount(withTower: true).map { .int($0) }
        object["tokens"] = .array(entries.enumerated().map { place, entry in .object(Self.json(entry, place)) })
        return object
    }

    private static func json(_ entry: Entry, _ place: Int) -> JSONObject {
        var object: JSONObject = [
            "position": .int(place), "id": .int(Int(entry.id)), "piece": .string(entry.piece),
            "turn": entry.position.map { .int($0.turn) } ?? .null,
            "role": entry.position.map { .string($0.role.rawValue) } ?? .null,
            "part": entry.position.map { .string($0.kind.rawValue) } ?? .null, "label": .int(Int(entry.label)),
            "learnt": .string(entry.lesson.rawValue), "why": .string(entry.why), "sound": .bool(entry.isSound),
        ]
        if let expansion = entry.expansion {
            object["frames"] = expansion.frames.map { .int($0) } ?? .null
            object["code_positions"] = expansion.codePositions.map { .int($0) } ?? .null
            object["feature_positions"] = expansion.featurePositions.map { .int($0) } ?? .null
        }
        return object
    }
}
