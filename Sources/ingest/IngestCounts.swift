// What a run has read, kept and rejected so far. Travels in the sidecars, so that a resumed run counts on.

import PipelineKit

/// The counts of an ingest.
struct IngestCounts: Sendable, Equatable {
    /// What was kept.
    struct Kept: Sendable, Equatable {
        var samples = 0
        var clips = 0
        /// Clips that are trained.
        var targets = 0
        /// Of all clips.
        var seconds = 0.0

        mutating func add(_ other: Kept) {
            samples += other.samples
            clips += other.clips
            targets += other.targets
            seconds += other.seconds
        }

        var json: JSONObject {
            [
                "samples": .int(samples), "clips": .int(clips), "targets": .int(targets), "seconds": .double(seconds),
            ]
        }

        init(samples: Int = 0, clips: Int = 0, targets: Int = 0, seconds: Double = 0) {
            (self.samples, self.clips, self.targets, self.seconds) = (samples, clips, targets, seconds)
        }

        init?(json: JSONValue) {
            guard let samples = json["samples"]?.intValue, let clips = json["clips"]?.intValue,
                let targets = json["targets"]?.intValue, let seconds = json["seconds"]?.doubleValue
            else { return nil }
            self.init(samples: samples, clips: clips, targets: targets, seconds: seconds)
        }
    }

    /// Rows read.
    var rows = 0
    /// Rows whose id was taken, and that got `~2`, `~3`, …
    var renamed = 0
    var kept = Kept()
    /// Rows and seconds of audio by code, in the order of the codes.
    private(set) var rejected: [(rows: Int, seconds: Double)] = RejectCode.allCases.map { _ in (0, 0) }

    init() {}

    static func == (a: IngestCounts, b: IngestCounts) -> Bool {
        a.rows == b.rows && a.renamed == b.renamed && a.kept == b.kept
            && zip(a.rejected, b.rejected).allSatisfy { $0 == $1 }
    }

    mutating func reject(_ code: RejectCode, seconds: Double) {
        let place = RejectCode.allCases.firstIndex(of: code) ?? 0
        rejected[place].rows += 1
        rejected[place].seconds += seconds
    }

    /// Rows and seconds of the codes that occurred.
    var rejects: [(code: RejectCode, rows: Int, seconds: Double)] {
        zip(RejectCode.allCases, rejected).filter { $0.1.rows > 0 }.map { ($0, $1.rows, $1.seconds) }
    }

    /// Rows that were left out because of what they are: `--exclude` is no fault of theirs.
    var rejectedRows: Int { rejects.reduce(0) { $0 + ($1.code == .excluded ? 0 : $1.rows) } }

    /// The share of the rows read that was rejected; 0 where none was read.
    var rejectedFraction: Double { rows == 0 ? 0 : Double(rejectedRows) / Double(rows) }

    var json: JSONObject {
        let codes = rejects.map { code, rows, seconds -> (key: String, value: JSONValue) in
            (code.rawValue, ["rows": .int(rows), "seconds": .double(seconds)])
        }
        var json: JSONObject = ["rows": .int(rows), "renamed": .int(renamed)]
        for (key, value) in kept.json.members { json[key] = value }
        json["rejected"] = .object(JSONObject(codes))
        return json
    }

    /// Reads counts; nil for anything that `json` did not write.
    init?(json: JSONValue?) {
        guard let json, let rows = json["rows"]?.intValue, let renamed = json["renamed"]?.intValue,
            let kept = Kept(json: json), let codes = json["rejected"]?.objectValue
        else { return nil }
        (self.rows, self.renamed, self.kept) = (rows, renamed, kept)
        for (name, value) in codes.members {
            guard let place = RejectCode.allCases.firstIndex(where: { $0.rawValue.utf8.elementsEqual(name.utf8) }),
                let rows = value["rows"]?.intValue, let seconds = value["seconds"]?.doubleValue
            else { return nil }
            rejected[place] = (rows, seconds)
        }
    }
}
