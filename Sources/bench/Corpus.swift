// What is measured on: the example's speech, joined to long clips, as files of the formats that corpora have.

import Foundation
import PipelineKit

/// Audio files and manifests in a folder of their own.
struct Corpus {
    let directory: String
    /// 24 kHz mono. // (S)
    private let speech: [Float]

    /// - Parameter example: the folder with the example's FLAC files.
    init(directory: String, example: String) throws {
        self.directory = directory
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let names = try FileManager.default.contentsOfDirectory(atPath: example).filter { $0.hasSuffix(".flac") }
            .sorted()
        guard !names.isEmpty else {
            throw Failure(.badUsage, "no FLAC files", at: example, remedy: "run the benchmark in the project's folder")
        }
        var speech: [Float] = []
        for name in names {
            let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(example)/\(name)")))
            let clip = try AudioDecoder(bytes: bytes, source: name)
            let rate = clip.info.sampleRate
            speech += FourierResampler().resample(try clip.decodeMono(), from: rate, to: 24_000)
        }
        self.speech = speech
    }

    /// Speech of any length at 24 kHz: the example again and again, from another place for each number.
    func clip(_ number: Int, seconds: Int) -> [Float] {
        (0..<seconds * 24_000).map { speech[($0 + number * 70_001) % speech.count] }
    }

    /// Writes clips and the manifest that names them as references or answers.
    ///
    /// - Returns: the manifest's path.
    func write(_ name: String, clips: Int, seconds: Int, rate: Int, role: String) throws -> String {
        var rows = ""
        for number in 0..<clips {
            let samples = FourierResampler().resample(clip(number, seconds: seconds), from: 24_000, to: rate)
            let path = "\(directory)/\(name)-\(number).flac"
            let integers = samples.map { Int32(max(-32_768, min(32_767, ($0 * 32_767).rounded()))) << 16 }
            try AtomicFile.write(
                AudioEncoder.flac(integers, bits: 16, channels: 1, sampleRate: rate, source: path), to: path)
            let audio: JSONValue = ["type": "audio", "audio_url": .string(path)]
            let text: JSONValue = ["type": "text", "text": "كلام"]
            let row: JSONValue = [
                "id": .string("\(name)-\(number)"),
                "messages": [
                    ["role": "user", "content": .array(role == "in" ? [text, audio] : [text])],
                    ["role": "assistant", "content": .array(role == "out" ? [text, audio] : [text])],
                ],
            ]
            rows += row.pythonDump() + "\n"
        }
        let manifest = "\(directory)/\(name).jsonl"
        try AtomicFile.write(rows.utf8, to: manifest)
        return manifest
    }
}
