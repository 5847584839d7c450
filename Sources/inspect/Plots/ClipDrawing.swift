// A clip drawn with characters: waveform, log-mel and codes above one axis of seconds. With colours in block characters, a
// column being two pixels of the log-mel high and two frames of codes wide; without, in ASCII.

import PipelineKit

/// The drawing of one clip.
struct ClipDrawing {
    let view: ClipView
    let style: TerminalStyle

    /// Columns of the labels at the left, the axis included.
    private static let labelColumns = 10
    /// Lines of a waveform; even, so that zero lies between two lines.
    private static let waveLines = 6
    private static let melLines = 14
    private static let ramp = Array(" .:-=+*#%@").map(String.init)

    private var columns: Int { style.columns - Self.labelColumns }

    var lines: [String] {
        var lines = headings
        if let audio = view.audio { lines += waveLines(audio.waveform) }
        if let mel = view.mel { lines += melLines(mel) }
        if view.codes != nil { lines += codeLines() }
        if view.audio != nil || view.mel != nil || view.codes != nil { lines += timeAxis }
        return lines
    }

    private var headings: [String] {
        var sound = ["\(numberText(view.seconds)) s"], seen: [String] = []
        if let audio = view.audio {
            sound.append("\(audio.waveform.sampleRate) Hz")
            if audio.channels > 1 { sound.append("mean of \(audio.channels) channels") }
            sound.append("peak \(audio.waveform.peakText)")
        }
        seen.append(view.mel.map { "log-mel of \($0.bins) bins, \(view.melOrigin)" } ?? "log-mel: \(view.melOrigin)")
        if let codes = view.codes {
            seen.append(
                "codes \(codes.codebooks) × \(codes.frames)"
                    + (codeStep > 1 ? ", every \(ordinal(codeStep)) frame" : ""))
        }
        if let reason = view.noCodes { seen.append("codes: \(reason)") }
        return ["\(view.name): " + sound.joined(separator: ", "), "  " + seen.joined(separator: "; ")]
    }

    // MARK: Lines with their labels

    private func label(_ text: String, tick: Bool = true) -> String {
        text.leftPadded(to: Self.labelColumns - 2) + " " + (style.isColored ? (tick ? "┤" : "│") : "|")
    }

    // MARK: Waveform

    private func waveLines(_ waveform: Waveform) -> [String] {
        let peak = max(waveform.peak, 1e-9)
        let envelope = waveform.envelope(columns: columns)
        let half = Self.waveLines / 2
        return (0..<Self.waveLines).map { line in
            var drawn = StyledLine()
            let text =
                line == 0
                ? "+" + numberText(Double(peak), 2)
                : line == half ? "0" : line == Self.waveLines - 1 ? "-" + numberText(Double(peak), 2) : ""
            drawn.add(label(text, tick: !text.isEmpty))
            // Levels count away from zero: the first line above or below it is level 0.
            let isUpper = line < half
            let level = isUpper ? half - 1 - line : line - half
            for (low, high) in envelope {
                let reach = max(0, isUpper ? high : -low) / peak * Float(half) - Float(level)
                drawn.addBar(reach, isUpper: isUpper, isInnermost: level == 0, isColored: style.isColored)
            }
            return drawn.finished
        }
    }

    // MARK: Log-mel

    private func melLines(_ mel: MelImage) -> [String] {
        let rows = style.isColored ? Self.melLines * 2 : Self.melLines
        let grid = mel.grid(columns: columns, rows: rows)
        let ticks = MelAxis.ticks(centresHertz: mel.centresHertz, gap: max(1, mel.bins * 2 / Self.melLines))
        return (0..<Self.melLines).map { line in
            let tick = ticks.first { (mel.bins - 1 - $0.bin) * Self.melLines / mel.bins == line }
            var drawn = StyledLine()
            drawn.add(label(tick?.label ?? "", tick: tick != nil))
            for column in 0..<columns {
                if style.isColored {
                    drawn.add(
                        "▀", Colormap.magma.color(grid[2 * line * columns + column]),
                        on: Colormap.magma.color(grid[(2 * line + 1) * columns + column]))
                } else {
                    let level = grid[line * columns + column] * Float(Self.ramp.count - 1)
                    drawn.add(Self.ramp[Int(level.rounded())])
                }
            }
            return drawn.finished
        }
    }

    // MARK: Codes

    /// Frames a half column shows one of; 1 where all of them are seen.
    private var codeStep: Int {
        guard style.isColored, let codes = view.codes else { return 1 }
        return max(1, (codes.frames + 2 * columns - 1) / (2 * columns))
    }

    private func ordinal(_ number: Int) -> String { number == 2 ? "second" : number == 3 ? "third" : "\(number)th" }

    private func codeLines() -> [String] {
        guard let codes = view.codes else { return [] }
        return style.isColored ? coloredCodes(codes) : codeDigits(codes)
    }

    private func coloredCodes(_ codes: RawCodes) -> [String] {
        (0..<codes.codebooks).map { codebook in
            var drawn = StyledLine()
            drawn.add(label("k\(codebook)", tick: codebook == 0 || codebook == codes.codebooks - 1))
            func color(_ half: Int) -> Color? {
                let time = (Double(half) + 0.5) / Double(2 * columns) * view.seconds
                return view.codeFrame(at: time).map { Colormap.viridis.color(view.codeLevel(codes[codebook, $0])) }
            }
            for column in 0..<columns { drawn.add("▌", color(2 * column), on: color(2 * column + 1)) }
            return drawn.finished
        }
    }

    /// Digits do not fit the axis: as many frames as the line has room for, from the first on.
    private func codeDigits(_ codes: RawCodes) -> [String] {
        let width = String(codes.values.max() ?? 0).count + 1
        let all = codes.frames * width <= columns
        let shown = all ? codes.frames : max(1, (columns - 2) / width)
        return (0..<codes.codebooks).map { codebook in
            label("k\(codebook)")
                + (0..<shown).map { String(codes[codebook, $0]).leftPadded(to: width) }.joined()
                + (all ? "" : " \u{2026}")
        }
    }

    // MARK: Seconds

    private var timeAxis: [String] {
        let (step, ticks) = TimeAxis.ticks(seconds: view.seconds, limit: max(2, columns / 10))
        var rule = Array(repeating: style.isColored ? "─" : "-", count: columns)
        var labels = Array(repeating: " ", count: columns)
        let places = ticks.map { (tick: $0, column: Int($0 / max(view.seconds, 1e-9) * Double(columns))) }
            .filter { $0.column < columns }
        for (number, (tick, column)) in places.enumerated() {
            rule[column] = style.isColored ? "┬" : "+"
            let text = TimeAxis.label(tick, step: step) + (number == places.count - 1 ? " s" : "")
            // The last label stays on the line.
            let start = min(column, columns - text.count)
            for (index, character) in text.enumerated() { labels[start + index] = String(character) }
        }
        var text = String(repeating: " ", count: Self.labelColumns) + labels.joined()
        while text.hasSuffix(" ") { text.removeLast() }
        return [
            String(repeating: " ", count: Self.labelColumns - 1) + (style.isColored ? "└" : "+") + rule.joined(), text,
        ]
    }
}

extension StyledLine {
    private static let eighths = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    private static let wave = Color(0x3DA5D9)

    /// One cell of a bar that grows away from zero and fills `reach` of this cell (1 and more: all of it).
    ///
    /// Block elements grow upwards only: below zero the cell's colours are exchanged, so that what they leave is drawn.
    fileprivate mutating func addBar(_ reach: Float, isUpper: Bool, isInnermost: Bool, isColored: Bool) {
        guard isColored else {
            add(reach >= 0.5 ? "#" : isInnermost && isUpper && reach > 0.05 ? "." : isInnermost && isUpper ? "_" : " ")
            return
        }
        // Silence is a thin line.
        let filled = max(isInnermost && isUpper ? 1 : 0, min(8, Int((reach * 8).rounded())))
        if filled <= 0 {
            add(" ")
        } else if isUpper {
            add(Self.eighths[filled], Self.wave)
        } else {
            addReversed(Self.eighths[8 - filled], Self.wave)
        }
    }

    /// Appends a character whose own colour is the terminal's background, on a coloured ground.
    private mutating func addReversed(_ character: String, _ color: Color) {
        add("\u{1B}[7m" + character + "\u{1B}[27m", color)
    }
}
