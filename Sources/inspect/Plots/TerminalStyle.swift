// What the terminal can show: its width, and whether colours are wanted.

import ArgumentParser
import Foundation

/// When drawings are coloured.
enum ColorChoice: String, ExpressibleByArgument, CaseIterable {
    case auto, always, never
}

/// How drawings are made for stdout.
struct TerminalStyle: Sendable {
    /// Columns of a line.
    var columns: Int
    /// 24-bit colours and block characters; else ASCII alone.
    var isColored: Bool

    /// The widths that a drawing can have.
    static let widths = 40...400

    init(columns: Int, isColored: Bool) {
        self.columns = max(Self.widths.lowerBound, min(Self.widths.upperBound, columns))
        self.isColored = isColored
    }

    /// Asks the environment and stdout: COLUMNS, else the terminal's own width, else 80. `auto` colours a terminal that is
    /// not `dumb`, unless NO_COLOR (no-color.org) is set.
    init(color: ColorChoice, environment: [String: String] = ProcessInfo.processInfo.environment) {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        let asked = environment["COLUMNS"].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        let plain = environment["NO_COLOR"].map { !$0.isEmpty } ?? false || environment["TERM"] == "dumb"
        self.init(
            columns: asked ?? (isTerminal ? Self.terminalColumns : nil) ?? 80,
            isColored: color == .always || (color == .auto && isTerminal && !plain))
    }

    private static var terminalColumns: Int? {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }
}

/// A line of a drawing with its colours; a colour is said again only where it changes.
struct StyledLine {
    private(set) var text = ""
    private var foreground: Color?
    private var background: Color?

    /// Appends characters in colours; nil is the terminal's own.
    mutating func add(_ characters: String, _ foreground: Color? = nil, on background: Color? = nil) {
        if foreground != self.foreground {
            text += foreground.map { "\u{1B}[38;2;\($0.red);\($0.green);\($0.blue)m" } ?? "\u{1B}[39m"
        }
        if background != self.background {
            text += background.map { "\u{1B}[48;2;\($0.red);\($0.green);\($0.blue)m" } ?? "\u{1B}[49m"
        }
        (self.foreground, self.background) = (foreground, background)
        text += characters
    }

    /// The line, with the colours set back.
    var finished: String {
        foreground == nil && background == nil ? text : text + "\u{1B}[0m"
    }
}
