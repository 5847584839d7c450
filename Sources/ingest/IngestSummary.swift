// What a run did: lines for people on stderr, one JSON object for programs on stdout.

import PipelineKit

/// The end of a run.
struct IngestSummary {
    var counts: IngestCounts
    var text: TextReport
    /// Shards in each directory.
    var shards: Int
    /// Shards that an earlier run had finished.
    var skipped: Int
    /// Wall time.
    var seconds: Double
    /// Of all shard files.
    var bytes: Int
    /// Whether both directories were whole before.
    var wasDone: Bool
    var output: String

    /// The object that `--json` prints.
    var json: JSONValue {
        [
            "stage": "ingest", "shards": .int(shards), "samples": .int(counts.kept.samples), "skipped": .int(skipped),
            "seconds": .double((seconds * 1000).rounded() / 1000), "bytes": .int(bytes),
            "counts": .object(counts.json), "text": .object(text.json),
        ]
    }

    private static func hours(_ seconds: Double) -> String { "\((seconds / 36).rounded() / 100) h" }
    private static func rows(_ count: Int) -> String { count == 1 ? "1 row" : "\(count) rows" }

    /// Logs how many rows were kept and rejected, and why.
    func logCounts() {
        let kept = counts.kept
        Console.log.info(
            """
            read \(Self.rows(counts.rows)): kept \(kept.samples) (\(Self.hours(kept.seconds)), \(kept.clips) clips, \
            \(kept.targets) of them targets), rejected \(counts.rejectedRows)
            """)
        for (code, rows, seconds) in counts.rejects {
            Console.log.info("  \(code.rawValue): \(Self.rows(rows)), \(Self.hours(seconds))")
        }
        if counts.renamed > 0 {
            Console.log.info("\(Self.rows(counts.renamed)) had an id that was taken and got ~2, ~3, …")
        }
    }

    private var shardText: String { shards == 1 ? "1 shard" : "\(shards) shards" }

    /// Tells everything.
    func report(json wantsJSON: Bool) {
        logCounts()
        for line in text.lines { Console.log.info("\(line)") }
        let place = output.escapedForTerminal
        if counts.rejectedRows > 0 { Console.log.info("why: \(place)/\(RejectLog.basename)") }
        if wasDone {
            Console.log.info("everything is done already: \(shardText) in \(place)/samples and \(place)/audio")
        } else {
            let skippedNote = skipped > 0 ? " (\(skipped) done before)" : ""
            Console.log.info(
                """
                \(shardText)\(skippedNote), \((Double(bytes) / 1e5).rounded() / 10) MB in \(place)/samples and \
                \(place)/audio, \(Progress.clock(seconds))
                """)
        }
        if wantsJSON { Console.print(json) }
    }
}
