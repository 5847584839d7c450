// A folder with tones and a manifest, and what ingest makes of it.

import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import ingest

/// One working folder of a test.
struct IngestHarness {
    let directory: String

    /// Runs `body` in a fresh folder.
    static func run<Result>(_ body: (IngestHarness) throws -> Result) throws -> Result {
        try withTemporaryDirectory { try body(IngestHarness(directory: $0)) }
    }

    func path(_ name: String) -> String { directory + "/" + name }

    /// Writes a file, making its folder.
    func write(_ bytes: some Sequence<UInt8>, _ name: String) throws {
        let url = URL(fileURLWithPath: path(name))
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }

    /// Samples of a tone. // (S)
    static func tone(seconds: Double, rate: Int = 16_000, amplitude: Float = 0.3, hertz: Double = 220) -> [Float] {
        (0..<Int(seconds * Double(rate))).map {
            amplitude * Float(sin(2 * Double.pi * hertz * Double($0) / Double(rate)))
        }
    }

    /// Writes a tone as 16-bit WAV and gives its bytes.
    @discardableResult
    func writeTone(
        _ name: String, seconds: Double = 1, rate: Int = 16_000, amplitude: Float = 0.3, hertz: Double = 220
    ) throws -> [UInt8] {
        let bytes = try AudioEncoder.wav16(
            Self.tone(seconds: seconds, rate: rate, amplitude: amplitude, hertz: hertz), channels: 1,
            sampleRate: rate, source: name)
        try write(bytes, name)
        return bytes
    }

    /// Writes rows as JSONL.
    func writeManifest(_ rows: [JSONValue]) throws {
        try write(rows.map { $0.pythonDump() + "\n" }.joined().utf8, "manifest.jsonl")
    }

    /// A row with one reference and one target.
    static func cloneRow(
        id: String? = nil, reference: String = "a.wav", target: JSONValue = "b.wav", text: String = "مرحبا بكم",
        role: String = "assistant"
    ) -> JSONValue {
        var row: JSONObject = [
            "messages": [
                [
                    "role": "user",
                    "content": [["type": "text", "text": "قل"], ["type": "audio", "audio_url": .string(reference)]],
                ],
                [
                    "role": .string(role),
                    "content": [["type": "text", "text": .string(text)], ["type": "audio", "audio_url": target]],
                ],
            ]
        ]
        if let id { row["id"] = .string(id) }
        return .object(row)
    }

    /// Options for manifest.jsonl into work/.
    func options(_ change: (inout IngestOptions) -> Void = { _ in }) -> IngestOptions {
        var options = IngestOptions(manifest: path("manifest.jsonl"), output: path("work"))
        options.maxRejectFraction = 1
        options.workers = 2
        options.isQuiet = true
        change(&options)
        return options
    }

    /// The lines of rejects.jsonl.
    func rejects() throws -> [JSONValue] {
        try Array(Data(contentsOf: URL(fileURLWithPath: path("work/rejects.jsonl")))).split(separator: 0x0A)
            .map { try JSONValue(parsing: $0) }
    }

    /// All rows of one of the two directories.
    func rows(_ name: String) throws -> [MDSRow] {
        let reader = try MDSReader(directory: path("work/\(name)"))
        return try (0..<reader.sampleCount).map { try reader.row($0) }
    }

    /// Every file below work/ by name, but for locks.
    func files(_ work: String = "work") throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: path(work)) where !name.hasSuffix(".lock") {
            var isDirectory: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path("\(work)/\(name)"), isDirectory: &isDirectory),
                !isDirectory.boolValue
            else { continue }
            files[name] = Array(try Data(contentsOf: URL(fileURLWithPath: path("\(work)/\(name)"))))
        }
        return files
    }
}
