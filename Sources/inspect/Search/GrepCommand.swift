// inspect grep: the samples whose texts hold a word.

import ArgumentParser
import Foundation
import PipelineKit

struct GrepCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grep",
        abstract: "Finds samples by what is said in them, or by who speaks.",
        discussion: """
            A line a text: sample, id, speaker, message, the text around the match. Texts are those of the manifest, \
            compared byte by byte: أ is not ا. Exit code 1 if nothing is found.

            EXAMPLES
              inspect grep كتاب work
              inspect grep كتب work --ignore-harakat      finds كَتَبَ and كـتب too
              inspect grep "" work --speaker amal         all texts of a speaker
              inspect grep 2024 work --role assistant --json
            """)

    @Argument(help: ArgumentHelp("The text; an empty one is in every text.", valueName: "text"))
    var pattern: String

    @Argument(help: "A WORK.")
    var work: String

    @Option(help: "Only samples of this speaker.")
    var speaker: String?

    @Option(help: ArgumentHelp("Only messages of this role: system, user or assistant.", valueName: "role"))
    var role: String?

    @Flag(help: "See past harakat, superscript alef and tatweel.")
    var ignoreHarakat = false

    @Option(help: ArgumentHelp("Stop after so many texts.", valueName: "n"))
    var limit: Int?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard role.map({ ConversationRole(rawValue: $0) != nil }) ?? true else {
            throw ValidationError("--role \(role?.escapedForTerminal ?? ""): give system, user or assistant.")
        }
        guard limit.map({ $0 >= 1 }) ?? true else {
            throw ValidationError("--limit \(limit ?? 0): give a number from 1 on.")
        }
    }

    func run() throws {
        let work = try Work(holdingSamples: work)
        let search = TextSearch(
            pattern: pattern, speaker: speaker, role: role.flatMap(ConversationRole.init(rawValue:)),
            ignoresHarakat: ignoreHarakat)
        let reader = try work.samplesReader()
        var count = 0
        var listed: [JSONValue] = []
        var shards = reader.shards.indices
        let limit = limit ?? .max
        try orderedMap(
            workers: ProcessInfo.processInfo.activeProcessorCount,
            next: {
                try Interrupt.check()
                return count < limit ? shards.popFirst() : nil
            },
            transform: { number in
                let shard = try reader.shard(number)
                let first = reader.samples(ofShard: number).lowerBound
                return try (0..<shard.count).flatMap { try search.matches(in: shard.sample($0), number: first + $0) }
            },
            drain: { matches in
                for match in matches.prefix(limit - count) {
                    count += 1
                    if json { listed.append(match.json) } else { Console.print(match.line) }
                }
            })
        if json {
            Console.print(["kind": "matches", "count": .int(count), "matches": .array(listed)])
        }
        if count == 0 { throw ExitCode(1) }
    }
}
