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

    /// A format that corpora have.
    enum Format: String {
        /// Mono, 16 bits.
        case flac
        /// Stereo.
        case vorbis = "ogg"
    }

    /// Writes clips and the manifest that names them as references or answers.
    ///
    /// - Returns: the manifest's path.
    func write(
        _ name: String, _ format: Format = .flac, clips: Int, seconds: Int, rate: Int, role: String
    ) throws -> String {
        var rows = ""
        for number in 0..<clips {
            let samples = FourierResampler().resample(clip(number, seconds: seconds), from: 24_000, to: rate)
            let path = "\(directory)/\(name)-\(number).\(format.rawValue)"
            try AtomicFile.write(encode(samples, format, rate: rate, path: path), to: path)
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

    private func encode(_ samples: [Float], _ format: Format, rate: Int, path: String) throws -> [UInt8] {
        switch format {
        case .flac:
            let integers = samples.map { Int32(max(-32_768, min(32_767, ($0 * 32_767).rounded()))) << 16 }
            return try AudioEncoder.flac(integers, bits: 16, channels: 1, sampleRate: rate, source: path)
        case .vorbis:
            let stereo = samples.indices.flatMap { [samples[$0], 0.7 * samples[max(0, $0 - 20)]] }
            return try AudioEncoder.vorbis(stereo, channels: 2, sampleRate: rate, source: path)
        }
    }

    /// Writes conversations of Arabic sentences, each with a reference and an answer out of a few 24 kHz 16-bit WAVs.
    ///
    /// - Returns: the manifest's path.
    func writeConversations(_ name: String, rows: Int, files: Int, seconds: Int) throws -> String {
        let folder = "\(directory)/\(name)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for number in 0..<files {
            let bytes = try AudioEncoder.wav16(
                clip(number, seconds: seconds), channels: 1, sampleRate: 24_000, source: name)
            try AtomicFile.write(bytes, to: "\(folder)/\(number).wav")
        }
        let sentences = [
            "السلام عليكم ورحمة الله وبركاته", "كيف حالك اليوم يا صديقي العزيز؟",
            "الطقس في الرياض حار جدا، ودرجة الحرارة 47 مئوية.", "هذا الجهاز يعمل بنظام Linux ويستخدم 16 نواة.",
            "سافرنا إلى القاهرة ثم إلى الإسكندرية عن طريق القطار.", "رقم الهاتف هو 0501234567 والبريد test@example.com",
            "قرأت الكتاب في ليلة واحدة ولم أنم حتى طلع الفجر.",
        ]
        func text(_ text: String) -> JSONValue { ["type": "text", "text": .string(text)] }
        func audio(_ number: Int) -> JSONValue { ["type": "audio", "audio_url": .string("\(number % files).wav")] }
        var lines = ""
        for row in 0..<rows {
            let wanted = sentences[(row + 1) % sentences.count]
            let messages: JSONValue = [
                [
                    "role": "system",
                    "content": "You are a helpful assistant that generates speech in the voice of the reference audio.",
                ],
                [
                    "role": "user",
                    "content": [
                        text(sentences[row % sentences.count]), audio(row),
                        text("Please generate speech for the given text in the reference audio's voice: \(wanted)"),
                    ],
                ],
                ["role": "assistant", "content": [text(wanted), audio(row * 7)]],
            ]
            let line: JSONValue = ["id": .string("row \(row)"), "messages": messages]
            lines += line.pythonDump(ascii: false) + "\n"
        }
        let manifest = "\(folder)/manifest.jsonl"
        try AtomicFile.write(lines.utf8, to: manifest)
        return manifest
    }
}
