// Hours, speakers, sample rates and durations, from the `speaker` and `clips` columns of samples/.

import PipelineKit

/// What the clips of a data set are.
struct AudioStatistics {
    struct Clips {
        var count = 0
        var seconds = 0.0
        var shortest = Double.infinity
        var longest = 0.0

        mutating func add(_ clipSeconds: Double) {
            count += 1
            seconds += clipSeconds
            shortest = min(shortest, clipSeconds)
            longest = max(longest, clipSeconds)
        }
    }

    /// Reference clips and answers.
    private(set) var references = Clips(), answers = Clips()
    /// Samples a speaker; the empty name counts samples without one.
    private(set) var speakers: [[UInt8]: Int] = [:]
    /// Clips a sample rate in Hz.
    private(set) var rates: [Int: Int] = [:]

    /// Reads every row of `samples`, two columns of each.
    init(samples: MDSReader) throws {
        let progress = Progress("reading", unit: "samples", total: Double(samples.sampleCount))
        defer { progress.finish() }
        for number in samples.shards.indices {
            try Interrupt.check()
            let shard = try samples.shard(number)
            for index in 0..<shard.count {
                let sample = try shard.sample(index)
                speakers[Array(try sample.string("speaker").utf8), default: 0] += 1
                for clip in try sample.json("clips").arrayValue ?? [] {
                    guard let seconds = clip["seconds"]?.doubleValue, let rate = clip["sample_rate"]?.intValue,
                        let role = clip["role"]?.stringValue
                    else {
                        throw MDSError(
                            "a clip without role, seconds or sample_rate", path: shard.path, sample: index,
                            column: "clips")
                    }
                    rates[rate, default: 0] += 1
                    if role == "in" { references.add(seconds) } else { answers.add(seconds) }
                }
            }
            progress.advance(by: Double(shard.count))
        }
    }

    /// Speakers with a name, most samples first.
    var namedSpeakers: [(name: String, samples: Int)] {
        speakers.filter { !$0.key.isEmpty }
            .sorted { $0.value != $1.value ? $0.value > $1.value : $0.key.lexicographicallyPrecedes($1.key) }
            .map { (String(decoding: $0.key, as: UTF8.self), $0.value) }
    }

    var text: String {
        var table = Table([
            ("clips", .left), ("number", .right), ("length", .right), ("shortest", .right), ("longest", .right),
        ])
        for (name, clips) in [("references (in)", references), ("answers (out)", answers)] where clips.count > 0 {
            table.add([
                name, countText(clips.count), durationText(clips.seconds), durationText(clips.shortest),
                durationText(clips.longest),
            ])
        }
        let named = namedSpeakers
        var lines = [table.rendered(indent: 2)]
        lines.append(
            "rates     "
                + rates.sorted { $0.key < $1.key }.map { "\($0.key) Hz: \(counted($0.value, "clip"))" }.joined(
                    separator: ", "))
        lines.append(
            "speakers  \(countText(named.count))"
                + (named.isEmpty
                    ? ""
                    : ": "
                        + named.prefix(8).map { "\($0.name.escapedForTerminal) \($0.samples)" }.joined(separator: ", "))
                + (named.count > 8 ? ", …" : "")
                + (speakers[[]].map { "; without a name: \(counted($0, "sample"))" } ?? ""))
        return lines.joined(separator: "\n")
    }

    var json: JSONObject {
        func object(_ clips: Clips) -> JSONValue {
            [
                "clips": .int(clips.count), "seconds": .double(clips.seconds),
                "shortest_seconds": .double(clips.count > 0 ? clips.shortest : 0),
                "longest_seconds": .double(clips.longest),
            ]
        }
        return [
            "references": object(references), "answers": object(answers),
            "speakers": .object(JSONObject(namedSpeakers.map { (key: $0.name, value: .int($0.samples)) })),
            "sample_rates": .object(
                JSONObject(rates.sorted { $0.key < $1.key }.map { (key: String($0.key), value: .int($0.value)) })),
        ]
    }
}
