// The events beside metrics.jsonl, against the bytes that TensorBoard's own writer makes of the same events.

import Foundation
import PipelineKit
import Testing
import TestSupport

@testable import train

private func bytes(_ path: String) throws -> [UInt8] {
    try MappedFile(path: path).withBytes { Array($0) }
}

private func line(_ step: Int) -> JSONObject { ["step": .int(step), "loss": .double(Double(step) / 4)] }

/// The steps of a file's scalar events, read by the frames' lengths.
private func steps(_ bytes: [UInt8]) -> [Int] {
    var steps: [Int] = []
    var place = 0
    while place < bytes.count {
        let length = bytes[place..<place + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
        if let step = TensorBoardEvent.step(ofMessage: bytes[place + 12..<place + 12 + length]) { steps.append(step) }
        place += length + 16
    }
    return Array(steps.dropFirst())
}

@Suite struct TensorBoardTests {
    @Test func `CRC-32C of RFC 3720's examples`() {
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(CRC32C.checksum((0..<32).map { UInt8($0) }) == 0x46DD_794E)
    }

    /// tensorboard 2.21, with event_pb2 and summary_pb2 of tensorboard.compat.proto:
    ///
    ///     writer = RecordWriter(file)
    ///     writer.write(Event(wall_time=1.5, file_version="brain.Event:2").SerializeToString())
    ///     writer.write(Event(wall_time=2.25, step=300, summary=Summary(value=[
    ///         Summary.Value(tag="train/loss", simple_value=3.5),
    ///         Summary.Value(tag="صوت", simple_value=-0.1)])).SerializeToString())
    @Test func `events have the bytes of TensorBoard's writer`() {
        let golden =
            "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c"
            + "300000000000000095f5d05f09000000000000024010ac022a220a110a0a747261696e2f6c6f737315000060400a0d0a06d8b5d9"
            + "88d8aa15cdccccbd4c9a1b6c"
        let events = [
            TensorBoardEvent(wallTime: 1.5, step: 0, content: .fileVersion),
            TensorBoardEvent(
                wallTime: 2.25, step: 300,
                content: .scalars([.init(tag: "train/loss", value: 3.5), .init(tag: "صوت", value: -0.1)])),
        ]
        let written = events.flatMap { TensorBoardFile.frame($0.message) }
        #expect(written.map { String(format: "%02x", $0) }.joined() == golden)
        #expect(TensorBoardEvent.step(ofMessage: events[1].message[...]) == 300)
        #expect(TensorBoardEvent.step(ofMessage: events[0].message[...]) == 0)
    }

    @Test func `each number of a line has a tag, and null has none`() {
        let training: JSONObject = [
            "step": 7, "loss": 1.5, "text_loss": .null, "codebook_losses": [2.0, .null, 3], "chance_audio": 4.0,
            "positions": ["audio_out": ["trained": 5, "masked": 6]],
        ]
        #expect(
            TensorBoardFile.scalars(training).map { "\($0.tag) \($0.value)" } == [
                "train/loss 1.5", "train/codebook_losses/0 2.0", "train/codebook_losses/2 3.0",
                "reference/chance_audio 4.0", "train/positions/audio_out/trained 5.0",
                "train/positions/audio_out/masked 6.0",
            ])
        let validation: JSONObject = [
            "step": 7, "epoch": 1.0, "validation_loss": 2.5, "validation_text_swap_delta": 0.5, "chance_audio": 4.0,
        ]
        #expect(
            TensorBoardFile.scalars(validation).map { "\($0.tag) \($0.value)" } == [
                "validation/loss 2.5", "validation/text_swap_delta 0.5",
            ])
    }

    @Test func `going on cuts events of steps that will be done again, and a torn or damaged end`() throws {
        try withTemporaryDirectory { root in
            let path = root + "/" + TensorBoardFile.name
            func write(_ keeping: Int, _ steps: Range<Int>) throws {
                let file = try TensorBoardFile(path: path, keepingStepsBelow: keeping)
                for step in steps { try file.append(line(step)) }
                try file.sync()
            }
            try write(0, 0..<300)
            #expect(try steps(bytes(path)) == Array(0..<300))
            try write(200, 200..<201)
            #expect(try steps(bytes(path)) == Array(0..<201))
            let whole = try bytes(path)
            // Torn anywhere in the last event.
            for missing in [1, 4, 9, 20] {
                try AtomicFile.write(whole.dropLast(missing), to: path)
                try write(201, 0..<0)
                #expect(try steps(bytes(path)) == Array(0..<200), "\(missing) bytes missing")
            }
            // A bit of the last event's data, and of its length.
            let last =
                whole.count
                - TensorBoardFile.frame(
                    TensorBoardEvent(wallTime: 1, step: 200, content: .scalars(TensorBoardFile.scalars(line(200))))
                        .message
                ).count
            for place in [last, last + 20] {
                var damaged = whole
                damaged[place] ^= 1
                try AtomicFile.write(damaged, to: path)
                try write(201, 0..<0)
                #expect(try steps(bytes(path)) == Array(0..<200), "byte \(place) damaged")
            }
            try write(0, 0..<1)
            #expect(try steps(bytes(path)) == [0])
        }
    }
}
