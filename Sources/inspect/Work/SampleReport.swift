// One sample of a WORK, joined over its directories: who says what, the ids beside their pieces and labels, the codes,
// the features.

import PipelineKit

/// A sample, joined.
struct SampleReport: Report {
    struct Clip {
        /// `in` or `out`.
        var role: String
        var info: JSONValue
        var storedBytes: Int?
        var codes: [[UInt16]]?  // (Q, n)
        /// Whether its codes are trained on; nil where samples/ is missing.
        var isTarget: Bool?
    }

    struct Chunk {
        var storedFrames: Int
        var validFrames: Int
        var minimum: Float
        var mean: Float
        var maximum: Float
    }

    let number: Int
    let count: Int
    let shard: Int
    let shardRow: Int
    let id: String
    let speaker: String?
    let conversation: JSONValue?
    let tokens: TokenTable?
    let clips: [Clip]
    let melBins: Int?
    let chunks: [Chunk]

    /// - Throws: `Failure` for a number out of range or directories that are not in step; `MDSError` for damage.
    init(work: Work, sample number: Int) throws {
        let (id, rows) = try work.rows(ofSample: number)
        self.id = id
        self.number = number
        count = work.sampleCount
        let reader = work.parts[0].report.reader
        shard = reader.shards.indices.first { reader.samples(ofShard: $0).contains(number) } ?? 0
        shardRow = number - reader.samples(ofShard: shard).lowerBound

        let sampleRow = rows["samples"]
        speaker = try sampleRow?.string("speaker")
        conversation = try sampleRow?.json("conversation")
        tokens = try sampleRow.map {
            try TokenTable(
                sample: $0, samplesDirectory: "\(work.directory)/samples", stage: work.report("samples")?.stage)
        }
        let offsets = try rows["audio"]?.array("audio_offsets", as: Int64.self).values.map { Int($0) }
        let codes = try rows["codes"].map { try CodeGrid(sample: $0, clips: offsets.map { $0.count - 1 }) }
        let infos = try sampleRow?.json("clips").arrayValue ?? []
        let targets = tokens?.targets
        clips = (0..<max(infos.count, offsets.map { $0.count - 1 } ?? 0, codes?.clips.count ?? 0)).map { index in
            let info = index < infos.count ? infos[index] : .null
            return Clip(
                role: info["role"]?.stringValue ?? "?", info: info,
                storedBytes: offsets.flatMap { index + 1 < $0.count ? $0[index + 1] - $0[index] : nil },
                codes: codes.flatMap { index < $0.clips.count ? $0.clips[index] : nil },
                isTarget: targets.flatMap { index < $0.count ? $0[index] : nil })
        }
        let features = try rows["features"].map { try FeatureSummary(sample: $0) }
        melBins = features?.melBins
        chunks = features?.chunks ?? []
    }

    var text: String {
        var sections = [
            "sample \(number) of \(count): id \(id.escapedForTerminal)"
                + (speaker.map { $0.isEmpty ? "" : ", speaker \($0.escapedForTerminal)" } ?? "")
                + " (shard \(shard), row \(shardRow))"
        ]
        if let conversation { sections.append("conversation\n" + Self.lines(of: conversation).joined(separator: "\n")) }
        if !clips.isEmpty { sections.append(clipTable) }
        if let tokens { sections.append(tokens.text) }
        if let melBins, !chunks.isEmpty { sections.append(chunkTable(melBins)) }
        return sections.joined(separator: "\n\n")
    }

    private var clipTable: String {
        var table = Table([
            ("clip", .right), ("role", .left), ("trained", .left), ("path", .left), ("rate", .right),
            ("channels", .right),
            ("length", .right), ("stored", .right), ("frames of codes", .right),
        ])
        for (index, clip) in clips.enumerated() {
            table.add([
                String(index), clip.role, clip.isTarget.map { $0 ? "yes" : "no" } ?? "",
                clip.info["path"]?.stringValue ?? "(embedded)", clip.info["sample_rate"].map { $0.pythonDump() } ?? "",
                clip.info["channels"].map { $0.pythonDump() } ?? "",
                clip.info["seconds"]?.doubleValue.map { "\(numberText($0)) s" } ?? "",
                clip.storedBytes.map(bytesText) ?? "", clip.codes?.first.map { String($0.count) } ?? "",
            ])
        }
        return table.rendered(indent: 2)
    }

    private func chunkTable(_ melBins: Int) -> String {
        var table = Table([
            ("log-mel chunk", .right), ("bins", .right), ("valid frames", .right), ("stored", .right), ("min", .right),
            ("mean", .right), ("max", .right),
        ])
        for (index, chunk) in chunks.enumerated() {
            table.add([
                String(index), String(melBins), String(chunk.validFrames), String(chunk.storedFrames),
                numberText(Double(chunk.minimum)), numberText(Double(chunk.mean)), numberText(Double(chunk.maximum)),
            ])
        }
        return table.rendered(indent: 2)
    }

    /// A conversation, message by message.
    static func lines(of conversation: JSONValue) -> [String] {
        let messages = conversation.arrayValue ?? conversation["messages"]?.arrayValue ?? []
        return messages.flatMap { message in
            let role = message["role"]?.stringValue ?? "?"
            let content = message["content"] ?? .null
            let items = content.arrayValue ?? [content]
            return items.enumerated().map { index, item in
                let said: String =
                    if let text = item.stringValue ?? item["text"]?.stringValue {
                        text
                    } else {
                        "[audio \((item["audio_url"] ?? item["url"] ?? item["path"])?.stringValue ?? "embedded")]"
                    }
                return "  " + (index == 0 ? role : "").padded(to: 10).escapedForTerminal + " " + said.escapedForTerminal
            }
        }
    }

    var json: JSONObject {
        var object: JSONObject = [
            "kind": "sample", "sample": .int(number), "shard": .int(shard), "row": .int(shardRow), "id": .string(id),
        ]
        object["speaker"] = speaker.map { .string($0) }
        object["conversation"] = conversation
        if let tokens {
            for (key, value) in tokens.json.members { object[key] = value }
        }
        object["clips"] = .array(
            clips.map { clip in
                var entry = clip.info.objectValue ?? JSONObject()
                entry["stored_bytes"] = clip.storedBytes.map { .int($0) }
                entry["is_target"] = clip.isTarget.map { .bool($0) }
                entry["codes"] = clip.codes.map { .array($0.map { .array($0.map { .int(Int($0)) }) }) }
                return .object(entry)
            })
        object["mel_bins"] = melBins.map { .int($0) }
        object["chunks"] = .array(
            chunks.map {
                [
                    "valid_frames": .int($0.validFrames), "stored_frames": .int($0.storedFrames),
                    "min": .double(Double($0.minimum)), "mean": .double(Double($0.mean)),
                    "max": .double(Double($0.maximum)),
                ]
            })
        return object
    }
}
