// Progress: a bar with rate and time left on a terminal, a plain line every few seconds elsewhere.

import Foundation
import Synchronization

/// How far a long piece of work is. Thread-safe.
public final class Progress: Sendable {
    private struct State {
        var done = 0.0
        var note = ""
        var lastShown: ContinuousClock.Instant
        var shownOnce = false
    }

    private let title: String
    private let unit: String
    private let total: Double?
    private let start = ContinuousClock.now
    private let isQuiet: Bool
    private let state: Mutex<State>

    /// - Parameters:
    ///   - title: what is being done, such as `featurize`.
    ///   - unit: what is counted, in the plural: `samples`, `rows`, `s of audio`.
    ///   - total: how many there are; nil where that is unknown.
    ///   - isQuiet: draws nothing.
    public init(_ title: String, unit: String, total: Double?, isQuiet: Bool = false) {
        self.title = title
        self.unit = unit
        self.total = total
        self.isQuiet = isQuiet
        state = Mutex(State(lastShown: ContinuousClock.now))
    }

    /// Counts `amount` more units as done; `note` stands behind the bar.
    public func advance(by amount: Double = 1, note: String? = nil) {
        guard !isQuiet else { return }
        let interval = Console.isTerminal ? Duration.milliseconds(100) : Duration.seconds(10)
        state.withLock { state in
            state.done += amount
            if let note { state.note = note }
            let now = ContinuousClock.now
            guard now - state.lastShown >= interval else { return }
            state.lastShown = now
            state.shownOnce = true
            let line = line(state, elapsed: (now - start).seconds)
            if Console.isTerminal { Console.draw(bar: line) } else { Console.writeLine(line) }
        }
    }

    /// Ends the display.
    public func finish() {
        if !isQuiet, Console.isTerminal { Console.eraseBar() }
    }

    private func line(_ state: State, elapsed: Double) -> String {
        let rate = elapsed > 0 ? state.done / elapsed : 0
        var text = "\(title): "
        if let total, total > 0 {
            let fraction = min(1, state.done / total)
            if Console.isTerminal {
                let filled = Int(fraction * 24)
                text += "[" + String(repeating: "█", count: filled) + String(repeating: "·", count: 24 - filled) + "] "
            }
            text += "\(Int(fraction * 100)) %, \(format(state.done)) of \(format(total)) \(unit), \(format(rate))/s"
            if rate > 0, fraction < 1 { text += ", \(Self.clock((total - state.done) / rate)) left" }
        } else {
            text += "\(format(state.done)) \(unit), \(format(rate))/s"
        }
        return state.note.isEmpty ? text : text + "  " + state.note
    }

    private func format(_ value: Double) -> String {
        value >= 100 || value == value.rounded() ? String(Int(value.rounded())) : String(format: "%.1f", value)
    }

    /// Seconds as `h:mm:ss` or `m:ss`.
    public static func clock(_ seconds: Double) -> String {
        let whole = Int(max(0, seconds).rounded())
        let (h, m, s) = (whole / 3600, whole / 60 % 60, whole % 60)
        return h > 0 ? String(format: "%d:%02d:%02d", h, m, s) : String(format: "%d:%02d", m, s)
    }
}

extension Duration {
    /// The duration in seconds.
    public var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
