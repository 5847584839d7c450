import Foundation
import PipelineKit
import TestSupport
import Testing

/// What comes from data or file names reaches a terminal escaped: in sentences, tables, logs, JSON and rejects.jsonl.
@Suite struct IntrusionPrintTests {
    private static let names = [
        "a\nforged: error", "\u{202E}dlrow\u{2066}", "\u{1B}[2J\u{1B}]0;x\u{7}", "\u{9B}31m", "a\rb",
        "\u{200F}\u{061C}",
        "\u{2028}x\u{2029}", "tab\there", "\u{FEFF}bom", "../..\u{85}",
    ]

    /// Scalars that would do something else than be shown; line ends aside.
    private static func harm(in text: String) -> [UInt32] {
        text.unicodeScalars.map(\.value).filter {
            $0 < 32 && $0 != 10 || (0x7F..<0xA0).contains($0)
                || [0x061C, 0x200E, 0x200F, 0xFEFF].contains($0) || (0x2028...0x202E).contains($0)
                || (0x2066...0x2069).contains($0)
        }
    }

    private static func expectHarmless(_ result: ProgramResult, _ comment: String) {
        #expect(harm(in: result.output) == [] && harm(in: result.errors) == [], "\(comment)")
        #expect(!(result.output + result.errors).contains("\nforged"), "\(comment)")
    }

    @Test func `rows that are rejected, by their ids, paths, roles and texts`() throws {
        var rows: [JSONValue] = []
        for name in Self.names {
            rows.append(
                HostileManifest.row([HostileManifest.user("a"), HostileManifest.assistant("\(name).wav")], id: name))
            rows.append(HostileManifest.row([["role": .string(name), "content": "a"]], id: name, speaker: name))
            rows.append(
                HostileManifest.row(
                    [HostileManifest.user(.string("<|eot_id|>\(name)")), HostileManifest.assistant()], id: name))
            rows.append(HostileManifest.row([HostileManifest.user([["type": .string(name)]])], id: name))
        }
        try withTemporaryDirectory { directory in
            let outcome = try HostileManifest.ingestRows(rows, in: directory)
            #expect(outcome.codes.count == rows.count)
            Self.expectHarmless(outcome.result, "ingest")
            // One line a reject, ASCII, and the names come back whole.
            let lines = outcome.rejects.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            #expect(
                lines.count == rows.count && outcome.rejects.utf8.allSatisfy { $0 == 10 || (32..<127).contains($0) })
            for (number, line) in lines.enumerated() {
                let id = try JSONValue(parsing: String(line))["id"]
                // An id that was there before gets a number.
                let name = Self.names[number / 4] + (number % 4 == 0 ? "" : "~\(number % 4 + 1)")
                #expect(id == .string(name))
            }
            for flags in [[], ["--json"], ["--verify"], ["--sample", "0"]] {
                Self.expectHarmless(try inspect.run([outcome.work] + flags), "inspect \(flags)")
            }
        }
    }

    @Test func `rows that are kept, in every program that names an id`() throws {
        let rows = Self.names.map { name in
            HostileManifest.row([HostileManifest.user("hello"), HostileManifest.assistant()], id: name, speaker: name)
        }
        try withTemporaryDirectory { directory in
            let outcome = try HostileManifest.ingestRows(rows, in: directory, flags: ["--json"])
            let work = outcome.work
            #expect(outcome.codes == [:])
            Self.expectHarmless(outcome.result, "ingest --json")
            for flags in [[], ["--json"], ["--verify"], ["--verify", "--json"]] {
                Self.expectHarmless(try inspect.run([work] + flags).expecting(0), "inspect \(flags)")
            }
            for (number, name) in Self.names.enumerated() {
                for flags in [["--id", name], ["--id", name, "--json"], ["--sample", "\(number + 1)", "--json"]] {
                    let result = try inspect.run([work] + flags).expecting(0)
                    Self.expectHarmless(result, "inspect \(flags)")
                    if flags.contains("--json") {
                        #expect(try JSONValue(parsing: result.output)["id"] == .string(name))
                    }
                }
                Self.expectHarmless(
                    try inspect.run([work, "--id", name + "x"]).expecting(2), "an id that is not there")
            }
        }
    }

    @Test func `names of files, columns, keys and options that are wrong`() throws {
        try withTemporaryDirectory { directory in
            for name in Self.names {
                let path = "\(directory)/\(name)"
                let runs: [(BuiltProgram, [String])] = [
                    (ingest, ["--data-path", path, "--output", "\(directory)/w"]),
                    (ingest, ["--data-path", exampleManifest, "--audio-root", path, "--output", "\(directory)/w"]),
                    (featurize, ["--input", path, "--output", "\(directory)/f"]), (inspect, [path]),
                    (tokenize, ["encode", "--input", path, "--output", "\(directory)/c", "--codec", path]),
                    (train, ["features", "--config", path]),
                    (train, ["features", "--config", "\(repository)/configs/tiny.yaml", "--set", "\(name)=1"]),
                    (
                        train,
                        [
                            "features", "--config", "\(repository)/configs/tiny.yaml", "--set",
                            "training.seed=\"\(name)\"",
                        ]
                    ),
                ]
                for (program, arguments) in runs {
                    let result = try program.run(arguments)
                    #expect(result.status == 2, "\(program.name) \(arguments): \(result.status)")
                    Self.expectHarmless(result, "\(program.name) \(arguments)")
                }
                let work = try ExampleWork.copy(into: directory)
                for (file, old) in [
                    ("index.json", "\"audio_offsets\""), ("index.json", "\"zstd:1\""), ("stage.json", "\"ingest\""),
                ] {
                    let changed = "\(work)/audio/\(file)"
                    let original = try String(contentsOfFile: changed, encoding: .utf8)
                    let text = original.replacingOccurrences(of: old, with: JSONValue.string(name).pythonDump())
                    #expect(text != original)
                    try Data(text.utf8).write(to: URL(fileURLWithPath: changed))
                    for (program, arguments) in [
                        (inspect, [work]), (inspect, [work, "--json"]), (inspect, ["\(work)/audio", "--verify"]),
                        (featurize, ["--input", "\(work)/audio", "--output", "\(directory)/f"]),
                    ] {
                        Self.expectHarmless(try program.run(arguments), "\(program.name) \(arguments), \(file) \(old)")
                    }
                    try Data(original.utf8).write(to: URL(fileURLWithPath: changed))
                }
                try FileManager.default.removeItem(atPath: work)
                try? FileManager.default.removeItem(atPath: "\(directory)/f")
            }
        }
    }
}
