// The run's scalars as TensorBoard reads them: one event a line of metrics.jsonl, in TFRecord frames (tensorflow
// lib/io/record_writer.h: length, masked CRC-32C of it, data, masked CRC-32C of that). Cut back like metrics.jsonl.

import Foundation
import PipelineKit

/// The events of a run, open for appending. Not thread-safe.
final class TensorBoardFile {
    /// TensorBoard takes any file whose name holds `tfevents`. One name, so that going on can cut the file.
    static let name = "events.out.tfevents.0.sawt"

    private let log: StepLog

    /// Opens the file after cutting it to the events of steps before `step`; 0 makes a new file.
    ///
    /// A last event that a kill has torn goes too, and that of an evaluation which is owed, as in metrics.jsonl.
    /// - Throws: `FileError`.
    init(path: String, keepingStepsBelow step: Int, owesEvaluation: Bool = false) throws {
        var kept = 0
        try StepLog.cut(path) { bytes in
            if step > 0 { kept = Self.keptCount(bytes, stepsBelow: step, owesEvaluation: owesEvaluation) }
            return kept
        }
        log = try StepLog(path: path)
        if kept == 0 { try append(TensorBoardEvent(wallTime: Self.now, step: 0, content: .fileVersion)) }
    }

    private static var now: Double { Date().timeIntervalSince1970 }

    /// Appends the numbers of a line of metrics.jsonl.
    func append(_ line: JSONObject) throws {
        guard let step = line["step"]?.intValue else { preconditionFailure("a line of metrics has a step") }
        try append(TensorBoardEvent(wallTime: Self.now, step: step, content: .scalars(Self.scalars(line))))
    }

    /// Brings the events to the disk.
    func sync() throws { try log.sync() }

    private func append(_ event: TensorBoardEvent) throws { try log.append(Self.frame(event.message)) }

    /// The numbers of a line by tag: `train/loss`, `train/codebook_losses/0`, `validation/audio_loss`,
    /// `reference/chance_audio`, `validation/positions/audio_out/trained`. null has no event.
    static func scalars(_ line: JSONObject) -> [TensorBoardEvent.Scalar] {
        var scalars: [TensorBoardEvent.Scalar] = []
        func add(_ tag: String, _ value: JSONValue) {
            if let number = value.doubleValue {
                scalars.append(.init(tag: tag, value: Float(number)))
            } else if let elements = value.arrayValue {
                for (index, element) in elements.enumerated() { add("\(tag)/\(index)", element) }
            } else if let members = value.objectValue?.members {
                for (key, member) in members { add("\(tag)/\(key)", member) }
            }
        }
        let isValidation = line["validation_loss"] != nil
        for (key, value) in line.members where key != "step" {
            if key.hasPrefix("chance_") || key.hasPrefix("unigram_") {
                // Both kinds of line carry them; one curve is enough.
                if !isValidation { add("reference/" + key, value) }
            } else if key.hasPrefix("validation_") {
                add("validation/" + key.dropFirst("validation_".count), value)
            } else if !isValidation {
                add("train/" + key, value)
            }
        }
        return scalars
    }

    // MARK: - Frames

    /// A record around a message.
    static func frame(_ message: [UInt8]) -> [UInt8] {
        let length = littleEndianBytes(UInt64(message.count))
        return length + littleEndianBytes(maskedChecksum(length[...])) + message
            + littleEndianBytes(maskedChecksum(message[...]))
    }

    /// How many bytes of a file are whole events of steps before `step`.
    private static func keptCount(_ bytes: [UInt8], stepsBelow step: Int, owesEvaluation: Bool) -> Int {
        func number<Value: FixedWidthInteger>(at place: Int, _: Value.Type) -> Value {
            bytes.withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: place, as: Value.self)) }
        }
        var kept = 0
        while bytes.count - kept >= 16 {
            let length = number(at: kept, UInt64.self)
            guard length <= UInt64(bytes.count - kept - 16),
                number(at: kept + 8, UInt32.self) == maskedChecksum(bytes[kept..<kept + 8])
            else { break }
            let start = kept + 12, end = start + Int(length)
            // Steps never fall from one event to the next, so the first event that goes is where the file is cut.
            guard number(at: end, UInt32.self) == maskedChecksum(bytes[start..<end]),
                let found = TensorBoardEvent.step(ofMessage: bytes[start..<end]), found < step
            else { break }
            if owesEvaluation, found == step - 1, isEvaluation(bytes[start..<end]) { break }
            kept = end + 4
        }
        return kept
    }

    /// Whether a message has the tags of an evaluation.
    private static func isEvaluation(_ message: ArraySlice<UInt8>) -> Bool {
        let tag = Array("validation/".utf8)
        return message.indices.dropLast(tag.count - 1).contains { message[$0...].starts(with: tag) }
    }

    /// TensorFlow's mask of a checksum: turned right by 15 bits, plus a constant.
    private static func maskedChecksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        let checksum = CRC32C.checksum(bytes)
        return (checksum >> 15 | checksum << 17) &+ 0xA282_EAD8
    }
}

/// The Castagnoli CRC (RFC 3720, appendix B.4), a byte at a time: events are few and small.
enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value >> 1 ^ (value & 1 == 1 ? 0x82F6_3B78 : 0) }
    }

    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(~0) { $0 >> 8 ^ table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] }
    }
}
