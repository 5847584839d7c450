// --verify: every shard against its hashes, every row against what the design promises of it.

import PipelineKit

/// Verifies one MDS directory: hashes and structure of each shard, every value of each row.
func verifyShards(_ report: ShardsReport) throws -> Findings {
    let reader = report.reader
    var findings = Findings(directory: reader.directory)
    try checkSidecars(report, into: &findings)
    let progress = Progress("verifying", unit: "samples", total: Double(reader.sampleCount))
    defer { progress.finish() }
    for number in reader.shards.indices {
        try Interrupt.check()
        var shard: MDSShard?
        try findings.check("shards (hashes, structure)") { shard = try reader.shard(number) }
        guard let shard else { continue }
        for index in 0..<shard.count {
            try findings.check("rows (every column decodes)") { _ = try shard.row(index) }
        }
        progress.advance(by: Double(shard.count))
    }
    return findings
}

/// Verifies a WORK: its shards, that its directories belong together, and that every sample keeps its promises.
func verifyWork(_ work: Work) throws -> Findings {
    guard let first = work.parts.first else { throw Work.nothingFinished(work.directory) }
    var findings = Findings(directory: work.directory)
    for name in work.unfinished { findings.note("directories are finished", problem: "\(name) has no index") }
    for _ in work.parts { findings.note("directories are finished") }
    for (name, remedy) in work.staleParts {
        findings.note("made from this audio", problem: "\(name) was not; \(remedy)")
    }
    for part in ["features", "codes"]
    where work.report(part) != nil && !work.staleParts.contains(where: { $0.name == part }) {
        findings.note("made from this audio")
    }
    for difference in work.stepDifferences { findings.note("directories are in step", problem: difference) }
    try checkRecords(work, into: &findings)
    guard work.stepDifferences.isEmpty else { return findings }

    let checker = try SampleChecker(work: work)
    var seen = ByteStringTable()
    let progress = Progress("verifying", unit: "samples", total: Double(work.sampleCount))
    defer { progress.finish() }
    for number in first.report.reader.shards.indices {
        try Interrupt.check()
        var shards: [String: MDSShard] = [:]
        for (name, report) in work.parts {
            try findings.check("shards (hashes, structure)") { shards[name] = try report.reader.shard(number) }
        }
        guard shards.count == work.parts.count else { continue }
        for index in 0..<first.report.reader.shards[number].sampleCount {
            let parts = try shards.mapValues { try $0.sample(index) }
            try checker.check(parts, into: &findings)
            try findings.check("ids are unique") {
                guard let sample = parts[first.name] else { return }
                let id = try sample.withStoredBytes("id") { Array($0) }
                guard seen.insert(id) else {
                    throw MDSError(
                        "'\(String(decoding: id, as: UTF8.self).escapedForTerminal)' stands twice",
                        path: sample.shard.path,
                        sample: sample.index, column: "id")
                }
            }
        }
        progress.advance(by: Double(first.report.reader.shards[number].sampleCount))
    }
    return findings
}

/// What must hold of each joined sample.
struct SampleChecker {
    private let vocabularySize: Int?
    private let audioIn: Int32?
    private let audioOut: Int32?
    private let codebookSize: Int?
    /// Code frames a second.
    private let frameRate: Double?
    /// nil without a text record.
    private let layout: ConversationLayout?

    init(work: Work) throws {
        let text = try work.report("samples")?.stage?.record("text").map {
            try TextRecord(json: $0, path: "\(work.directory)/samples/stage.json")
        }
        vocabularySize = text?.vocabularySize
        audioIn = text?.controlTokens[.audio]
        audioOut = text?.controlTokens[.audioOut]
        let codec = work.report("codes")?.stage?.record("codec")
        codebookSize = codec?["codebook_size"]?.intValue
        frameRate = codec?["frame_rate"]?.doubleValue
        let samples = "\(work.directory)/samples"
        layout = try text.map { _ in
            try ConversationLayout(tokenizer: Tokenizer.load(samplesDirectory: samples), path: samples)
        }
    }

    /// Checks one sample, given as its views by directory.
    func check(_ parts: [String: MDSSample], into findings: inout Findings) throws {
        try findings.check("ids are equal in all directories") {
            let ids = try Subject.workDirectories.compactMap { name in
                try parts[name].map { (name, try $0.string("id")) }
            }
            for (name, id) in ids where !id.utf8.elementsEqual(ids[0].1.utf8) {
                throw MDSError(
                    "'\(id.escapedForTerminal)' in \(name), '\(ids[0].1.escapedForTerminal)' in \(ids[0].0)",
                    path: parts[name]?.shard.path, sample: parts[name]?.index, column: "id")
            }
        }
        var placeholders: [UInt8]?
        if let sample = parts["samples"] {
            try findings.check("ids and labels") { placeholders = try checkIDs(sample) }
            if let layout {
                try findings.check("conversations: ids in their places, labels where they belong") {
                    try checkLayout(sample, layout)
                }
            }
        }
        if let sample = parts["audio"] {
            try findings.check("clips: placeholders, roles, hashes") {
                try checkAudio(
                    sample, placeholders: placeholders, clips: try parts["samples"]?.json("clips").arrayValue)
            }
        }
        let clips = try parts["samples"]?.json("clips").arrayValue
        let clipCount = try parts["audio"].map { try $0.array("audio_offsets", as: Int64.self).values.count - 1 }
        if let sample = parts["codes"] {
            try findings.check("codes: one range a clip, below the codebook size") {
                let grid = try CodeGrid(sample: sample, clips: clipCount ?? placeholders?.count)
                if let clips, let frameRate { try checkLengths(grid, clips, frameRate, sample) }
                guard let codebookSize else { return }
                if let code = grid.clips.joined().joined().first(where: { $0 >= codebookSize }) {
                    throw MDSError(
                        "code \(code) of a codebook of \(codebookSize)", path: sample.shard.path, sample: sample.index,
                        column: "audio_ids")
                }
            }
        }
        if let sample = parts["features"] {
            try findings.check("features: offsets, lengths, finite") {
                let features = try FeatureSummary(sample: sample)
                if let clips { try checkLengths(features, clips, sample) }
            }
        }
    }

    /// The roles of the placeholders in order, 0 in and 1 out.
    private func checkIDs(_ sample: MDSSample) throws -> [UInt8] {
        func refuse(_ what: String, _ column: String) -> MDSError {
            MDSError(what, path: sample.shard.path, sample: sample.index, column: column)
        }
        let ids = try sample.array("input_ids", as: Int32.self).values
        let labels = try sample.array("label_ids", as: Int32.self).values
        guard ids.count == labels.count else {
            throw refuse("\(labels.count) labels for \(ids.count) ids", "label_ids")
        }
        if let size = vocabularySize, let id = ids.first(where: { !(0..<size).contains(Int($0)) }) {
            throw refuse("id \(id) of a vocabulary of \(size)", "input_ids")
        }
        for (id, label) in zip(ids, labels) where label != ignoredLabel && label != id {
            throw refuse("label \(label) at id \(id)", "label_ids")
        }
        return ids.compactMap { $0 == audioIn ? 0 : $0 == audioOut ? 1 : nil }
    }

    private func checkAudio(_ sample: MDSSample, placeholders: [UInt8]?, clips: [JSONValue]?) throws {
        func refuse(_ what: String, _ column: String) -> MDSError {
            MDSError(what, path: sample.shard.path, sample: sample.index, column: column)
        }
        let offsets = try sample.array("audio_offsets", as: Int64.self).values.map { Int($0) }
        let number = offsets.count - 1
        let roles = Array(try sample.array("audio_roles", as: UInt8.self).values.prefix(number))
        guard roles.count == number else { throw refuse("\(roles.count) roles for \(number) clips", "audio_roles") }
        if let placeholders, placeholders != roles {
            throw refuse(
                "\(number) clips with roles \(roles), the ids have placeholders \(placeholders)", "audio_roles")
        }
        if let clips {
            guard clips.count == number else {
                throw refuse("\(number) clips, samples/ describes \(clips.count)", "audio_offsets")
            }
            for (clip, role) in roles.enumerated() where clips[clip]["role"] != (role == 0 ? "in" : "out") {
                throw refuse("clip \(clip) has the role \(role), samples/ says otherwise", "audio_roles")
            }
        }
        try sample.withStoredBytes("audio") { bytes in
            guard number == 0 || (offsets[0] == 0 && offsets[number] == bytes.count) else {
                throw refuse("offsets do not span the \(bytes.count) bytes", "audio_offsets")
            }
            for clip in 0..<number {
                guard offsets[clip] < offsets[clip + 1], offsets[clip + 1] <= bytes.count else {
                    throw refuse("the offsets of clip \(clip) do not rise", "audio_offsets")
                }
                guard let clips, let stated = clips[clip]["hash"]?.stringValue else { continue }
                let digest = XXH64.hash(UnsafeRawBufferPointer(rebasing: bytes[offsets[clip]..<offsets[clip + 1]]))
                    .hexDigits
                guard digest.utf8.elementsEqual(stated.utf8) else {
                    throw refuse(
                        "clip \(clip) has the hash \(digest), samples/ says \(stated.escapedForTerminal)", "audio")
                }
            }
        }
    }
}
