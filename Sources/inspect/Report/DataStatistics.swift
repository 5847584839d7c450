// What the samples of a WORK are, in one pass over samples/: durations, speakers, texts, and which samples are extreme.

import PipelineKit

/// Statistics of a data set. Memory grows with the number of speakers and of distinct clips, not with that of samples.
struct DataStatistics {
    /// What one speaker adds.
    struct Speaker {
        var samples = 0
        var referenceSeconds = 0.0
        var answerSeconds = 0.0
    }

    /// A sample that has the most or the least of something.
    struct Extreme {
        var sample: Int
        var value: Double
    }

    private(set) var samples = 0
    private(set) var references = Distribution(step: 0.01)
    private(set) var answers = Distribution(step: 0.01)
    /// Of clips with different content.
    private(set) var distinctSeconds = 0.0
    /// By the UTF-8 bytes of the name; the empty name counts samples without one.
    private(set) var speakers: [[UInt8]: Speaker] = [:]
    private(set) var rates: [Int: Int] = [:]
    /// Unicode scalars of the assistant's text, a sample.
    private(set) var characters = Distribution(step: 1)
    /// Text ids that are trained on, control tokens aside, a sample.
    private(set) var textIDs = Distribution(step: 1)
    /// The same ids over the seconds of the clips that are trained on.
    private(set) var idsPerSecond = Distribution(step: 0.01)
    private(set) var longest: Extreme?, shortest: Extreme?, fastest: Extreme?, slowest: Extreme?
    private var seen: Set<UInt64> = []
    /// Ids that are no text; nil where no record says which.
    private let control: Set<Int32>?
    private let placeholders: Set<Int32>

    /// Reads every row of samples/.
    init(samples reader: MDSReader, text: TextRecord?) throws {
        control = text.map { Set($0.controlTokens.values) }
        placeholders = Set([ControlToken.audio, .audioOut].compactMap { text?.controlTokens[$0] })
        let progress = Progress("reading", unit: "samples", total: Double(reader.sampleCount))
        defer { progress.finish() }
        for number in reader.shards.indices {
            try Interrupt.check()
            let shard = try reader.shard(number)
            for index in 0..<shard.count { try add(shard.sample(index), number: samples) }
            progress.advance(by: Double(shard.count))
        }
    }

    private mutating func add(_ sample: MDSSample, number: Int) throws {
        samples += 1
        let clips = try Self.clips(of: sample)
        var speaker = Speaker(samples: 1)
        for clip in clips {
            rates[clip.rate, default: 0] += 1
            if clip.isAnswer {
                answers.add(clip.seconds)
                speaker.answerSeconds += clip.seconds
            } else {
                references.add(clip.seconds)
                speaker.referenceSeconds += clip.seconds
            }
            if seen.insert(clip.digest).inserted { distinctSeconds += clip.seconds }
        }
        speakers[Array(try sample.string("speaker").utf8), default: Speaker()].add(speaker)
        let said = Self.assistantText(in: try sample.json("conversation"))
        if said > 0 { characters.add(Double(said)) }
        let answer = clips.filter(\.isAnswer).reduce(0) { $0 + $1.seconds }
        if answer > 0 {
            if answer > longest?.value ?? 0 { longest = Extreme(sample: number, value: answer) }
            if answer < shortest?.value ?? .infinity { shortest = Extreme(sample: number, value: answer) }
        }
        try addIDs(of: sample, clips: clips, number: number)
    }

    private mutating func addIDs(of sample: MDSSample, clips: [Clip], number: Int) throws {
        guard let control else { return }
        let ids = try sample.array("input_ids", as: Int32.self).values
        let labels = try sample.array("label_ids", as: Int32.self).values
        var trained = 0, clip = 0, seconds = 0.0
        for (id, label) in zip(ids, labels) {
            if placeholders.contains(id) {
                if label != ignoredLabel, clip < clips.count { seconds += clips[clip].seconds }
                clip += 1
            } else if label != ignoredLabel, !control.contains(id) {
                trained += 1
            }
        }
        guard trained > 0 else { return }
        textIDs.add(Double(trained))
        guard seconds > 0 else { return }
        let rate = Double(trained) / seconds
        idsPerSecond.add(rate)
        if rate > fastest?.value ?? 0 { fastest = Extreme(sample: number, value: rate) }
        if rate < slowest?.value ?? .infinity { slowest = Extreme(sample: number, value: rate) }
    }

    // MARK: One row

    private struct Clip {
        var isAnswer: Bool
        var seconds: Double
        var rate: Int
        var digest: UInt64
    }

    private static func clips(of sample: MDSSample) throws -> [Clip] {
        try (sample.json("clips").arrayValue ?? []).map { clip in
            guard let seconds = clip["seconds"]?.doubleValue, let rate = clip["sample_rate"]?.intValue,
                let role = clip["role"]?.stringValue, let hash = clip["hash"]?.stringValue
            else {
                throw MDSError(
                    "a clip without role, seconds, sample_rate or hash", path: sample.shard.path, sample: sample.index,
                    column: "clips")
            }
            return Clip(
                isAnswer: role == "out", seconds: seconds, rate: rate, digest: XXH64.hash(Array(hash.utf8)))
        }
    }

    /// Unicode scalars of what the assistant says.
    private static func assistantText(in conversation: JSONValue) -> Int {
        Conversation(conversation).messages.filter { $0.role.utf8.elementsEqual("assistant".utf8) }.flatMap(\.items)
            .reduce(0) { if case .text(let text) = $1 { $0 + text.unicodeScalars.count } else { $0 } }
    }

    /// Speakers with a name, those with most answers first.
    var namedSpeakers: [(name: String, totals: Speaker)] {
        speakers.filter { !$0.key.isEmpty }.sorted { a, b in
            a.value.answerSeconds != b.value.answerSeconds
                ? a.value.answerSeconds > b.value.answerSeconds : a.key.lexicographicallyPrecedes(b.key)
        }.map { (String(decoding: $0.key, as: UTF8.self), $0.value) }
    }

    /// Samples without a speaker.
    var unnamed: Speaker? { speakers[[]] }
}

extension DataStatistics.Speaker {
    mutating func add(_ other: Self) {
        samples += other.samples
        referenceSeconds += other.referenceSeconds
        answerSeconds += other.answerSeconds
    }
}

/// A conversation as `samples/` keeps it, message by message.
struct Conversation {
    enum Item {
        case text(String)
        /// A clip; the number counts the conversation's clips from 0.
        case clip(Int)
    }

    struct Message {
        var role: String
        var items: [Item]
    }

    var messages: [Message] = []

    init(_ json: JSONValue) {
        var clips = 0
        for message in json.arrayValue ?? json["messages"]?.arrayValue ?? [] {
            let content = message["content"] ?? .null
            let items = (content.arrayValue ?? [content]).map { item -> Item in
                if let text = item.stringValue ?? item["text"]?.stringValue { return .text(text) }
                defer { clips += 1 }
                return .clip(clips)
            }
            messages.append(Message(role: message["role"]?.stringValue ?? "?", items: items))
        }
    }
}
