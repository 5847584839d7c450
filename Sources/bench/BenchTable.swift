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
}

/// All of them.
struct BenchTable {
    private(set) var rows: [BenchRow] = []

    /// Adds times, where less is better.
    mutating func add(
        _ work: String, seconds: Double, peer: (name: String, seconds: Double)? = nil, peakBytes: Int? = nil
    ) {
        let scale = seconds < 0.5 ? 1_000.0 : 1
        rows.append(
            BenchRow(
                work: work, ours: seconds * scale, unit: scale == 1 ? "s" : "ms", peer: peer.map { $0.seconds * scale },
                peerName: peer?.name, ratio: peer.map { $0.seconds / seconds }, peakBytes: peakBytes))
        let beside = peer.map { ", \($0.name) \($0.seconds) s" } ?? ""
        Console.log.info("\(work): \(seconds) s\(beside)")
    }

    /// Adds rates, where more is better.
    mutating func add(
        _ work: String, rate: Double, unit: String, peer: (name: String, rate: Double)? = nil, peakBytes: Int? = nil
    ) {
        rows.append(
            BenchRow(
                work: work, ours: rate, unit: unit, peer: peer?.rate, peerName: peer?.name,
                ratio: peer.map { rate / $0.rate }, peakBytes: peakBytes))
        let beside = peer.map { ", \($0.name) \($0.rate)" } ?? ""
        Console.log.info("\(work): \(rate) \(unit)\(beside)")
    }

    var text: String {
        let cells = rows.map { row in
            [
                row.work, String(format: "%.2f %@", row.ours, row.unit),
                row.peer.map { String(format: "%.2f (%@)", $0, row.peerName ?? "") } ?? "",
                row.ratio.map { String(format: "%.2f ×", $0) } ?? "",
                row.peakBytes.map { "\($0 >> 20) MiB" } ?? "",
            ]
        }
        let all = [["work", "ours", "peer", "faster", "peak memory"]] + cells
        let widths = (0..<5).map { column in all.reduce(0) { max($0, $1[column].count) } }
        return all.map { row in
            zip(row, widths).map { cell, width in cell + String(repeating: " ", count: width - cell.count) }
                .joined(separator: "  ")
        }.joined(separator: "\n")
    }

    func json(runs: Int) -> JSONValue {
        return [
            "runs": .int(runs), "cores": .int(ProcessInfo.processInfo.activeProcessorCount),
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
