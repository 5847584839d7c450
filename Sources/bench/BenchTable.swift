// The figures, as a table for people and as JSON.

import Foundation
import PipelineKit

/// One measured thing.
struct BenchRow {
    var work: String
    /// Ours, in `unit`.
    var ours: Double
    var unit: String
    /// The peer's, where it ran.
    var peer: Double?
    var peerName: String?
    /// How many times faster ours is.
    var ratio: Double?
    var peakBytes: Int?

    /// The cells of the table.
    var cells: [String] {
        [
            work, "\(Self.figure(ours)) \(unit)", peer.map { "\(Self.figure($0)) \(unit) (\(peerName ?? ""))" } ?? "",
            ratio.map { String(format: "%.2f ×", $0) } ?? "", peakBytes.map { "\($0 >> 20) MiB" } ?? "",
        ]
    }

    /// Three digits or more.
    private static func figure(_ value: Double) -> String {
        String(format: value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value)
    }
}

/// All of them.
struct BenchTable {
    private(set) var rows: [BenchRow] = []

    /// Adds times, where less is better.
    mutating func add(
        _ work: String, seconds: Double, peer: (name: String, seconds: Double)? = nil, peakBytes: Int? = nil
    ) {
        let scale = seconds < 0.5 ? 1_000.0 : 1
        add(
            BenchRow(
                work: work, ours: seconds * scale, unit: scale == 1 ? "s" : "ms", peer: peer.map { $0.seconds * scale },
                peerName: peer?.name, ratio: peer.map { $0.seconds / seconds }, peakBytes: peakBytes))
    }

    /// Adds rates, where more is better.
    mutating func add(
        _ work: String, rate: Double, unit: String, peer: (name: String, rate: Double)? = nil, peakBytes: Int? = nil
    ) {
        add(
            BenchRow(
                work: work, ours: rate, unit: unit, peer: peer?.rate, peerName: peer?.name,
                ratio: peer.map { rate / $0.rate }, peakBytes: peakBytes))
    }

    private mutating func add(_ row: BenchRow) {
        rows.append(row)
        Console.log.info("\(row.cells.filter { !$0.isEmpty }.joined(separator: ", "))")
    }

    var text: String {
        let all = [["work", "ours", "peer", "faster", "peak memory"]] + rows.map(\.cells)
        let widths = (0..<5).map { column in all.reduce(0) { max($0, $1[column].count) } }
        return all.map { row in
            zip(row, widths).map { cell, width in cell + String(repeating: " ", count: width - cell.count) }
                .joined(separator: "  ")
        }.joined(separator: "\n") + "\n\n\(Self.machine)"
    }

    /// `AMD EPYC 9575F 64-Core Processor, 2 cores`.
    private static var machine: String {
        let processor = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n")
            .first { $0.hasPrefix("model name") }?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces)
        return "\(processor ?? "a processor without a name"), \(ProcessInfo.processInfo.activeProcessorCount) cores"
    }

    func json(runs: Int) -> JSONValue {
        [
            "machine": .string(Self.machine), "runs": .int(runs),
            "cores": .int(ProcessInfo.processInfo.activeProcessorCount),
            "rows": .array(
                rows.map { row in
                    [
                        "work": .string(row.work), "ours": .double(row.ours), "unit": .string(row.unit),
                        "peer": row.peer.map { .double($0) } ?? .null,
                        "peer_name": row.peerName.map { .string($0) } ?? .null,
                        "ratio": row.ratio.map { .double($0) } ?? .null,
                        "peak_bytes": row.peakBytes.map { .int($0) } ?? .null,
                    ]
                }),
        ]
    }
}
