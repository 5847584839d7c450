import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import inspect

/// Looking into samples by text, and what their ids mean.
@Suite struct TextSearchTests {
    @Test(arguments: [
        ("كتب", "كتب", false, 1), ("كتب", "كَتَبَ", false, 0), ("كتب", "كَتَبَ", true, 1), ("كَتَبَ", "كتب", true, 1),
        ("كتب", "كـتـب", true, 1), ("ا", "أ", false, 0), ("ا", "أ", true, 0), ("ا", "ا\u{654}", false, 1),
        ("ا", "ا\u{64E}", false, 1), ("رحمن", "الرحمٰن", true, 1), ("é", "e\u{301}", false, 0), ("aa", "aaaa", false, 2),
        ("\u{301}", "e\u{301}", false, 1), ("x", "", false, 0),
    ])
    func `bytes are found in bytes`(pattern: String, text: String, ignores: Bool, count: Int) {
        let places = TextSearch(pattern: pattern, ignoresHarakat: ignores).places(in: text)
        #expect((places?.count ?? 0) == count)
        #expect((places == nil) == (count == 0))
    }

    @Test func `a place is where the match stands in the text itself`() throws {
        let text = "قال: كَتَبَ الدرس"
        let place = try #require(TextSearch(pattern: "كتب", ignoresHarakat: true).places(in: text)?.first)
        #expect(Array(text.utf8)[place].elementsEqual("كَتَبَ".utf8))
        #expect(TextSearch(pattern: "").places(in: "x")?.isEmpty == true)
    }

    @Test func `matches name sample, speaker, role and place`() throws {
        try withTemporaryDirectory { directory in
            try MiniWork().write(to: directory)
            let samples = try MDSReader(directory: "\(directory)/samples")
            func matches(_ search: TextSearch) throws -> [TextSearch.Match] {
                try (0..<2).flatMap { try search.matches(in: samples.sample($0), number: $0) }
            }
            let found = try matches(TextSearch(pattern: "كتب", ignoresHarakat: true))
            #expect(found.map(\.id) == ["أمل-1"] && found[0].message == 1 && found[0].role == "assistant")
            #expect(found[0].line.hasSuffix("⟦كَتَبَ⟧"))
            #expect(try matches(TextSearch(pattern: "ref")).count == 2)
            #expect(try matches(TextSearch(pattern: "ref", role: .assistant)).isEmpty)
            #expect(try matches(TextSearch(pattern: "", speaker: "s")).count == 4)
            #expect(try matches(TextSearch(pattern: "", speaker: "S")).isEmpty)
        }
    }

    @Test func `each id says what it becomes and why it is learnt`() throws {
        try withTemporaryDirectory { directory in
            try MiniWork().write(to: directory)
            let report = try TokenReport(work: Work(directory: directory), sample: 1)
            let ids = try MDSReader(directory: "\(directory)/samples").sample(1)
                .array("input_ids", as: Int32.self).values
            #expect(report.entries.map(\.id) == ids)
            #expect(report.entries.allSatisfy { $0.isSound })
            let placeholders = report.entries.filter { $0.expansion != nil }
            // 11 frames, bos, eos, and a delay of 2; 44 log-mel frames leave 22 positions of the tower, 11 features.
            #expect(placeholders.map { $0.expansion?.codePositions } == [15, 15])
            #expect(placeholders.map { $0.expansion?.featurePositions } == [11, nil])
            #expect(placeholders.map(\.lesson) == [.nothing, .codes])
            #expect(placeholders[0].why == "a reference is heard, not learnt")
            #expect(report.json["positions_without_tower"] == .int(ids.count - 2 + 30))
            #expect(report.json["positions_with_tower"] == .int(ids.count - 2 + 30 + 11))
            let learnt = report.entries.filter { $0.lesson == .text }
            #expect(
                learnt.map(\.piece).prefix(3) == ["q", "u", "l"]
                    && learnt.allSatisfy { $0.why == "the assistant's turn" })
            // The answer's delimiters and its end are learnt too.
            #expect(learnt.count == 3 + 2 + 1)
            #expect(failure { try TokenReport(work: Work(directory: directory), sample: 2) }?.status == .badUsage)
            try FileManager.default.removeItem(atPath: "\(directory)/codes")
            let blind = try TokenReport(work: Work(directory: directory), sample: 1)
            #expect(blind.json["positions_without_tower"] == nil && blind.text.contains("codes/ is missing"))
        }
    }

    @Test func `labels are judged by the layout that wrote the ids`() throws {
        let layout = try ConversationLayout(tokenizer: .byteLevel)
        let turns = [
            ConversationTurn(role: .user, items: [.text("a")]),
            ConversationTurn(role: .assistant, recipient: "r", items: [.text("b")]),
            ConversationTurn(role: .user, items: [.text("c")]),
            ConversationTurn(role: .assistant, items: [.text("d")]),
        ]
        for start in 0...4 {
            let sequence = try layout.sequence(of: turns, startIndex: start)
            let judge = LabelJudge(positions: layout.explain(sequence.inputIDs), labels: sequence.labelIDs)
            #expect(judge.firstFault == nil, "start_index \(start)")
            for place in sequence.inputIDs.indices where judge.isOfLayout(place) {
                var labels = sequence.labelIDs
                labels[place] = labels[place] == ignoredLabel ? sequence.inputIDs[place] : ignoredLabel
                let other = LabelJudge(positions: layout.explain(sequence.inputIDs), labels: labels)
                // Where one id is all that an assistant's turn has to itself, its label alone says whether it is trained.
                #expect(other.firstFault != nil, "start_index \(start), place \(place)")
            }
        }
    }

    @Test func `samples and rows find each other`() throws {
        try withTemporaryDirectory { directory in
            try MiniWork().write(to: directory)
            let origins = try SampleOrigins(samples: MDSReader(directory: "\(directory)/samples"))
            let second = SampleOrigins.Origin(sample: 1, shard: 1, place: 0, row: 3, line: 4)
            #expect(origins.origin(ofSample: 1) == second)
            #expect(origins.origin(ofRow: 3) == second && origins.origin(ofLine: 4) == second)
            #expect(origins.origin(ofRow: 2) == nil && origins.origin(ofSample: 2) == nil)
            try FileManager.default.removeItem(atPath: "\(directory)/samples/shard.00001.json")
            let refusal = failure { try SampleOrigins(samples: MDSReader(directory: "\(directory)/samples")) }
            #expect(refusal?.status == .badData && refusal?.description.contains("shard.00001.json") == true)
        }
    }
}
